#include "nn/batch_pass.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/checks.h"
#include "engine/dropout.h"
#include "nn/data/gather.h"
#include "nn/head.h"
#include "nn/inputs.h"
#include "nn/loss.h"
#include "nn/data/shuffle.h"

namespace fastgru {

template <class S>
Status BatchPass<S>::reserve(std::int64_t steps, std::int64_t rows) {
  const NetworkConfig& c = config();
  const bool cut = bptt_ > 0 && steps > bptt_;
  if (cut) steps = bptt_;
  FASTGRU_RETURN_IF_ERROR(check_memory(c.gru, steps, rows, sizeof(S)));
  const std::int64_t heads = c.sequence ? steps * rows : rows, width = c.head_inputs();
  if (!product_fits({heads, c.answers(), sizeof(S)})) return out_of_memory();
  const std::int64_t all_states = c.gru.num_layers * rows * width, outputs = heads * c.answers();
  const bool copied = !c.sequence || c.head_dropout > 0;  // else the head reads the states where they are
  const std::int64_t inputs = steps * rows * c.gru.input_size;
  const bool fits = entering_.reserve(cut ? all_states : 0) &&
                    stretch_gradient_.reserve(cut && c.sequence ? layout_.total() : 0) &&
                    d_x_.reserve(has_tokens() ? inputs : 0) && x_.reserve(inputs) &&
                    y_.reserve(steps * rows * width) &&
                    d_y_.reserve(c.gradient_steps(steps) * rows * width) && h_n_.reserve(all_states) &&
                    d_h_n_.reserve(all_states) && pooled_.reserve(copied ? heads * width : 0) &&
                    d_pooled_.reserve(c.sequence ? 0 : heads * width) && outputs_.reserve(outputs) &&
                    d_outputs_.reserve(outputs) && targets_.reserve(heads * c.targets());
  if (!fits) return out_of_memory();
  const auto count = static_cast<std::size_t>(rows);
  weights_.resize(std::max(weights_.size(), static_cast<std::size_t>(heads)));
  for (std::vector<std::int64_t>* each : {&lengths_, &stretch_, &skip_}) {
    each->resize(std::max(each->size(), count));
  }
  if (has_tokens()) tokens_.resize(std::max(tokens_.size(), static_cast<std::size_t>(steps * rows)));
  return {};
}

template <class S>
void BatchPass<S>::gather(const TrainingData& data, const Scaling& scaling, const std::int64_t* order,
                          std::int64_t first, std::int64_t rows, int threads) {
  data_ = &data;
  scaling_ = &scaling;
  order_ = order;
  first_ = first;
  rows_ = rows;
  threads_ = threads;
  all_steps_ = data.x.steps;
  has_lengths_ = data.lengths != nullptr;
  h0_ = nullptr;
  count_ = config().sequence ? rows * all_steps_ : rows;
  if (has_lengths_) {  // no more steps than the longest row of the mini-batch has
    for (std::int64_t b = 0; b < rows; ++b) {
      lengths_[static_cast<std::size_t>(b)] = data.lengths[order[first + b]];
    }
    const auto end = lengths_.begin() + rows;
    all_steps_ = std::max<std::int64_t>(1, *std::max_element(lengths_.begin(), end));
    if (config().sequence) {
      count_ = std::max<std::int64_t>(1, std::accumulate(lengths_.begin(), end, std::int64_t{0}));
    }
  }
  if (truncated()) return;  // loaded stretch by stretch
  block_lengths_ = has_lengths_ ? lengths_.data() : nullptr;
  load_inputs(all_steps_, nullptr);
  load_targets(nullptr);
}

template <class S>
void BatchPass<S>::load_inputs(std::int64_t steps, const std::int64_t* skip) {
  steps_ = steps;
  const BlockRows block{order_, first_, rows_, steps_, block_lengths_, skip};
  const InputEncoder<S> encoder{config(), *scaling_, nullptr};
  if (has_tokens()) {
    const auto known = [&encoder](const auto* from, std::int64_t* to) { *to = encoder.token(*from); };
    gather_steps(data_->x, block, 1, known, tokens_.data(), 1);
  } else {
    gather_inputs(data_->x, block, encoder, x_.data(), threads_);
  }
}

template <class S>
void BatchPass<S>::load_targets(const std::int64_t* skip) {
  BlockRows block{order_, first_, rows_, 1, nullptr, nullptr};
  if (config().sequence) block = {order_, first_, rows_, steps_, block_lengths_, skip};
  gather_scaled(data_->y, block, scaling_->y_mean, scaling_->y_scale, targets_.data(), 1);
  load_weights();
}

// Steps beyond a row's end weigh nothing.
template <class S>
void BatchPass<S>::load_weights() {
  const bool padded = config().sequence && block_lengths_ != nullptr;
  weighted_ = data_->sample_weight != nullptr || data_->class_weight != nullptr || padded;
  for (std::int64_t i = 0; weighted_ && i < head_rows(); ++i) {
    const std::int64_t b = i % rows_, t = i / rows_;
    double weight = padded && t >= block_lengths_[b] ? 0.0 : 1.0;
    if (data_->sample_weight != nullptr) weight *= data_->sample_weight[order_[first_ + b]];
    if (data_->class_weight != nullptr) {
      weight *= data_->class_weight[static_cast<std::int64_t>(targets_.data()[i * config().targets()])];
    }
    weights_[static_cast<std::size_t>(i)] = weight;
  }
}

template <class S>
void BatchPass<S>::drop_inputs(S* inputs, std::uint64_t seed) const {
  const double p = config().input_dropout;
  if (p == 0.0) return;
  dropout(inputs, inputs, steps_ * rows_ * config().gru.input_size, 0, p, seed,
          static_cast<std::uint64_t>(RandomStream::dropout_input));
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
  drop_inputs(x_.data(), seed);
  ForwardArgs<S> args;
  args.h0 = h0_;
  args.x = dense_view<const S>(x_.data(), steps_, rows_, config().gru.input_size);
  args.lengths = block_lengths_;
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
  BackwardArgs<S> args;
  if (config().sequence) {
    args.dy = dense_view<const S>(d_y_.data(), steps_, rows_, config().head_inputs());
  } else {
    args.dy = pool_gradient(config(), states(), d_inputs, d_h_n_.data(), d_y_.data());
  }
  if (!config().reads_all_steps()) args.dh_n = d_h_n_.data();
  args.dparams = gradient;  // the GRU's parameters come first
  if (has_tokens()) args.dx = dense_view(d_x_.data(), steps_, rows_, config().gru.input_size);
  FASTGRU_RETURN_IF_ERROR(backward(gru, tape_, args, options));
  if (has_tokens()) {
    drop_inputs(d_x_.data(), seed);
    add_token_gradients(gradient + layout_.embedding());
  }
  return {};
}

template <class S>
Status BatchPass<S>::run(const Weights<S>& gru, const S* params, double denominator, std::uint64_t seed,
                         const RunOptions& options, double& loss, S* gradient) {
  FASTGRU_RETURN_IF_ERROR(run_forward(gru, params, seed, options));
  const double* weights = weighted_ ? weights_.data() : nullptr;
  double sum = 0;
  add_loss(config(), outputs_.data(), targets_.data(), weights, head_rows(), denominator, sum,
           d_outputs_.data());
  loss = sum / denominator;
  if (!std::isfinite(loss)) return {};
  return run_backward(gru, params, seed, options, gradient);
}

template <class S>
template <class Ends>
void BatchPass<S>::load_stretch(std::int64_t start, Ends ends) {
  for (std::int64_t b = 0; b < rows_; ++b) {
    const auto at = static_cast<std::size_t>(b);
    skip_[at] = start;
    stretch_[at] = std::clamp<std::int64_t>(ends(b) - start, 0, bptt_);
  }
  block_lengths_ = stretch_.data();
  load_inputs(bptt_, skip_.data());
}

// The steps before a row's last bptt_ ones are run without a tape.
template <class S>
Status BatchPass<S>::run_last_steps(const Weights<S>& gru, const S* params, double denominator,
                                    std::uint64_t seed, const RunOptions& options, double& loss,
                                    S* gradient) {
  const auto skipped = [this](std::int64_t b) { return std::max<std::int64_t>(0, row_length(b) - bptt_); };
  const std::int64_t most = all_steps_ - bptt_;
  for (std::int64_t start = 0; start < most; start += bptt_) {
    load_stretch(start, skipped);
    if (has_tokens()) look_up(params + layout_.embedding());
    const std::uint64_t key = step_seed(seed, static_cast<std::uint64_t>(start));
    drop_inputs(x_.data(), key);
    ForwardArgs<S> args;
    args.x = dense_view<const S>(x_.data(), steps_, rows_, config().gru.input_size);
    args.h0 = h0_;
    args.lengths = block_lengths_;
    args.h_n = h_n_.data();
    FASTGRU_RETURN_IF_ERROR(forward(gru, args, workspace_, options));
    std::swap(entering_, h_n_);
    h0_ = entering_.data();
  }
  for (std::int64_t b = 0; b < rows_; ++b) {
    const auto at = static_cast<std::size_t>(b);
    skip_[at] = skipped(b);
    stretch_[at] = row_length(b) - skip_[at];
  }
  load_inputs(bptt_, skip_.data());
  load_targets(nullptr);
  return run(gru, params, denominator, seed, options, loss, gradient);
}

template <class S>
Status BatchPass<S>::run_stretches(const Weights<S>& gru, const S* params, double denominator,
                                   std::uint64_t seed, const RunOptions& options, double& loss, S* gradient) {
  const std::int64_t total = layout_.total();
  std::fill_n(gradient, total, S(0));
  loss = 0;
  for (std::int64_t start = 0; start < all_steps_; start += bptt_) {
    load_stretch(start, [this](std::int64_t b) { return row_length(b); });
    load_targets(skip_.data());
    double part = 0;
    const std::uint64_t key = step_seed(seed, static_cast<std::uint64_t>(start));
    FASTGRU_RETURN_IF_ERROR(run(gru, params, denominator, key, options, part, stretch_gradient_.data()));
    loss += part;
    if (!std::isfinite(part)) return {};
    for (std::int64_t i = 0; i < total; ++i) gradient[i] += stretch_gradient_.data()[i];
    std::swap(entering_, h_n_);
    h0_ = entering_.data();
  }
  return {};
}

template <class S>
Status BatchPass<S>::loss_and_gradient(const Weights<S>& gru, const S* params, double mean_weight,
                                       std::uint64_t seed, const RunOptions& options, double& loss,
                                       S* gradient) {
  const double denominator = static_cast<double>(count_ * loss_terms(config())) * mean_weight;
  if (!truncated()) return run(gru, params, denominator, seed, options, loss, gradient);
  if (config().sequence) return run_stretches(gru, params, denominator, seed, options, loss, gradient);
  return run_last_steps(gru, params, denominator, seed, options, loss, gradient);
}

template class BatchPass<float>;
template class BatchPass<double>;

}  // namespace fastgru
