// The file of an estimator: raw features in, the estimator's answer out. What a network computes is decided
// in nn/; here stands how one is read and called.
#include <algorithm>
#include <type_traits>
#include <utility>

#include "io/config_fields.h"
#include "model/convert.h"
#include "model/model.h"
#include "model/weights.h"
#include "nn/network.h"
#include "nn/stream.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

template <class X>
constexpr SampleType sample_type() {
  return std::is_same_v<X, double> ? SampleType::float64 : SampleType::float32;
}

// Apps hand tokens over as numbers; what is no id becomes 0, which is unknown.
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
  void step(const float* x, float* y) noexcept override { run(x, y); }
  void step(const double* x, double* y) noexcept override { run(x, y); }
  void reset() noexcept override { stream_->reset(); }

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
  void run(const X* x, X* y) noexcept {
    const KeepFloatState keep;
    if constexpr (std::is_same_v<X, S>) {
      stream_->step(x, y);
    } else {
      stream_->step(x, y_.data());
      convert(y_.data(), outputs(), y);
    }
  }

  std::unique_ptr<NetworkStream<S>> stream_;
  AlignedBuffer<S> y_;
};

template <class S>
class NetworkModel final : public LoadedModel {
 public:
  NetworkModel(std::shared_ptr<const Network<S>> network, const ModelFile& file)
      : network_(std::move(network)) {
    const NetworkConfig& config = network_->config();
    info_.kind = file.kind();
    info_.input_size = config.features();
    info_.output_size = config.logits();
    info_.every_step = config.sequence;
    info_.hidden_size = config.gru.hidden_size;
    info_.num_layers = config.gru.num_layers;
    info_.directions = config.gru.directions();
    info_.parameters = network_->layout().total();
    info_.is_double = std::is_same_v<S, double>;
  }

  Status stream(std::int64_t rows, std::unique_ptr<ModelStream>& result) const override {
    std::unique_ptr<NetworkStream<S>> stream;
    FASTGRU_RETURN_IF_ERROR(NetworkStream<S>::make(network_->version(), rows, stream));
    return EstimatorStream<S>::make(std::move(stream), result);
  }
  Status forward(const SequenceCall<float>& call) const override { return run(call); }
  Status forward(const SequenceCall<double>& call) const override { return run(call); }
  Status parameter(std::string_view name, double* values, std::int64_t count) const override {
    return copy_parameter(network_->layout().slots(), network_->version().params->flat(), name, values,
                          count);
  }

 private:
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
    const bool packed = info().every_step && call.lengths != nullptr;  // answers without gaps between rows
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

  // Each row's answers to their place, zeros beyond its end.
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

Status read_column(const ModelFile& file, const char* name, std::int64_t size, std::vector<double>& values) {
  TensorInfo tensor;
  FASTGRU_RETURN_IF_ERROR(file.find(name, TensorDtype::f64, {size}, &tensor));
  values.resize(static_cast<std::size_t>(size));
  return file.read(tensor, values.data());
}

Status read_scaling(const ModelFile& file, const NetworkConfig& config, Scaling& scaling) {
  const std::int64_t inputs = config.features(), outputs = config.output_size;
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.x_mean", inputs, scaling.x_mean));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.x_scale", inputs, scaling.x_scale));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.y_mean", outputs, scaling.y_mean));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.y_scale", outputs, scaling.y_scale));
  return as_model_error(validate(scaling, config));
}

const std::vector<std::string> kOtherTensors = {"scaling.x_mean",     "scaling.x_scale",
                                                "scaling.y_mean",     "scaling.y_scale",
                                                "history.loss_curve", "history.validation_scores"};

template <class S>
Status make_network(const ModelFile& file, const NetworkConfig& config, LoadedModelPtr& result) {
  const NetworkLayout layout(config);
  FASTGRU_RETURN_IF_ERROR(check_names(file, layout.slots(), kOtherTensors));
  std::shared_ptr<Network<S>> network;
  {
    AlignedBuffer<S> flat;
    FASTGRU_RETURN_IF_ERROR(read_parameters(file, layout.slots(), layout.total(), flat));
    FASTGRU_RETURN_IF_ERROR(check_finite(layout.slots(), flat.data()));
    Scaling scaling;
    FASTGRU_RETURN_IF_ERROR(read_scaling(file, config, scaling));
    FASTGRU_RETURN_IF_ERROR(Network<S>::make(config, flat.data(), std::move(scaling), network));
  }
  result = std::make_shared<const NetworkModel<S>>(std::move(network), file);
  return {};
}

