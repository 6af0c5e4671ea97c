// Predictions and losses of any number of samples, block of rows by block of rows.
#include "nn/predictor.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "engine/checks.h"
#include "nn/data/row_groups.h"
#include "nn/data/gather.h"
#include "nn/data/targets.h"
#include "nn/losses/row_losses.h"
#include "nn/network_config.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// Rows of a block: enough for every thread, few enough that the block stays near the caches and that long
// sequences do not take all memory. Results do not depend on it.
std::int64_t block_rows(const NetworkConfig& config, std::int64_t steps, std::int64_t item_size,
                        int threads) {
  constexpr std::int64_t kNearCache = std::int64_t{8} << 20, kMost = std::int64_t{256} << 20;
  const std::int64_t answers = config.sequence ? 2 * config.logits() : 0;
  const std::int64_t row_bytes = steps * (config.gru.input_size + config.head_inputs() + answers) * item_size;
  const std::int64_t enough = std::min(std::int64_t{32} * threads, kMost / row_bytes);
  return std::clamp<std::int64_t>(kNearCache / row_bytes, std::max<std::int64_t>(enough, 1), 8192);
}

}  // namespace

template <class S>
Status Predictor<S>::reserve(std::int64_t steps, std::int64_t rows) {
  FASTGRU_RETURN_IF_ERROR(chain_.reserve(steps, rows, false));
  const std::int64_t heads = config_.sequence ? steps * rows : rows;
  return targets_.reserve(heads * config_.targets()) ? Status() : out_of_memory();
}

// Longer sequences come first, so that the rows of a block have similar lengths.
template <class S>
const std::int64_t* Predictor<S>::order_of(const std::int64_t* lengths, std::int64_t samples) {
  if (lengths == nullptr || std::is_sorted(lengths, lengths + samples, std::greater<>())) return nullptr;
  order_.resize(static_cast<std::size_t>(samples));
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  std::sort(order_.begin(), order_.end(), [lengths](std::int64_t a, std::int64_t b) {
    return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
  });
  return order_.data();
}

template <class S>
Status Predictor<S>::plan_block(const SampleArray& x, const std::int64_t* lengths, BlockRows& block,
                                const RunOptions& options) {
  block.steps =
      config_.frames(lengths == nullptr ? x.steps : std::max<std::int64_t>(1, lengths[block.sample(0)]));
  FASTGRU_RETURN_IF_ERROR(check_memory(config_.gru, block.steps, 1, sizeof(S)));
  const int threads = usable_threads(options.num_threads);
  block.rows = std::min(x.samples - block.first, block_rows(config_, block.steps, sizeof(S), threads));
  if (lengths == nullptr) return reserve(block.steps, block.rows);
  lengths_.resize(std::max(lengths_.size(), static_cast<std::size_t>(block.rows)));
  for (std::int64_t b = 0; b < block.rows; ++b) {
    lengths_[static_cast<std::size_t>(b)] = config_.frames(lengths[block.sample(b)]);
  }
  block.rows = rows_alike(lengths_.data(), block.rows, values_of_step(config_));
  block.lengths = lengths_.data();
  return reserve(block.steps, block.rows);
}

template <class S>
void Predictor<S>::set_framing(const SampleArray& x, const std::int64_t* lengths, BlockRows& block) {
  frames_ = {config_, config_.sequence, false, x.steps, lengths};
  if (config_.framed()) block.framing = &frames_;
}

template <class S>
ModuleCall<S> Predictor<S>::call_of(const NetworkVersion<S>& version, const BlockRows& block,
                                    const RunOptions& options) const {
  ModuleCall<S> call;
  call.params = version.params->view();
  call.scaling = version.scaling.get();
  call.steps = block.steps;
  call.rows = block.rows;
  call.lengths = block.lengths;
  call.options = options;
  return call;
}

template <class S>
Status Predictor<S>::run_block(const NetworkVersion<S>& version, const SampleArray& x, const BlockRows& block,
                               const RunOptions& options) {
  if (options.interrupt != nullptr && options.interrupt->check()) return Status::interrupted();
  return chain_.forward_body(call_of(version, block, options), samples_of<S>(x, block), features_);
}

