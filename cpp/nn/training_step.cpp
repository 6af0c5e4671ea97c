// Forward and backward of one mini-batch through the chain of modules, whole or in stretches (truncated
// backpropagation).
#include "nn/training_step.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/checks.h"
#include "nn/data/gather.h"
#include "nn/data/shuffle.h"
#include "nn/losses/row_losses.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {

// Memory for the blocks of a group. It grows to the largest group seen.
template <class S>
Status TrainingStep<S>::reserve(const RowGroup& group) {
  const NetworkConfig& c = config();
  const std::int64_t steps = truncated(group) ? bptt_ : group.steps;
  FASTGRU_RETURN_IF_ERROR(chain_.reserve(steps, group.rows, true));
  const std::int64_t heads = c.sequence ? steps * group.rows : group.rows;
  const bool fits =
      block_gradient_.reserve(several_ ? chain_.total() : 0) && targets_.reserve(heads * c.targets());
  if (!fits) return out_of_memory();
  for (std::vector<double>* each : {&weights_, &losses_}) {
    each->resize(std::max(each->size(), static_cast<std::size_t>(heads)));
  }
  for (std::vector<std::int64_t>* each : {&stretch_, &skip_}) {
    each->resize(std::max(each->size(), static_cast<std::size_t>(group.rows)));
  }
  return {};
}

template <class S>
void TrainingStep<S>::choose(const TrainingData& data, const Scaling& scaling, const std::int64_t* order,
                             std::int64_t first, std::int64_t rows) {
  data_ = &data;
  stretch_group_ = -1;
  call_.scaling = &scaling;
  call_.training = call_.drops = true;
  frames_ = {config(), config().sequence, false, data.x.steps, data.lengths};
  target_frames_ = frames_.of_targets();
  groups_.set(config(), order + first, rows, data.lengths, data.x.steps, bptt_);
  const std::vector<RowGroup>& groups = groups_.all();
  several_ = groups.size() > 1 || (config().sequence && truncated(groups[0]));
  std::int64_t targets = 0;
  for (std::int64_t b = 0; b < rows; ++b) targets += targets_present(data, config(), order[first + b]);
  set_count(targets);
}

template <class S>
void TrainingStep<S>::set_count(std::int64_t targets) {
  count_ = targets == 0 ? 1.0 : static_cast<double>(targets) / static_cast<double>(config().targets());
}

template <class S>
void TrainingStep<S>::set_block(std::int64_t steps, const std::int64_t* lengths, const std::int64_t* skip) {
  call_.steps = steps;
  call_.lengths = lengths;
  block_ = {group_.order, 0, call_.rows, steps, lengths, skip, framing(frames_)};
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
  BlockRows block{group_.order, 0, call_.rows, 1};
  if (config().sequence) {
    block = {group_.order, 0, call_.rows, call_.steps, call_.lengths, skip, framing(target_frames_)};
  }
  gather_scaled(data_->y, block, call_.scaling->y_mean, call_.scaling->y_scale, targets_.data(), 1);
  const bool padded = config().sequence && call_.lengths != nullptr;
  const std::int64_t targets = config().targets();
  weighted_ = data_->weighted() || data_->class_weight != nullptr || padded;
  for (std::int64_t i = 0; weighted_ && i < rows; ++i) {
    const std::int64_t b = i % call_.rows, t = i / call_.rows;
    double& weight = weights_[static_cast<std::size_t>(i)];
    weight = 0;
    if (padded && t >= call_.lengths[b]) continue;
    const std::int64_t k = skip == nullptr ? t : skip[b] + t;
    weight = answer_weight(*data_, config(), group_.order[b], k, targets_.data()[i * targets]);
  }
}

