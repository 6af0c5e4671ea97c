#include "nn/samples.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gru/checks.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

Status check_values(const char* name, const std::vector<double>& values, std::int64_t size, bool positive) {
  if (static_cast<std::int64_t>(values.size()) != size) {
    return Status::invalid(std::string(name) + " has " + std::to_string(values.size()) + " values, wanted " +
                           std::to_string(size));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && (!positive || values[i] > 0)) continue;
    return Status::invalid(std::string(name) + "[" + std::to_string(i) + "] is " + std::to_string(values[i]) +
                           ", wanted a finite number" + (positive ? " above 0" : ""));
  }
  return {};
}

Status check_weights(const double* weights, std::int64_t samples) {
  double largest = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    if (!std::isfinite(weights[i]) || weights[i] < 0) {
      return Status::invalid("sample_weight[" + std::to_string(i) + "] is " + std::to_string(weights[i]) +
                             ", wanted a finite number, at least 0");
    }
    largest = std::max(largest, weights[i]);
  }
  if (largest > 0) return {};
  return Status::invalid("sample_weight is 0 for every sample, wanted at least one above 0");
}

// One gather, for parallel_for: what it captures is one pointer, so that no memory is allocated for it.
template <class S, class Source>
struct Gather {
  static constexpr std::int64_t kRows = 32;  // per item: their cache lines stay in L1 over several steps

  const SampleArray& source;
  const std::int64_t* order;
  std::int64_t first, rows;
  const double* mean;
  const double* scale;
  S* out;

  void run(std::int64_t item) const {
    const FlushDenormals flush;  // as a stream does, whose bits are these
    const std::int64_t begin = item * kRows, end = std::min(rows, begin + kRows);
    const Source* starts[kRows];
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t sample = order == nullptr ? first + b : order[first + b];
      starts[b - begin] = static_cast<const Source*>(source.data) + sample * source.sample_stride;
    }
    const std::int64_t features = source.features;
    for (std::int64_t t = 0; t < source.steps; ++t) {
      for (std::int64_t b = begin; b < end; ++b) {
        const Source* from = starts[b - begin] + t * source.step_stride;
        scale_rows(from, 1, features, mean, scale, out + (t * rows + b) * features);
      }
    }
  }

  void run_all(int threads) const {
    constexpr std::int64_t kWorthAThread = 1 << 18;
    const std::int64_t items = (rows + kRows - 1) / kRows;
    if (rows * source.steps * source.features < kWorthAThread) threads = 1;
    parallel_for(items, threads, [this](std::int64_t item, int) { run(item); });
  }
};

}  // namespace

Scaling Scaling::identity(const NetworkConfig& config) {
  const auto inputs = static_cast<std::size_t>(config.gru.input_size);
  const auto outputs = static_cast<std::size_t>(config.output_size);
  return {std::vector<double>(inputs, 0.0), std::vector<double>(inputs, 1.0),
          std::vector<double>(outputs, 0.0), std::vector<double>(outputs, 1.0)};
}

Status validate(const Scaling& scaling, const NetworkConfig& config) {
  const std::int64_t inputs = config.gru.input_size, outputs = config.output_size;
  FASTGRU_RETURN_IF_ERROR(check_values("x_mean", scaling.x_mean, inputs, false));
  FASTGRU_RETURN_IF_ERROR(check_values("x_scale", scaling.x_scale, inputs, true));
  FASTGRU_RETURN_IF_ERROR(check_values("y_mean", scaling.y_mean, outputs, false));
  return check_values("y_scale", scaling.y_scale, outputs, true);
}

Status validate_inputs(const SampleArray& x, const std::int64_t* lengths, const NetworkConfig& config) {
  if (x.features != config.gru.input_size || x.steps < 1 || x.samples < 0) {
    return Status::invalid(
        "x has shape " + shape_text(x.samples, x.steps, x.features) +
        ", wanted (samples, steps, features) with at least one step and features = input_size = " +
        std::to_string(config.gru.input_size));
  }
  if (x.data == nullptr && x.samples > 0) return Status::invalid("x has no data");
  return check_lengths(lengths, x.samples, x.steps);
}

Status validate(const TrainingData& data, const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(validate_inputs(data.x, data.lengths, config));
  if (data.x.samples == 0) return Status::invalid("x has no samples, wanted at least one");
  if (data.y.samples != data.x.samples || data.y.steps != 1 || data.y.features != config.output_size ||
      data.y.data == nullptr) {
    return Status::invalid("y has shape (" + std::to_string(data.y.samples) + ", " +
                           std::to_string(data.y.features) + "), wanted (" + std::to_string(data.x.samples) +
                           ", " + std::to_string(config.output_size) + "): the samples of x and output_size");
  }
  if (data.sample_weight == nullptr) return {};
  return check_weights(data.sample_weight, data.x.samples);
}

double mean_weight(const TrainingData& data) {
  if (data.sample_weight == nullptr) return 1.0;
  double sum = 0;
  for (std::int64_t i = 0; i < data.x.samples; ++i) sum += data.sample_weight[i];
  return sum / static_cast<double>(data.x.samples);
}

template <class S>
void gather_scaled(const SampleArray& source, const std::int64_t* order, std::int64_t first,
                   std::int64_t rows, const std::vector<double>& mean, const std::vector<double>& scale,
                   S* out, int threads) {
  const double* m = mean.data();
  const double* s = scale.data();
  if (source.type == SampleType::float64) {
    Gather<S, double>{source, order, first, rows, m, s, out}.run_all(threads);
  } else {
    Gather<S, float>{source, order, first, rows, m, s, out}.run_all(threads);
  }
}

template <class S>
void unscale_outputs(const Scaling& scaling, const S* outputs, std::int64_t rows, S* out) {
  const FlushDenormals flush;
  const auto columns = static_cast<std::int64_t>(scaling.y_mean.size());
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < columns; ++o) {
      const auto at = static_cast<std::size_t>(o);
      const double value = static_cast<double>(outputs[b * columns + o]);
      out[b * columns + o] = static_cast<S>(value * scaling.y_scale[at] + scaling.y_mean[at]);
    }
  }
}

template void gather_scaled(const SampleArray&, const std::int64_t*, std::int64_t, std::int64_t,
                            const std::vector<double>&, const std::vector<double>&, float*, int);
template void gather_scaled(const SampleArray&, const std::int64_t*, std::int64_t, std::int64_t,
                            const std::vector<double>&, const std::vector<double>&, double*, int);
template void unscale_outputs(const Scaling&, const float*, std::int64_t, float*);
template void unscale_outputs(const Scaling&, const double*, std::int64_t, double*);

}  // namespace fastgru