template <class S>
Status Predictor<S>::inputs(const NetworkVersion<S>& version, const SampleArray& x,
                            const std::int64_t* lengths, S* out, const RunOptions& options) {
  const FlushDenormals flush;
  BlockRows block{nullptr, 0, x.samples, config_.frames(x.steps)};
  if (lengths != nullptr) {
    lengths_.resize(std::max(lengths_.size(), static_cast<std::size_t>(x.samples)));
    std::transform(lengths, lengths + x.samples, lengths_.begin(),
                   [this](std::int64_t length) { return config_.frames(length); });
    block.lengths = lengths_.data();
  }
  set_framing(x, lengths, block);
  Signal<S> encoded;
  FASTGRU_RETURN_IF_ERROR(chain_.encode(call_of(version, block, options), samples_of<S>(x, block), encoded));
  std::copy_n(encoded.values, encoded.count() * encoded.width, out);
  return {};
}

template <class S>
template <class Use>
Status Predictor<S>::for_blocks(const NetworkVersion<S>& version, const SampleArray& x,
                                const std::int64_t* lengths, const RunOptions& options, Use use) {
  const FlushDenormals flush;
  BlockRows block;
  block.order = order_of(lengths, x.samples);
  set_framing(x, lengths, block);
  for (; block.first < x.samples; block.first += block.rows) {
    FASTGRU_RETURN_IF_ERROR(plan_block(x, lengths, block, options));
    FASTGRU_RETURN_IF_ERROR(run_block(version, x, block, options));
    FASTGRU_RETURN_IF_ERROR(use(block));
  }
  return {};
}

// places_[i]: where the first prediction of sample i goes, if ragged samples have a prediction for every
// step.
template <class S>
void Predictor<S>::set_places(const std::int64_t* lengths, std::int64_t samples) {
  places_.resize(static_cast<std::size_t>(samples));
  std::int64_t place = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    places_[static_cast<std::size_t>(i)] = place;
    place += lengths[i];
  }
}

template <class S>
Status Predictor<S>::predict(const NetworkVersion<S>& version, const SampleArray& x,
                             const std::int64_t* lengths, bool raw, S* out, const RunOptions& options) {
  FASTGRU_RETURN_IF_ERROR(validate_inputs(x, lengths, config_));
  const bool sequence = config_.sequence, packed = sequence && lengths != nullptr;
  if (packed) set_places(lengths, x.samples);
  const std::int64_t width = config_.logits(), each = sequence ? x.steps : 1;
  return for_blocks(version, x, lengths, options, [&](const BlockRows& block) -> Status {
    const std::int64_t steps = sequence ? block.steps : 1;
    Signal<S> logits;
    FASTGRU_RETURN_IF_ERROR(chain_.head().forward(call_of(version, block, options), features_, logits));
    const S* answers = logits.values;
    if (!raw || !config_.loss->classifies()) {
      if (!outputs_.reserve(steps * block.rows * width)) return out_of_memory();
      config_.loss->predict(config_, *version.scaling, answers, steps * block.rows, outputs_.data());
      answers = outputs_.data();
    }
    for (std::int64_t b = 0; b < block.rows; ++b) {
      const std::int64_t sample = block.sample(b), length = frames_.length(sample);
      const std::int64_t place = packed ? places_[static_cast<std::size_t>(sample)] : sample * each;
      for (std::int64_t t = 0; t < (sequence ? length : 1); ++t) {
        const std::int64_t row = (sequence ? config_.frame_of(t, length) : 0) * block.rows + b;
        std::copy_n(answers + row * width, width, out + (place + t) * width);
      }
    }
    return {};
  });
}

template <class S>
std::int64_t Predictor<S>::load_targets(const Scaling& scaling, const TrainingData& data,
                                        const BlockRows& block) {
  BlockRows answered = block;
  const Framing ends = frames_.of_targets();
  if (answered.framing != nullptr) answered.framing = &ends;
  if (!config_.sequence) answered = {block.order, block.first, block.rows, 1};
  gather_scaled(data.y, answered, scaling.y_mean, scaling.y_scale, targets_.data(), 1);
  const std::int64_t targets = config_.targets(), count = answered.steps * block.rows;
  for (std::vector<double>* each : {&weights_, &block_losses_}) {
    each->resize(std::max(each->size(), static_cast<std::size_t>(count)));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t b = i % block.rows, t = i / block.rows;
    S* target = targets_.data() + i * targets;
    const bool there = t < answered.length(b);
    if (!there) std::fill_n(target, targets, std::numeric_limits<S>::quiet_NaN());
    weights_[static_cast<std::size_t>(i)] =
        there ? answer_weight(data, config_, block.sample(b), t, target[0]) : 0.0;
  }
  return count;
}