Status read_head(const ConfigField& loss, const ConfigField& delta, const ConfigField& quantiles,
                 const ConfigField& pooling, NetworkConfig* config) {
  std::size_t which = 0;
  if (loss.found()) {
    FASTGRU_RETURN_IF_ERROR(read_choice(
        loss,
        {"squared_error", "absolute_error", "huber", "quantile", "cross_entropy", "binary_cross_entropy"},
        &which));
    config->loss = all_losses()[which];
  }
  if (delta.found()) FASTGRU_RETURN_IF_ERROR(read_number(delta, &config->huber_delta));
  if (quantiles.found()) FASTGRU_RETURN_IF_ERROR(read_numbers(quantiles, kMaxQuantiles, &config->quantiles));
  if (pooling.found()) {
    FASTGRU_RETURN_IF_ERROR(read_choice(pooling, {"last", "mean", "max"}, &which));
    config->pooling = static_cast<Pooling>(which);
  }
  return {};
}

// The estimator's object "network": the fields of Architecture in estimators/_network.py. Those that version
// 1 did not have may be missing, and mean what NetworkConfig begins with.
Status read_network_config(std::string_view text, NetworkConfig* config, bool* is_double) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  ConfigField input{"input_size"}, hidden{"hidden_size"}, layers{"num_layers"}, output{"output_size"};
  ConfigField bidirectional{"bidirectional"}, reset_after{"reset_after"}, dropout{"dropout"}, dtype{"dtype"};
  ConfigField loss{"loss", false}, delta{"huber_delta", false}, quantiles{"quantiles", false};
  ConfigField sequence{"sequence", false}, pooling{"pooling", false}, mask{"missing_mask", false};
  ConfigField vocabulary{"vocabulary_size", false}, input_dropout{"input_dropout", false};
  FASTGRU_RETURN_IF_ERROR(
      read_fields("network", text, OtherFields::refused,
                  {&input, &hidden, &layers, &output, &bidirectional, &reset_after, &dropout, &dtype, &loss,
                   &delta, &quantiles, &sequence, &pooling, &mask, &vocabulary, &input_dropout}));
  GruConfig& gru = config->gru;
  FASTGRU_RETURN_IF_ERROR(read_whole(input, 1, kMost, &gru.input_size));
  FASTGRU_RETURN_IF_ERROR(read_whole(hidden, 1, kMost, &gru.hidden_size));
  FASTGRU_RETURN_IF_ERROR(read_whole(layers, 1, kMost, &gru.num_layers));
  FASTGRU_RETURN_IF_ERROR(read_whole(output, 1, kMost, &config->output_size));
  FASTGRU_RETURN_IF_ERROR(read_flag(bidirectional, &gru.bidirectional));
  FASTGRU_RETURN_IF_ERROR(read_flag(reset_after, &gru.reset_after));
  FASTGRU_RETURN_IF_ERROR(read_dropout(dropout, &gru.dropout));
  config->head_dropout = gru.dropout;
  if (sequence.found()) FASTGRU_RETURN_IF_ERROR(read_flag(sequence, &config->sequence));
  if (mask.found()) FASTGRU_RETURN_IF_ERROR(read_flag(mask, &config->missing_mask));
  if (vocabulary.found()) FASTGRU_RETURN_IF_ERROR(read_whole(vocabulary, 0, kMost, &config->vocabulary_size));
  if (input_dropout.found()) FASTGRU_RETURN_IF_ERROR(read_dropout(input_dropout, &config->input_dropout));
  FASTGRU_RETURN_IF_ERROR(read_head(loss, delta, quantiles, pooling, config));
  return read_double(dtype, is_double);
}

}  // namespace

Status load_estimator(const ModelFile& file, LoadedModelPtr& result) {
  ConfigField params{"params"}, network{"network"}, fitted{"fitted"};
  FASTGRU_RETURN_IF_ERROR(
      read_fields("config", file.config(), OtherFields::refused, {&params, &network, &fitted}));
  FASTGRU_RETURN_IF_ERROR(read_object(params));
  FASTGRU_RETURN_IF_ERROR(read_object(network));
  FASTGRU_RETURN_IF_ERROR(read_object(fitted));
  NetworkConfig config;
  bool is_double = false;
  FASTGRU_RETURN_IF_ERROR(read_network_config(network.text, &config, &is_double));
  FASTGRU_RETURN_IF_ERROR(as_model_error(validate(config)));
  FASTGRU_RETURN_IF_ERROR(check_layers(file, config.gru.num_layers));
  return is_double ? make_network<double>(file, config, result) : make_network<float>(file, config, result);
}

}  // namespace fastgru
