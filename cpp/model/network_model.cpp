// A saved estimator as a model: raw features in, the estimator's predictions out. nn/ computes them; this
// file converts arguments and results.
#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "model/convert.h"
#include "model/model.h"
#include "model/parts.h"
#include "model/weights.h"
#include "nn/decoding/generator.h"
#include "nn/network.h"
#include "nn/stream.h"
#include "runtime/denormals.h"
#include "spec/model_spec.h"

namespace fastgru {
namespace {

// Apps pass tokens as numbers. A number that is not an id becomes 0, which counts as unknown.
template <class X>
void tokens_of(const X* x, std::int64_t count, std::int64_t* tokens) noexcept {
  constexpr X kMost = X(1) * (std::int64_t{1} << 40);
  for (std::int64_t i = 0; i < count; ++i)
    tokens[i] = x[i] >= 0 && x[i] <= kMost ? static_cast<std::int64_t>(x[i]) : 0;
}

template <class S>
class EstimatorStream final : public ModelStream {
 public:
  static Status make(std::unique_ptr<NetworkStream<S>> stream, std::unique_ptr<ModelStream>& result) {
    std::unique_ptr<EstimatorStream> fresh(new EstimatorStream(std::move(stream)));
    if (!fresh->y_.reserve(fresh->outputs())) return out_of_memory();
    result = std::move(fresh);
    return {};
  }

  std::int64_t rows() const noexcept override { return stream_->rows(); }
  void step(const float* x, float* y) noexcept override { step_any(x, y); }
  void step(const double* x, double* y) noexcept override { step_any(x, y); }
  void reset() noexcept override { stream_->reset(); }
  bool answered() const noexcept override { return stream_->answered(); }

  void step_rows(const float* x, float* y, std::int64_t rows) noexcept override { step_any_rows(x, y, rows); }
  void step_rows(const double* x, double* y, std::int64_t rows) noexcept override {
    step_any_rows(x, y, rows);
  }
  std::size_t row_bytes() const noexcept override { return stream_->row_bytes(); }
  void save_row(std::int64_t row, void* to) const noexcept override { stream_->save_row(row, to); }
  void restore_row(std::int64_t row, const void* from) noexcept override { stream_->restore_row(row, from); }
  bool has_phases() const noexcept override { return stream_->config().framed(); }
  std::int64_t phase(const void* row) const noexcept override { return stream_->phase(row); }
  bool answered_row(const void* row) const noexcept override { return stream_->answered(row); }

  std::size_t state_bytes() const noexcept override { return stream_->state_bytes(); }
  void save(void* to) const noexcept override { stream_->save(to); }
  void restore(const void* from) noexcept override { stream_->restore(from); }

  Status copy(std::unique_ptr<ModelStream>& result) const override {
    std::unique_ptr<NetworkStream<S>> twin;
    FASTGRU_RETURN_IF_ERROR(stream_->copy(twin));
    return make(std::move(twin), result);
  }

 private:
  explicit EstimatorStream(std::unique_ptr<NetworkStream<S>> stream) : stream_(std::move(stream)) {}

  std::int64_t outputs() const noexcept { return rows() * stream_->config().logits(); }

  template <class X>
  void step_any(const X* x, X* y) noexcept {
    answer(y, rows(), [&](S* own) { stream_->step(x, own); });
  }
  template <class X>
  void step_any_rows(const X* x, X* y, std::int64_t rows) noexcept {
    answer(y, rows, [&](S* own) { stream_->step_rows(x, own, rows); });
  }

  // Calls step(y), with the answers in the app's precision.
  template <class X, class Step>
  void answer(X* y, std::int64_t rows, Step step) noexcept {
    const KeepFloatState keep;
    if constexpr (std::is_same_v<X, S>) {
      step(y);
    } else {
      step(y_.data());
      convert(y_.data(), rows * stream_->config().logits(), y);
    }
  }