template <class S>
void Predictor<S>::add_block_loss(const NetworkVersion<S>& version, const TrainingData& data,
                                  const BlockRows& block, const RunOptions& options, double& sum) {
  const std::int64_t count = load_targets(*version.scaling, data, block);
  const ModuleCall<S> call = call_of(version, block, options);
  const int threads = usable_threads(options.num_threads);
  Dense<S>& head = chain_.head();
  const std::int64_t most = head.rows_at_once(count);
  for (std::int64_t first = 0; first < count; first += most) {
    LossRows<S> rows;
    rows.rows = std::min(most, count - first);
    rows.logits = head.forward_rows(call, features_, first, rows.rows);
    rows.targets = targets_.data() + first * config_.targets();
    rows.weights = weights_.data() + first;
    add_losses(config_, rows, threads, block_losses_.data() + first, sum);
  }
}

template <class S>
Status Predictor<S>::add_sequences(const NetworkVersion<S>& version, const TrainingData& data,
                                   const BlockRows& block, const RunOptions& options, double& sum) {
  Signal<S> logits;
  FASTGRU_RETURN_IF_ERROR(chain_.head().forward(call_of(version, block, options), features_, logits));
  labels_.set(data, block.order, block.first, block.rows);
  LossSequences<S> rows = labels_.template of<S>(logits.values, block.steps, block.lengths);
  rows.threads = usable_threads(options.num_threads);
  const std::int64_t each = config_.loss->sequence_scratch(config_, block.steps, labels_.most());
  if (!loss_scratch_.reserve(rows.threads * each)) return out_of_memory();
  rows.scratch = loss_scratch_.data();
  config_.loss->add_sequences(config_, rows, sum);
  return {};
}

template <class S>
Status Predictor<S>::evaluate(const NetworkVersion<S>& version, const TrainingData& data,
                              const RunOptions& options, double& loss) {
  FASTGRU_RETURN_IF_ERROR(validate(data, config_));
  double sum = 0;
  FASTGRU_RETURN_IF_ERROR(
      for_blocks(version, data.x, data.lengths, options, [&](const BlockRows& block) -> Status {
        if (config_.loss->aligns()) return add_sequences(version, data, block, options, sum);
        add_block_loss(version, data, block, options, sum);
        return {};
      }));
  std::int64_t present = 0;
  for (std::int64_t i = 0; i < data.x.samples; ++i) present += targets_present(data, config_, i);
  const double count = static_cast<double>(present) / static_cast<double>(config_.targets());
  loss = sum / (count * static_cast<double>(config_.loss->terms(config_)) * mean_weight(data, config_));
  return {};
}

template <class S>
Status Predictor<S>::losses(const NetworkVersion<S>& version, const TrainingData& data,
                            const RunOptions& options, double* out) {
  FASTGRU_RETURN_IF_ERROR(validate(data, config_));
  if (config_.framed() || config_.loss->aligns()) {
    return Status::invalid("a network that reads frames or aligns sequences has no loss of each time step");
  }
  const bool packed = config_.sequence && data.lengths != nullptr;
  if (packed) set_places(data.lengths, data.x.samples);
  const std::int64_t each = config_.sequence ? data.x.steps : 1;
  return for_blocks(version, data.x, data.lengths, options, [&](const BlockRows& block) -> Status {
    double ignored = 0;
    add_block_loss(version, data, block, options, ignored);
    for (std::int64_t b = 0; b < block.rows; ++b) {
      const std::int64_t sample = block.sample(b);
      const std::int64_t place = packed ? places_[static_cast<std::size_t>(sample)] : sample * each;
      for (std::int64_t t = 0; t < (config_.sequence ? block.length(b) : 1); ++t) {
        out[place + t] = block_losses_[static_cast<std::size_t>(t * block.rows + b)];
      }
    }
    return {};
  });
}

template class Predictor<float>;
template class Predictor<double>;

}  // namespace fastgru
