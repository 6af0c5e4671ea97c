// Forward and backward of one mini-batch through the chain of modules, whole or in stretches (truncated
// backpropagation).
#include "nn/training_step.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/checks.h"
#include "nn/data/gather.h"
#include "nn/data/shuffle.h"
#include "runtime/denormals.h"

namespace fastgru {

template <class S>
Status TrainingStep<S>::reserve(std::int64_t steps, std::int64_t rows) {
  const NetworkConfig& c = config();
  steps = c.frames(steps);
  const bool cut = bptt_ > 0 && steps > bptt_;
  if (cut) steps = bptt_;
  FASTGRU_RETURN_IF_ERROR(chain_.reserve(steps, rows, true));
  const std::int64_t heads = c.sequence ? steps * rows : rows;
  const bool fits = gradient_.reserve(chain_.total()) &&
                    stretch_gradient_.reserve(cut && c.sequence ? chain_.total() : 0) &&
                    d_logits_.reserve(heads * c.logits()) && targets_.reserve(heads * c.targets());
  if (!fits) return out_of_memory();
  const auto count = static_cast<std::size_t>(rows);
  weights_.resize(std::max(weights_.size(), static_cast<std::size_t>(heads)));
  for (std::vector<std::int64_t>* each : {&lengths_, &stretch_, &skip_}) {
    each->resize(std::max(each->size(), count));
  }
  return {};
}

template <class S>
void TrainingStep<S>::choose(const TrainingData& data, const Scaling& scaling, const std::int64_t* order,
                             std::int64_t first, std::int64_t rows) {
  data_ = &data;
  order_ = order;
  first_ = first;
  call_.scaling = &scaling;
  call_.rows = rows;
  call_.training = call_.drops = true;
  call_.continues = false;
  frames_ = {config(), config().sequence, false, data.x.steps, data.lengths};
  target_frames_ = frames_;
  target_frames_.ends = true;
  all_steps_ = config().frames(data.x.steps);
  has_lengths_ = data.lengths != nullptr;
  count_ = config().sequence ? rows * all_steps_ : rows;
  if (!has_lengths_) return;
  for (std::int64_t b = 0; b < rows; ++b) {
    lengths_[static_cast<std::size_t>(b)] = config().frames(data.lengths[order[first + b]]);
  }
  const auto end = lengths_.begin() + rows;  // as many steps as the longest row of the mini-batch has
  all_steps_ = std::max<std::int64_t>(1, *std::max_element(lengths_.begin(), end));
  if (config().sequence) {
    count_ = std::max<std::int64_t>(1, std::accumulate(lengths_.begin(), end, std::int64_t{0}));
  }
}

template <class S>
void TrainingStep<S>::set_block(std::int64_t steps, const std::int64_t* lengths, const std::int64_t* skip) {
  call_.steps = steps;
  call_.lengths = lengths;
  block_ = {order_, first_, call_.rows, steps, lengths, skip, framing(frames_)};
}

template <class S>
template <class Ends>
void TrainingStep<S>::set_stretch(std::int64_t start, Ends ends) {
  for (std::int64_t b = 0; b < call_.rows; ++b) {
    const auto at = static_cast<std::size_t>(b);
    skip_[at] = start;
    stretch_[at] = std::clamp<std::int64_t>(ends(b) - start, 0, bptt_);
  }
  set_block(bptt_, stretch_.data(), skip_.data());
}

// Steps beyond a row's end have weight 0.
template <class S>
void TrainingStep<S>::load_targets(std::int64_t rows, const std::int64_t* skip) {
  BlockRows block{order_, first_, call_.rows, 1};
  if (config().sequence) {
    block = {order_, first_, call_.rows, call_.steps, call_.lengths, skip, framing(target_frames_)};
  }
  gather_scaled(data_->y, block, call_.scaling->y_mean, call_.scaling->y_scale, targets_.data(), 1);
  const bool padded = config().sequence && call_.lengths != nullptr;
  const std::int64_t targets = config().targets();
  weighted_ = data_->sample_weight != nullptr || data_->class_weight != nullptr || padded;
  for (std::int64_t i = 0; weighted_ && i < rows; ++i) {
    const std::int64_t b = i % call_.rows, t = i / call_.rows;
    double weight = padded && t >= call_.lengths[b] ? 0.0 : 1.0;
    if (data_->sample_weight != nullptr) weight *= data_->sample_weight[order_[first_ + b]];
    if (data_->class_weight != nullptr) {
      weight *= data_->class_weight[static_cast<std::int64_t>(targets_.data()[i * targets])];
    }
    weights_[static_cast<std::size_t>(i)] = weight;
  }
}

template <class S>
Status TrainingStep<S>::run(double denominator, double& loss, S* gradient) {
  Signal<S> logits;
  FASTGRU_RETURN_IF_ERROR(chain_.forward(call_, samples_of<S>(data_->x, block_), logits));
  load_targets(logits.count(), target_skip_);
  LossRows<S> rows;
  rows.logits = logits.values;
  rows.targets = targets_.data();
  rows.weights = weighted_ ? weights_.data() : nullptr;
  rows.rows = logits.count();
  rows.denominator = denominator;
  rows.gradient = d_logits_.data();
  double sum = 0;
  config().loss->add(config(), rows, sum);
  loss = sum / denominator;
  if (!std::isfinite(loss)) return {};
  SignalGradient<S> d_logits;
  d_logits.values = dense_view(d_logits_.data(), logits.steps, logits.rows, logits.width);
  return chain_.backward(call_, d_logits, gradient);
}

// Runs the steps before a row's last bptt_ steps without a tape, then the last ones with it.
template <class S>
Status TrainingStep<S>::run_last_steps(double denominator, std::uint64_t seed, double& loss) {
  const auto skipped = [this](std::int64_t b) { return std::max<std::int64_t>(0, row_length(b) - bptt_); };
  call_.training = false;
  for (std::int64_t start = 0; start < all_steps_ - bptt_; start += bptt_) {
    set_stretch(start, skipped);
    call_.seed = step_seed(seed, static_cast<std::uint64_t>(start));
    FASTGRU_RETURN_IF_ERROR(chain_.advance(call_, samples_of<S>(data_->x, block_)));
    chain_.carry_state();
    call_.continues = true;
  }
  for (std::int64_t b = 0; b < call_.rows; ++b) {
    const auto at = static_cast<std::size_t>(b);
    skip_[at] = skipped(b);
    stretch_[at] = row_length(b) - skip_[at];
  }
  set_block(bptt_, stretch_.data(), skip_.data());
  call_.training = true;
  call_.seed = seed;
  target_skip_ = nullptr;
  return run(denominator, loss, gradient_.data());
}

template <class S>
Status TrainingStep<S>::run_stretches(double denominator, std::uint64_t seed, double& loss) {
  const std::int64_t total = chain_.total();
  S* const gradient = gradient_.data();
  std::fill_n(gradient, total, S(0));
  loss = 0;
  for (std::int64_t start = 0; start < all_steps_; start += bptt_) {
    set_stretch(start, [this](std::int64_t b) { return row_length(b); });
    target_skip_ = skip_.data();
    call_.seed = step_seed(seed, static_cast<std::uint64_t>(start));
    double part = 0;
    FASTGRU_RETURN_IF_ERROR(run(denominator, part, stretch_gradient_.data()));
    loss += part;
    if (!std::isfinite(part)) return {};
    for (std::int64_t i = 0; i < total; ++i) gradient[i] += stretch_gradient_.data()[i];
    chain_.carry_state();
    call_.continues = true;
  }
  return {};
}

template <class S>
Status TrainingStep<S>::loss_and_gradient(const Parameters<S>& params, double mean_weight, std::uint64_t seed,
                                          const RunOptions& options, double& loss) {
  const FlushDenormals flush;
  const auto terms = static_cast<double>(count_ * config().loss->terms(config()));
  const double denominator = terms * mean_weight;
  call_.params = params;
  call_.options = options;
  call_.continues = false;
  if (truncated()) {
    return config().sequence ? run_stretches(denominator, seed, loss)
                             : run_last_steps(denominator, seed, loss);
  }
  set_block(all_steps_, has_lengths_ ? lengths_.data() : nullptr, nullptr);
  call_.seed = seed;
  target_skip_ = nullptr;
  return run(denominator, loss, gradient_.data());
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace fastgru