template <class S>
Status TrainingStep<S>::run_head(const Signal<S>& features, double denominator, S* gradient, double& sum) {
  Dense<S>& head = chain_.head();
  const NetworkConfig& c = config();
  const int threads = usable_threads(call_.options.num_threads);
  const std::int64_t count = features.count(), most = head.rows_at_once(count);
  for (std::int64_t first = 0; first < count; first += most) {
    LossRows<S> rows;
    rows.rows = std::min(most, count - first);
    S* const logits = head.forward_rows(call_, features, first, rows.rows);
    rows.logits = rows.gradient = logits;
    rows.targets = targets_.data() + first * c.targets();
    rows.weights = weighted_ ? weights_.data() + first : nullptr;
    rows.denominator = denominator;
    add_losses(c, rows, threads, losses_.data() + first, sum);
    if (!std::isfinite(sum)) return {};
    FASTGRU_RETURN_IF_ERROR(head.backward_rows(call_, features, first, rows.rows, logits, gradient));
  }
  return {};
}

template <class S>
Status TrainingStep<S>::run_sequences(const Signal<S>& features, double denominator, S* gradient,
                                      double& sum) {
  Signal<S> logits;
  FASTGRU_RETURN_IF_ERROR(chain_.head().forward(call_, features, logits));
  labels_.set(*data_, group_.order, 0, call_.rows);
  LossSequences<S> rows = labels_.template of<S>(logits.values, call_.steps, call_.lengths);
  rows.threads = usable_threads(call_.options.num_threads);
  const std::int64_t scratch = config().loss->sequence_scratch(config(), call_.steps, labels_.most());
  if (!loss_scratch_.reserve(rows.threads * scratch)) return out_of_memory();
  if (!d_logits_.reserve(logits.count() * logits.width)) return out_of_memory();
  rows.scratch = loss_scratch_.data();
  rows.denominator = denominator;
  rows.gradient = d_logits_.data();
  config().loss->add_sequences(config(), rows, sum);
  if (!std::isfinite(sum)) return {};
  return chain_.head().backward_rows(call_, features, 0, logits.count(), d_logits_.data(), gradient);
}

template <class S>
Status TrainingStep<S>::run_block(double denominator, double& loss) {
  Signal<S> features;
  FASTGRU_RETURN_IF_ERROR(chain_.forward_body(call_, samples_of<S>(data_->x, block_), features));
  S* const gradient = several_ ? block_gradient_.data() : gradient_.data();
  double sum = 0;
  if (config().loss->aligns()) {
    FASTGRU_RETURN_IF_ERROR(run_sequences(features, denominator, gradient, sum));
  } else {
    load_targets(features.count(), target_skip_);
    FASTGRU_RETURN_IF_ERROR(run_head(features, denominator, gradient, sum));
  }
  loss += sum / denominator;
  if (!std::isfinite(loss)) return {};
  SignalGradient<S> d_features;
  d_features.values = chain_.head().input_gradient_of(features);
  FASTGRU_RETURN_IF_ERROR(chain_.backward_body(call_, d_features, gradient));
  if (!several_) return {};
  std::transform(gradient, gradient + chain_.total(), gradient_.data(), gradient_.data(), std::plus<>());
  return {};
}

// Runs the steps before a row's last bptt_ steps without a tape, then the last ones with it.
template <class S>
Status TrainingStep<S>::run_last_steps(double denominator, std::uint64_t seed, double& loss) {
  const auto skipped = [this](std::int64_t b) { return std::max<std::int64_t>(0, group_.length(b) - bptt_); };
  call_.training = false;
  for (std::int64_t start = 0; start < group_.steps - bptt_; start += bptt_) {
    set_stretch(start, skipped);
    call_.seed = step_seed(seed, static_cast<std::uint64_t>(start));
    FASTGRU_RETURN_IF_ERROR(chain_.advance(call_, samples_of<S>(data_->x, block_)));
    chain_.carry_state();
    call_.continues = true;
  }
  for (std::int64_t b = 0; b < call_.rows; ++b) {
    const auto at = static_cast<std::size_t>(b);
    skip_[at] = skipped(b);
    stretch_[at] = group_.length(b) - skip_[at];
  }
  set_block(bptt_, stretch_.data(), skip_.data());
  call_.training = true;
  call_.seed = seed;
  target_skip_ = nullptr;
  return run_block(denominator, loss);
}