  std::unique_ptr<NetworkStream<S>> stream_;
  AlignedBuffer<S> y_;
};

template <class S>
class EstimatorGenerator final : public ModelGenerator {
 public:
  explicit EstimatorGenerator(std::unique_ptr<Generator<S>> generator) : generator_(std::move(generator)) {}

  std::int64_t rows() const noexcept override { return generator_->rows(); }
  void reset() noexcept override { generator_->reset(); }
  void feed(const std::int64_t* tokens) noexcept override {
    const KeepFloatState keep;
    generator_->feed(tokens);
  }
  bool draw(const DrawOptions& options, std::int64_t* tokens) noexcept override {
    Sampling sampling;
    if (!read(options, &sampling)) return false;
    generator_->draw(sampling, options.seed, tokens);
    return true;
  }
  bool probabilities(const DrawOptions& options, double* p) noexcept override {
    Sampling sampling;
    if (!read(options, &sampling)) return false;
    generator_->probabilities(sampling, p);
    return true;
  }
  std::size_t state_bytes() const noexcept override { return generator_->state_bytes(); }
  void save(void* to) const noexcept override { generator_->save(to); }
  void restore(const void* from) noexcept override { generator_->restore(from); }
  Status copy(std::unique_ptr<ModelGenerator>& result) const override {
    std::unique_ptr<Generator<S>> twin;
    FASTGRU_RETURN_IF_ERROR(generator_->copy(twin));
    result = std::make_unique<EstimatorGenerator>(std::move(twin));
    return {};
  }

 private:
  bool read(const DrawOptions& options, Sampling* sampling) const noexcept {
    sampling->temperature = options.temperature;
    sampling->top_k = options.top_k;
    sampling->top_p = options.top_p;
    return legal(*sampling, generator_->classes());
  }

  std::unique_ptr<Generator<S>> generator_;
};

template <class S>
class NetworkModel final : public LoadedModel {
 public:
  NetworkModel(ModelInfo about, std::shared_ptr<const Network<S>> network) : network_(std::move(network)) {
    const NetworkConfig& config = network_->config();
    info_ = std::move(about);
    info_.input_size = config.features();
    info_.output_size = config.logits();
    info_.every_step = config.sequence;
    info_.hidden_size = config.gru.hidden_size;
    info_.num_layers = config.gru.num_layers;
    info_.directions = config.gru.directions();
    info_.parameters = network_->layout().total();
    info_.is_double = std::is_same_v<S, double>;
    info_.reset_after = config.gru.reset_after;
    info_.bias = config.gru.bias;
    info_.missing_mask = config.missing_mask;
    info_.vocabulary_size = config.vocabulary_size;
    info_.frame_length = config.frame_length;
    info_.frame_step = config.frame_step;
    info_.quantiles = static_cast<std::int64_t>(config.quantiles.size());
  }

  Status stream(std::int64_t rows, std::unique_ptr<ModelStream>& result) const override {
    return make_stream(network_->version(), rows, result);
  }
  Status generator(std::int64_t rows, std::unique_ptr<ModelGenerator>& result) const override {
    if (info_.kind != "GRULanguageModel") return LoadedModel::generator(rows, result);
    std::unique_ptr<Generator<S>> generator;
    FASTGRU_RETURN_IF_ERROR(Generator<S>::make(network_->version(), rows, generator));
    result = std::make_unique<EstimatorGenerator<S>>(std::move(generator));
    return {};
  }
  Status forward(const SequenceCall<float>& call) const override { return run(call); }
  Status forward(const SequenceCall<double>& call) const override { return run(call); }
  Status parameter(std::string_view name, double* values, std::int64_t count) const override {
    if (const NamedValues<double> column = find_scaling(name); column.data != nullptr) {
      return copy_values(name, column, values, count);
    }
    const NamedValues<S> found = find(name);
    if (found.data == nullptr) return unknown_parameter(network_->layout().slots(), name);
    return copy_values(name, found, values, count);
  }
  std::int64_t parameter_size(std::string_view name) const override {
    return std::max(find_scaling(name).count, find(name).count);
  }

