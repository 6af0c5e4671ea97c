#include "nn/predictor.h"

#include <algorithm>

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

// result = the rows of a block for this call, once the sizes are known to be countable.
template <class S>
Status plan_blocks(const NetworkConfig& config, const SampleArray& x, const RunOptions& options,
                   std::int64_t& result) {
  FASTGRU_RETURN_IF_ERROR(check_memory(config.gru, x.steps, 1, sizeof(S)));
  const int threads = usable_threads(options.num_threads);
  result = std::min(std::max<std::int64_t>(x.samples, 1), block_rows(config, x.steps, sizeof(S), threads));
  return {};
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

template <class S>
Status Predictor<S>::run_block(const NetworkVersion<S>& version, const SampleArray& x,
                               const std::int64_t* lengths, std::int64_t first, std::int64_t rows,
                               const RunOptions& options) {
  if (options.interrupt != nullptr && options.interrupt->check()) return Status::interrupted();
  const NetworkConfig& config = version.params->layout().config();
  const Scaling& scaling = *version.scaling;
  gather_scaled(x, nullptr, first, rows, scaling.x_mean, scaling.x_scale, x_.data(), options.num_threads);
  ForwardArgs<S> args;
  args.x = dense_view<const S>(x_.data(), x.steps, rows, x.features);
  args.lengths = lengths == nullptr ? nullptr : lengths + first;
  args.h_n = h_n_.data();
  FASTGRU_RETURN_IF_ERROR(forward(version.params->gru(), args, workspace_, options));
  top_states(config.gru, h_n_.data(), rows, states_.data());
  head_forward(version.params->head(), states_.data(), rows, outputs_.data());
  return {};
}

template <class S>
Status Predictor<S>::predict(const NetworkVersion<S>& version, const SampleArray& x,
                             const std::int64_t* lengths, S* out, const RunOptions& options) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(validate_inputs(x, lengths, config));
  std::int64_t block = 0;
  FASTGRU_RETURN_IF_ERROR(plan_blocks<S>(config, x, options, block));
  FASTGRU_RETURN_IF_ERROR(reserve(config, x.steps, block));
  for (std::int64_t first = 0; first < x.samples; first += block) {
    const std::int64_t rows = std::min(block, x.samples - first);
    FASTGRU_RETURN_IF_ERROR(run_block(version, x, lengths, first, rows, options));
    unscale_outputs(*version.scaling, outputs_.data(), rows, out + first * config.output_size);
  }
  return {};
}

template <class S>
Status Predictor<S>::evaluate(const NetworkVersion<S>& version, const TrainingData& data,
                              const RunOptions& options, double& loss) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(validate(data, config));
  std::int64_t block = 0;
  FASTGRU_RETURN_IF_ERROR(plan_blocks<S>(config, data.x, options, block));
  FASTGRU_RETURN_IF_ERROR(reserve(config, data.x.steps, block));
  const Scaling& scaling = *version.scaling;
  double sum = 0;
  for (std::int64_t first = 0; first < data.x.samples; first += block) {
    const std::int64_t rows = std::min(block, data.x.samples - first);
    FASTGRU_RETURN_IF_ERROR(run_block(version, data.x, data.lengths, first, rows, options));
    gather_scaled(data.y, nullptr, first, rows, scaling.y_mean, scaling.y_scale, targets_.data(), 1);
    const double* weights = data.sample_weight == nullptr ? nullptr : data.sample_weight + first;
    add_squared_error(outputs_.data(), targets_.data(), weights, rows, config.output_size, sum);
  }
  loss = sum / (static_cast<double>(data.x.samples * config.output_size) * mean_weight(data));
  return {};
}

template class Predictor<float>;
template class Predictor<double>;
template void top_states(const GruConfig&, const float*, std::int64_t, float*);
template void top_states(const GruConfig&, const double*, std::int64_t, double*);

}  // namespace fastgru
