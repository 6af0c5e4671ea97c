#include "nn/batch_pass.h"

#include <algorithm>
#include <cmath>

#include "gru/checks.h"
#include "gru/dropout.h"
#include "nn/gather.h"
#include "nn/head.h"
#include "nn/inputs.h"
#include "nn/loss.h"

namespace fastgru {

template <class S>
Status BatchPass<S>::reserve(std::int64_t steps, std::int64_t rows) {
  const NetworkConfig& c = config();
  FASTGRU_RETURN_IF_ERROR(check_memory(c.gru, steps, rows, sizeof(S)));
  const std::int64_t heads = c.sequence ? steps * rows : rows, width = c.head_inputs();
  if (!product_fits({heads, c.answers(), sizeof(S)})) return out_of_memory();
  const std::int64_t all_states = c.gru.num_layers * rows * width, outputs = heads * c.answers();
  const bool copied = !c.sequence || c.head_dropout > 0;  // else the head reads the states where they are
  const std::int64_t inputs = steps * rows * c.gru.input_size;
  const bool fits =
      d_x_.reserve(has_tokens() ? inputs : 0) && x_.reserve(inputs) && y_.reserve(steps * rows * width) &&
      d_y_.reserve(c.reads_all_steps() ? steps * rows * width : 0) && h_n_.reserve(all_states) &&
      d_h_n_.reserve(all_states) && pooled_.reserve(copied ? heads * width : 0) &&
      d_pooled_.reserve(c.sequence ? 0 : heads * width) && outputs_.reserve(outputs) &&
      d_outputs_.reserve(outputs) && targets_.reserve(heads * c.targets());
  if (!fits) return out_of_memory();
  const auto count = static_cast<std::size_t>(rows);
  weights_.resize(std::max(weights_.size(), static_cast<std::size_t>(heads)));
  lengths_.resize(std::max(lengths_.size(), count));
  if (has_tokens()) tokens_.resize(std::max(tokens_.size(), static_cast<std::size_t>(steps * rows)));
  return {};
}

template <class S>
void BatchPass<S>::gather(const TrainingData& data, const Scaling& scaling, const std::int64_t* order,
                          std::int64_t first, std::int64_t rows, int threads) {
  rows_ = rows;
  steps_ = data.x.steps;
  has_lengths_ = data.lengths != nullptr;
  if (has_lengths_) {  // no more steps than the longest row of the mini-batch has
    for (std::int64_t b = 0; b < rows; ++b) {
      lengths_[static_cast<std::size_t>(b)] = data.lengths[order[first + b]];
    }
    steps_ = std::max<std::int64_t>(1, *std::max_element(lengths_.begin(), lengths_.begin() + rows));
  }
  BlockRows block{order, first, rows, steps_, lengths()};
  const InputEncoder<S> encoder{config(), scaling, nullptr};
  if (has_tokens()) {
    const auto known = [&encoder](const auto* from, std::int64_t* to) {
      *to = encoder.token(static_cast<std::int64_t>(*from));
    };
    gather_steps(data.x, block, 1, known, tokens_.data(), 1);
  } else {
    gather_inputs(data.x, block, encoder, x_.data(), threads);
  }
  if (!config().sequence) block = {order, first, rows, 1, nullptr};
  gather_scaled(data.y, block, scaling.y_mean, scaling.y_scale, targets_.data(), 1);
  gather_weights(data, order, first);
}

// Steps beyond a row's end weigh nothing.
template <class S>
void BatchPass<S>::gather_weights(const TrainingData& data, const std::int64_t* order, std::int64_t first) {
  weighted_ =
      data.sample_weight != nullptr || data.class_weight != nullptr || (config().sequence && has_lengths_);
  const std::int64_t heads = head_rows();
  count_ = heads;
  if (!weighted_) return;
  count_ = 0;
  for (std::int64_t i = 0; i < heads; ++i) {
    const std::int64_t b = i % rows_, t = i / rows_;
    const bool counts = !config().sequence || !has_lengths_ || t < lengths_[static_cast<std::size_t>(b)];
    double weight = counts ? 1.0 : 0.0;
    if (data.sample_weight != nullptr) weight *= data.sample_weight[order[first + b]];
    if (data.class_weight != nullptr) {
      weight *= data.class_weight[static_cast<std::int64_t>(targets_.data()[i * config().targets()])];
    }
    weights_[static_cast<std::size_t>(i)] = weight;
    count_ += counts ? 1 : 0;
  }
  count_ = std::max<std::int64_t>(1, count_);
}

template <class S>
void BatchPass<S>::drop(S* states, std::uint64_t seed) const {
  const double p = config().head_dropout;
  if (p == 0.0) return;
  dropout(states, states, head_rows() * config().head_inputs(), 0, p, seed,
          static_cast<std::uint64_t>(RandomStream::dropout_head));
}

template <class S>
const S* BatchPass<S>::head_inputs(std::uint64_t seed) {
  if (config().sequence) {
    if (config().head_dropout == 0.0) return y_.data();
    std::copy_n(y_.data(), head_rows() * config().head_inputs(), pooled_.data());  // the tape refers to y
  } else {
    pool(config(), states(), pooled_.data());
  }
  drop(pooled_.data(), seed);
  return pooled_.data();
}

template <class S>
void BatchPass<S>::look_up(const S* embedding) {
  const std::int64_t size = config().gru.input_size;
  for (std::int64_t i = 0; i < steps_ * rows_; ++i) {
    std::copy_n(embedding + tokens_[static_cast<std::size_t>(i)] * size, size, x_.data() + i * size);
  }
}

template <class S>
void BatchPass<S>::add_token_gradients(S* gradient) const {
  const std::int64_t size = config().gru.input_size;
  std::fill_n(gradient, config().vocabulary_size * size, S(0));
  for (std::int64_t i = 0; i < steps_ * rows_; ++i) {
    const std::int64_t token = tokens_[static_cast<std::size_t>(i)];
    if (token == 0) continue;  // beyond the row's end
    S* to = gradient + token * size;
    for (std::int64_t k = 0; k < size; ++k) to[k] += d_x_.data()[i * size + k];
  }
}

template <class S>
Status BatchPass<S>::run_forward(const Weights<S>& gru, const S* params, std::uint64_t seed,
                                 const RunOptions& options) {
  if (has_tokens()) look_up(params + layout_.embedding());
  ForwardArgs<S> args;
  args.x = dense_view<const S>(x_.data(), steps_, rows_, config().gru.input_size);
  args.lengths = lengths();
  args.y = dense_view(y_.data(), steps_, rows_, config().head_inputs());
  args.h_n = h_n_.data();
  FASTGRU_RETURN_IF_ERROR(forward_train(gru, args, seed, tape_, options));
  head_inputs_ = head_inputs(seed);
  head_forward(head_view(layout_, params), head_inputs_, head_rows(), outputs_.data());
  return {};
}

template <class S>
Status BatchPass<S>::run_backward(const Weights<S>& gru, const S* params, std::uint64_t seed,
                                  const RunOptions& options, S* gradient) {
  S* d_inputs = config().sequence ? d_y_.data() : d_pooled_.data();
  head_backward(head_view(layout_, params), head_inputs_, d_outputs_.data(), head_rows(), d_inputs,
                gradient + layout_.head_weight(), gradient + layout_.head_bias());
  drop(d_inputs, seed);
  if (!config().sequence) pool_gradient(config(), states(), d_inputs, d_h_n_.data(), d_y_.data());
  BackwardArgs<S> args;
  if (config().reads_all_steps()) {
    args.dy = dense_view<const S>(d_y_.data(), steps_, rows_, config().head_inputs());
  } else {
    args.dh_n = d_h_n_.data();
  }
  args.dparams = gradient;  // the GRU's parameters come first
  if (has_tokens()) args.dx = dense_view(d_x_.data(), steps_, rows_, config().gru.input_size);
  FASTGRU_RETURN_IF_ERROR(backward(gru, tape_, args, options));
  if (has_tokens()) add_token_gradients(gradient + layout_.embedding());
  return {};
}

template <class S>
Status BatchPass<S>::loss_and_gradient(const Weights<S>& gru, const S* params, double mean_weight,
                                       std::uint64_t seed, const RunOptions& options, double& loss,
                                       S* gradient) {
  FASTGRU_RETURN_IF_ERROR(run_forward(gru, params, seed, options));
  const double* weights = weighted_ ? weights_.data() : nullptr;
  const double denominator = static_cast<double>(count_ * loss_terms(config())) * mean_weight;
  double sum = 0;
  add_loss(config(), outputs_.data(), targets_.data(), weights, head_rows(), denominator, sum,
           d_outputs_.data());
  loss = sum / denominator;
  if (!std::isfinite(loss)) return {};
  return run_backward(gru, params, seed, options, gradient);
}

template class BatchPass<float>;
template class BatchPass<double>;

}  // namespace fastgru