 private:
  NamedValues<S> find(std::string_view name) const {
    return find_parameter(network_->layout().slots(), network_->version().params->flat(), name);
  }
  NamedValues<double> find_scaling(std::string_view name) const {
    const Scaling& scaling = *network_->version().scaling;
    const std::array<const std::vector<double>*, 4> columns = {&scaling.x_mean, &scaling.x_scale,
                                                               &scaling.y_mean, &scaling.y_scale};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (name == kScaling[i]) return {columns[i]->data(), static_cast<std::int64_t>(columns[i]->size())};
    }
    return {};
  }

  template <class X>
  Status run(const SequenceCall<X>& call) const {
    FASTGRU_RETURN_IF_ERROR(check_call(info(), call));
    const std::int64_t features = info().input_size, cells = call.rows * call.steps;
    SampleArray x;
    x.data = call.x;
    x.type = sample_type<X>();
    x.samples = call.rows;
    x.steps = call.steps;
    x.features = features;
    x.sample_stride = call.steps * features;
    x.step_stride = features;
    AlignedBuffer<std::int64_t> tokens;
    if (network_->config().vocabulary_size > 0) {
      if (!tokens.reserve(cells)) return out_of_memory();
      tokens_of(call.x, cells, tokens.data());
      x.data = tokens.data();
      x.type = SampleType::int64;
    }
    return predict(call, x);
  }

  template <class X>
  Status predict(const SequenceCall<X>& call, const SampleArray& x) const {
    const bool packed = info().every_step && call.lengths != nullptr;  // no gaps between rows
    const std::int64_t count = call.rows * (info().every_step ? call.steps : 1) * info().output_size;
    Converted<S> outputs;
    AlignedBuffer<S> dense;
    S* y = nullptr;
    FASTGRU_RETURN_IF_ERROR(outputs.target(call.y, count, y));
    if (packed && !dense.reserve(count)) return out_of_memory();
    RunOptions options;
    options.num_threads = call.num_threads;
    FASTGRU_RETURN_IF_ERROR(network_->predict(x, call.lengths, false, packed ? dense.data() : y, options));
    if (packed) unpack(call, dense.data(), y);
    outputs.write(count, call.y);
    return {};
  }

  // Moves each row's predictions to their place, and fills zeros beyond its end.
  template <class X>
  void unpack(const SequenceCall<X>& call, const S* from, S* to) const {
    const std::int64_t width = info().output_size;
    for (std::int64_t row = 0; row < call.rows; ++row, to += call.steps * width) {
      const std::int64_t known = call.lengths[row] * width;
      std::copy_n(from, known, to);
      std::fill_n(to + known, call.steps * width - known, S(0));
      from += known;
    }
  }

  std::shared_ptr<const Network<S>> network_;
};

}  // namespace

template <class S>
LoadedModelPtr as_model(ModelInfo about, std::shared_ptr<const Network<S>> network) {
  return std::make_shared<const NetworkModel<S>>(std::move(about), std::move(network));
}

template <class S>
Status make_stream(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<ModelStream>& result) {
  std::unique_ptr<NetworkStream<S>> stream;
  FASTGRU_RETURN_IF_ERROR(NetworkStream<S>::make(std::move(version), rows, stream));
  return EstimatorStream<S>::make(std::move(stream), result);
}

template Status make_stream(NetworkVersion<float>, std::int64_t, std::unique_ptr<ModelStream>&);
template Status make_stream(NetworkVersion<double>, std::int64_t, std::unique_ptr<ModelStream>&);
template LoadedModelPtr as_model(ModelInfo, std::shared_ptr<const Network<float>>);
template LoadedModelPtr as_model(ModelInfo, std::shared_ptr<const Network<double>>);

}  // namespace fastgru