template <class S>
Status TrainingStep<S>::run_stretches(double denominator, std::uint64_t seed, double& loss) {
  for (std::int64_t start = 0; start < group_.steps; start += bptt_) {
    set_stretch(start, [this](std::int64_t b) { return group_.length(b); });
    target_skip_ = skip_.data();
    call_.seed = step_seed(seed, static_cast<std::uint64_t>(start));
    FASTGRU_RETURN_IF_ERROR(run_block(denominator, loss));
    if (!std::isfinite(loss)) return {};
    chain_.carry_state();
    call_.continues = true;
  }
  return {};
}

template <class S>
bool TrainingStep<S>::next_stretch() {
  const std::vector<RowGroup>& groups = groups_.all();
  const std::int64_t stretch = bptt_ > 0 ? bptt_ : std::numeric_limits<std::int64_t>::max();
  if (stretch_group_ < 0 || group_.steps - stretch_start_ <= stretch) {
    if (++stretch_group_ == static_cast<std::int64_t>(groups.size())) {
      stretch_group_ = -1;
      return false;
    }
    group_ = groups[static_cast<std::size_t>(stretch_group_)];
    stretch_start_ = 0;
    call_.continues = false;
  } else {
    stretch_start_ += stretch;
    call_.continues = true;
  }
  call_.rows = group_.rows;
  several_ = false;
  std::int64_t targets = 0;
  for (std::int64_t b = 0; b < group_.rows; ++b) {
    const std::int64_t end = std::min(group_.length(b) - stretch_start_, stretch) + stretch_start_;
    targets += targets_present(*data_, config(), group_.order[b], stretch_start_, end);
  }
  set_count(targets);
  return true;
}

template <class S>
Status TrainingStep<S>::run_stretch(double mean_weight, std::uint64_t seed, double& loss) {
  FASTGRU_RETURN_IF_ERROR(reserve(group_));
  const double terms = count_ * static_cast<double>(config().loss->terms(config()));
  call_.seed = seed;
  if (truncated(group_)) {
    set_stretch(stretch_start_, [this](std::int64_t b) { return group_.length(b); });
    target_skip_ = skip_.data();
  } else {
    set_block(group_.steps, group_.lengths, nullptr);
    target_skip_ = nullptr;
  }
  if (call_.continues) chain_.carry_state();
  return run_block(terms * mean_weight, loss);
}

template <class S>
Status TrainingStep<S>::run_group(double denominator, std::uint64_t seed, double& loss) {
  FASTGRU_RETURN_IF_ERROR(reserve(group_));
  call_.rows = group_.rows;
  call_.continues = false;
  if (truncated(group_)) {
    return config().sequence ? run_stretches(denominator, seed, loss)
                             : run_last_steps(denominator, seed, loss);
  }
  set_block(group_.steps, group_.lengths, nullptr);
  call_.seed = seed;
  target_skip_ = nullptr;
  return run_block(denominator, loss);
}

template <class S>
Status TrainingStep<S>::loss_and_gradient(const Parameters<S>& params, double mean_weight, std::uint64_t seed,
                                          const RunOptions& options, double& loss) {
  const FlushDenormals flush;
  const double terms = count_ * static_cast<double>(config().loss->terms(config()));
  const double denominator = terms * mean_weight;
  call_.params = params;
  call_.options = options;
  loss = 0;
  if (!gradient_.reserve(chain_.total())) return out_of_memory();
  if (stretch_group_ >= 0) return run_stretch(mean_weight, seed, loss);
  if (several_) std::fill_n(gradient_.data(), chain_.total(), S(0));
  std::uint64_t number = 0;
  for (const RowGroup& group : groups_.all()) {
    group_ = group;
    // Stretches of steps number their masks from 0 upwards, further groups from the largest number downwards.
    const std::uint64_t masks = number == 0 ? seed : step_seed(seed, ~number);
    FASTGRU_RETURN_IF_ERROR(run_group(denominator, masks, loss));
    if (!std::isfinite(loss)) return {};
    ++number;
  }
  return {};
}

template class TrainingStep<float>;
template class TrainingStep<double>;

}  // namespace fastgru
