#include "nn/batch_pass.h"

#include <algorithm>
#include <cmath>

#include "gru/checks.h"
#include "gru/dropout.h"
#include "nn/head.h"
#include "nn/loss.h"
#include "nn/predictor.h"

namespace fastgru {
namespace {

// The gradient of top_states(): zero for the layers below.
template <class S>
void spread_to_top(const GruConfig& config, const S* d_states, std::int64_t rows, S* d_h_n) {
  const std::int64_t hidden = config.hidden_size, directions = config.directions();
  const std::int64_t below = (config.num_layers - 1) * directions * rows * hidden;
  std::fill_n(d_h_n, below, S(0));
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    for (std::int64_t b = 0; b < rows; ++b) {
      std::copy_n(d_states + (b * directions + direction) * hidden, hidden,
                  d_h_n + below + (direction * rows + b) * hidden);
    }
  }
}

}  // namespace

template <class S>
std::int64_t BatchPass<S>::state_size() const {
  return layout_.config().head_inputs();
}

template <class S>
Status BatchPass<S>::reserve(std::int64_t steps, std::int64_t rows) {
  const NetworkConfig& config = layout_.config();
  FASTGRU_RETURN_IF_ERROR(check_memory(config.gru, steps, rows, sizeof(S)));
  if (!product_fits({rows, config.output_size, sizeof(S)})) return out_of_memory();
  const std::int64_t all_states = config.gru.num_layers * rows * state_size(),
                     outputs = rows * config.output_size;
  const bool fits = x_.reserve(steps * rows * config.gru.input_size) &&
                    y_.reserve(steps * rows * state_size()) && h_n_.reserve(all_states) &&
                    d_h_n_.reserve(all_states) && states_.reserve(rows * state_size()) &&
                    d_states_.reserve(rows * state_size()) && outputs_.reserve(outputs) &&
                    d_outputs_.reserve(outputs) && targets_.reserve(outputs);
  if (!fits) return out_of_memory();
  const auto count = static_cast<std::size_t>(rows);
  sample_weight_.resize(std::max(sample_weight_.size(), count));
  lengths_.resize(std::max(lengths_.size(), count));
  return {};
}

template <class S>
void BatchPass<S>::gather(const TrainingData& data, const Scaling& scaling, const std::int64_t* order,
                          std::int64_t first, std::int64_t rows, int threads) {
  rows_ = rows;
  weighted_ = data.sample_weight != nullptr;
  has_lengths_ = data.lengths != nullptr;
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto at = static_cast<std::size_t>(b);
    if (weighted_) sample_weight_[at] = data.sample_weight[order[first + b]];
    if (has_lengths_) lengths_[at] = data.lengths[order[first + b]];
  }
  steps_ = data.x.steps;
  if (has_lengths_) {  // no more steps than the longest row of the mini-batch has
    steps_ = std::max<std::int64_t>(1, *std::max_element(lengths_.begin(), lengths_.begin() + rows));
  }
  const BlockRows inputs{order, first, rows, steps_, has_lengths_ ? lengths_.data() : nullptr};
  gather_scaled(data.x, inputs, scaling.x_mean, scaling.x_scale, x_.data(), threads);
  const BlockRows targets{order, first, rows, 1, nullptr};
  gather_scaled(data.y, targets, scaling.y_mean, scaling.y_scale, targets_.data(), 1);
}

template <class S>
void BatchPass<S>::drop(S* states, std::uint64_t seed) const {
  const double p = layout_.config().head_dropout;
  if (p == 0.0) return;
  dropout(states, states, rows_ * state_size(), 0, p, seed,
          static_cast<std::uint64_t>(RandomStream::dropout_head));
}

template <class S>
Status BatchPass<S>::run_forward(const Weights<S>& gru, const S* params, std::uint64_t seed,
                                 const RunOptions& options) {
  ForwardArgs<S> args;
  args.x = dense_view<const S>(x_.data(), steps_, rows_, layout_.config().gru.input_size);
  args.lengths = has_lengths_ ? lengths_.data() : nullptr;
  args.y = dense_view(y_.data(), steps_, rows_, state_size());
  args.h_n = h_n_.data();
  FASTGRU_RETURN_IF_ERROR(forward_train(gru, args, seed, tape_, options));
  top_states(layout_.config().gru, h_n_.data(), rows_, states_.data());
  drop(states_.data(), seed);
  head_forward(head_view(layout_, params), states_.data(), rows_, outputs_.data());
  return {};
}

template <class S>
Status BatchPass<S>::run_backward(const Weights<S>& gru, const S* params, std::uint64_t seed,
                                  const RunOptions& options, S* gradient) {
  head_backward(head_view(layout_, params), states_.data(), d_outputs_.data(), rows_, d_states_.data(),
                gradient + layout_.head_weight(), gradient + layout_.head_bias());
  drop(d_states_.data(), seed);
  spread_to_top(layout_.config().gru, d_states_.data(), rows_, d_h_n_.data());
  BackwardArgs<S> args;
  args.dh_n = d_h_n_.data();
  args.dparams = gradient;  // the GRU's parameters come first
  return backward(gru, tape_, args, options);
}

template <class S>
Status BatchPass<S>::loss_and_gradient(const Weights<S>& gru, const S* params, double mean_weight,
                                       std::uint64_t seed, const RunOptions& options, double& loss,
                                       S* gradient) {
  FASTGRU_RETURN_IF_ERROR(run_forward(gru, params, seed, options));
  const std::int64_t outputs = layout_.config().output_size;
  const double* weights = weighted_ ? sample_weight_.data() : nullptr;
  const double denominator = static_cast<double>(rows_ * outputs) * mean_weight;
  double sum = 0;
  add_squared_error(outputs_.data(), targets_.data(), weights, rows_, outputs, sum);
  loss = sum / denominator;
  if (!std::isfinite(loss)) return {};
  squared_error_gradient(outputs_.data(), targets_.data(), weights, rows_, outputs, denominator,
                         d_outputs_.data());
  return run_backward(gru, params, seed, options, gradient);
}

template class BatchPass<float>;
template class BatchPass<double>;

}  // namespace fastgru
