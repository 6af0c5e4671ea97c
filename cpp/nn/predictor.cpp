#include "nn/predictor.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "gru/checks.h"
#include "nn/loss.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// Rows of a block: enough for every thread, as few as keep the block near the caches, and never so many that
// long sequences take all memory. Only speed depends on it.
std::int64_t block_rows(const NetworkConfig& config, std::int64_t steps, std::int64_t item_size,
                        int threads) {
  constexpr std::int64_t kNearCache = std::int64_t{8} << 20, kMost = std::int64_t{256} << 20;
  const std::int64_t row_bytes = steps * (config.gru.input_size + config.head_inputs()) * item_size;
  const std::int64_t enough = std::min(std::int64_t{32} * threads, kMost / row_bytes);
  return std::clamp<std::int64_t>(kNearCache / row_bytes, std::max<std::int64_t>(enough, 1), 8192);
}

}  // namespace

template <class S>
void top_states(const GruConfig& config, const S* h_n, std::int64_t rows, S* out) {
  const std::int64_t hidden = config.hidden_size, directions = config.directions();
  const S* top = h_n + (config.num_layers - 1) * directions * rows * hidden;
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    for (std::int64_t b = 0; b < rows; ++b) {
      std::copy_n(top + (direction * rows + b) * hidden, hidden, out + (b * directions + direction) * hidden);
    }
  }
}

template <class S>
Status Predictor<S>::reserve(const NetworkConfig& config, std::int64_t steps, std::int64_t rows) {
  const GruConfig& gru = config.gru;
  FASTGRU_RETURN_IF_ERROR(check_memory(gru, steps, rows, sizeof(S)));
  if (!product_fits({rows, config.output_size, sizeof(S)})) return out_of_memory();
  const bool fits = x_.reserve(steps * rows * gru.input_size) &&
                    h_n_.reserve(gru.num_layers * gru.directions() * rows * gru.hidden_size) &&
                    states_.reserve(rows * config.head_inputs()) &&
                    outputs_.reserve(rows * config.output_size) &&
                    targets_.reserve(rows * config.output_size);
  return fits ? Status() : out_of_memory();
}

// Longer sequences first, so that the rows of a block end nearly together.
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
Status Predictor<S>::plan_block(const NetworkConfig& config, const SampleArray& x,
                                const std::int64_t* lengths, BlockRows& block, const RunOptions& options) {
  block.steps = x.steps;
  if (lengths != nullptr) block.steps = std::max<std::int64_t>(1, lengths[block.sample(0)]);
  FASTGRU_RETURN_IF_ERROR(check_memory(config.gru, block.steps, 1, sizeof(S)));
  const int threads = usable_threads(options.num_threads);
  block.rows = std::min(x.samples - block.first, block_rows(config, block.steps, sizeof(S), threads));
  FASTGRU_RETURN_IF_ERROR(reserve(config, block.steps, block.rows));
  if (lengths == nullptr) return {};
  lengths_.resize(std::max(lengths_.size(), static_cast<std::size_t>(block.rows)));
  for (std::int64_t b = 0; b < block.rows; ++b) {
    lengths_[static_cast<std::size_t>(b)] = lengths[block.sample(b)];
  }
  block.lengths = lengths_.data();
  return {};
}

template <class S>
Status Predictor<S>::run_block(const NetworkVersion<S>& version, const SampleArray& x, const BlockRows& block,
                               const RunOptions& options) {
  if (options.interrupt != nullptr && options.interrupt->check()) return Status::interrupted();
  const NetworkConfig& config = version.params->layout().config();
  const Scaling& scaling = *version.scaling;
  gather_scaled(x, block, scaling.x_mean, scaling.x_scale, x_.data(), options.num_threads);
  ForwardArgs<S> args;
  args.x = dense_view<const S>(x_.data(), block.steps, block.rows, x.features);
  args.lengths = block.lengths;
  args.h_n = h_n_.data();
  FASTGRU_RETURN_IF_ERROR(forward(version.params->gru(), args, workspace_, options));
  top_states(config.gru, h_n_.data(), block.rows, states_.data());
  head_forward(version.params->head(), states_.data(), block.rows, outputs_.data());
  return {};
}

template <class S>
template <class Use>
Status Predictor<S>::for_blocks(const NetworkVersion<S>& version, const SampleArray& x,
                                const std::int64_t* lengths, const RunOptions& options, Use use) {
  const NetworkConfig& config = version.params->layout().config();
  BlockRows block;
  block.order = order_of(lengths, x.samples);
  for (; block.first < x.samples; block.first += block.rows) {
    FASTGRU_RETURN_IF_ERROR(plan_block(config, x, lengths, block, options));
    FASTGRU_RETURN_IF_ERROR(run_block(version, x, block, options));
    use(block);
  }
  return {};
}

template <class S>
Status Predictor<S>::predict(const NetworkVersion<S>& version, const SampleArray& x,
                             const std::int64_t* lengths, S* out, const RunOptions& options) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(validate_inputs(x, lengths, config));
  const std::int64_t outputs = config.output_size;
  return for_blocks(version, x, lengths, options, [&](const BlockRows& block) {
    unscale_outputs(*version.scaling, outputs_.data(), block.rows, outputs_.data());
    for (std::int64_t b = 0; b < block.rows; ++b) {
      std::copy_n(outputs_.data() + b * outputs, outputs, out + block.sample(b) * outputs);
    }
  });
}

template <class S>
Status Predictor<S>::evaluate(const NetworkVersion<S>& version, const TrainingData& data,
                              const RunOptions& options, double& loss) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(validate(data, config));
  const Scaling& scaling = *version.scaling;
  double sum = 0;
  FASTGRU_RETURN_IF_ERROR(for_blocks(version, data.x, data.lengths, options, [&](const BlockRows& block) {
    const BlockRows targets{block.order, block.first, block.rows, 1, nullptr};
    gather_scaled(data.y, targets, scaling.y_mean, scaling.y_scale, targets_.data(), 1);
    for (std::int64_t b = 0; b < block.rows; ++b) {
      const double* weight = data.sample_weight == nullptr ? nullptr : data.sample_weight + block.sample(b);
      add_squared_error(outputs_.data() + b * config.output_size, targets_.data() + b * config.output_size,
                        weight, 1, config.output_size, sum);
    }
  }));
  loss = sum / (static_cast<double>(data.x.samples * config.output_size) * mean_weight(data));
  return {};
}

template class Predictor<float>;
template class Predictor<double>;
template void top_states(const GruConfig&, const float*, std::int64_t, float*);
template void top_states(const GruConfig&, const double*, std::int64_t, double*);

}  // namespace fastgru
