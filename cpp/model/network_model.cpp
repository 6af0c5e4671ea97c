// The file of an estimator: raw features in, the estimator's answer out. What a network computes is decided
// in nn/; here stands how one is read and called.
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

  std::size_t state_bytes() const noexcept override {
    const GruConfig& gru = stream_->config().gru;
    return static_cast<std::size_t>(gru.num_layers * rows() * gru.hidden_size) * sizeof(S);
  }
  void save(void* to) const noexcept override { stream_->get_state(static_cast<S*>(to)); }
  void restore(const void* from) noexcept override { stream_->set_state(static_cast<const S*>(from)); }

  Status copy(std::unique_ptr<ModelStream>& result) const override {
    std::unique_ptr<NetworkStream<S>> twin;
    FASTGRU_RETURN_IF_ERROR(stream_->copy(twin));
    return make(std::move(twin), result);
  }

 private:
  explicit EstimatorStream(std::unique_ptr<NetworkStream<S>> stream) : stream_(std::move(stream)) {}

  std::int64_t outputs() const noexcept { return rows() * stream_->config().output_size; }

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
    info_.input_size = config.gru.input_size;
    info_.output_size = config.output_size;
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
    const std::int64_t features = info().input_size, answers = call.rows * info().output_size;
    const SampleArray x = {call.x,   sample_type<X>(),      call.rows, call.steps,
                           features, call.steps * features, features};
    Converted<S> outputs;
    S* y = nullptr;
    FASTGRU_RETURN_IF_ERROR(outputs.target(call.y, answers, y));
    RunOptions options;
    options.num_threads = call.num_threads;
    FASTGRU_RETURN_IF_ERROR(network_->predict(x, call.lengths, y, options));
    outputs.write(answers, call.y);
    return {};
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
  const std::int64_t inputs = config.gru.input_size, outputs = config.output_size;
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

// The estimator's object "network": the fields of Architecture in estimators/_network.py.
Status read_network_config(std::string_view text, NetworkConfig* config, std::string_view* dtype_name) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  ConfigField input{"input_size"}, hidden{"hidden_size"}, layers{"num_layers"}, output{"output_size"};
  ConfigField bidirectional{"bidirectional"}, reset_after{"reset_after"}, dropout{"dropout"}, dtype{"dtype"};
  FASTGRU_RETURN_IF_ERROR(
      read_fields("network", text, OtherFields::refused,
                  {&input, &hidden, &layers, &output, &bidirectional, &reset_after, &dropout, &dtype}));
  GruConfig& gru = config->gru;
  FASTGRU_RETURN_IF_ERROR(read_whole(input, 1, kMost, &gru.input_size));
  FASTGRU_RETURN_IF_ERROR(read_whole(hidden, 1, kMost, &gru.hidden_size));
  FASTGRU_RETURN_IF_ERROR(read_whole(layers, 1, kMost, &gru.num_layers));
  FASTGRU_RETURN_IF_ERROR(read_whole(output, 1, kMost, &config->output_size));
  FASTGRU_RETURN_IF_ERROR(read_flag(bidirectional, &gru.bidirectional));
  FASTGRU_RETURN_IF_ERROR(read_flag(reset_after, &gru.reset_after));
  FASTGRU_RETURN_IF_ERROR(read_dropout(dropout, &gru.dropout));
  config->head_dropout = gru.dropout;
  return read_choice(dtype, {"float32", "float64"}, dtype_name);
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
  std::string_view dtype;
  FASTGRU_RETURN_IF_ERROR(read_network_config(network.text, &config, &dtype));
  FASTGRU_RETURN_IF_ERROR(as_model_error(validate(config)));
  FASTGRU_RETURN_IF_ERROR(check_layers(file, config.gru.num_layers));
  return dtype == "float64" ? make_network<double>(file, config, result)
                            : make_network<float>(file, config, result);
}

}  // namespace fastgru
