// Models and inputs shared by the tests of the app interface.
#include "app_case.h"

#include <filesystem>
#include <random>
#include <type_traits>

#include "file_bytes.h"
#include "io/safetensors.h"
#include "nn_case.h"

namespace fastgru_test {
namespace {

using namespace fastgru;
using namespace fastgru::testing;

template <class S>
const char* dtype_text() {
  return std::is_same_v<S, double> ? "float64" : "float32";
}

std::string flag(bool on) { return on ? "true" : "false"; }

template <class S>
TensorSource source(const ParamSlot& slot, const S* flat) {
  TensorSource tensor;
  tensor.name = slot.name;
  tensor.dtype = std::is_same_v<S, double> ? TensorDtype::f64 : TensorDtype::f32;
  tensor.shape = {slot.rows};
  if (slot.cols > 0) tensor.shape.push_back(slot.cols);
  tensor.data = flat + slot.offset;
  return tensor;
}

std::string file_of(const std::string& kind, const std::string& config,
                    const std::vector<TensorSource>& tensors) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fastgru-app-" + std::to_string(std::random_device()()));
  const Status status = write_safetensors(
      path, tensors, {{"format", "fastgru"}, {"format_version", "1"}, {"kind", kind}, {"config", config}});
  INFO(status.message());
  REQUIRE(status.ok());
  return taken_bytes(path);
}

AppCase empty_case(std::int64_t inputs, std::int64_t outputs, bool is_double) {
  AppCase result;
  result.inputs = inputs;
  result.outputs = outputs;
  result.is_double = is_double;
  Random random(5);
  const std::vector<float> x = random_vector<float>(random, result.rows * result.steps * inputs, 2.0);
  result.x.assign(x.begin(), x.end());
  result.lengths = {4, 0, 7};
  return result;
}

template <class S>
std::vector<double> run_layer(const Weights<S>& weights, const AppCase& c, const std::int64_t* lengths) {
  const std::vector<S> x(c.x.begin(), c.x.end());
  std::vector<S> y(static_cast<std::size_t>(c.rows * c.steps * c.outputs)), last(y.size());
  ForwardArgs<S> args;
  args.x = {x.data(), c.steps, c.rows, c.inputs, c.inputs, c.steps * c.inputs};
  args.y = {y.data(), c.steps, c.rows, c.outputs, c.outputs, c.steps * c.outputs};
  args.h_n = last.data();
  args.lengths = lengths;
  Workspace<S> workspace;
  REQUIRE(forward(weights, args, workspace, {}).ok());
  return {y.begin(), y.end()};
}

// The model file of a layer; `flat` becomes its parameters.
template <class S>
std::string layer_file(const GruConfig& config, std::vector<S>& flat) {
  const ParamLayout layout(config);
  Random random(3);
  flat = random_vector<S>(random, layout.total(), 0.3);
  std::vector<TensorSource> tensors;
  for (const ParamSlot& slot : layout.slots()) tensors.push_back(source(slot, flat.data()));
  return file_of("GRU",
                 "{\"input_size\":" + std::to_string(config.input_size) +
                     ",\"hidden_size\":" + std::to_string(config.hidden_size) + ",\"num_layers\":" +
                     std::to_string(config.num_layers) + ",\"bias\":" + flag(config.bias) +
                     R"(,"batch_first":false,"dropout":0.0,"precision":"highest","bidirectional":)" +
                     flag(config.bidirectional) + ",\"reset_after\":" + flag(config.reset_after) +
                     ",\"dtype\":\"" + dtype_text<S>() + "\"}",
                 tensors);
}

template <class S>
AppCase make_layer(bool bidirectional, bool reset_after) {
  GruConfig config;
  config.input_size = 3;
  config.hidden_size = 18;
  config.num_layers = 2;
  config.bidirectional = bidirectional;
  config.reset_after = reset_after;
  std::vector<S> flat;
  AppCase c = empty_case(config.input_size, config.directions() * config.hidden_size, sizeof(S) == 8);
  c.every_step = true;
  c.file = layer_file(config, flat);
  Weights<S> weights(config);
  REQUIRE(weights.assign(flat.data()).ok());
  c.whole = run_layer(weights, c, nullptr);
  c.cut = run_layer(weights, c, c.lengths.data());
  const auto width = static_cast<std::size_t>(c.outputs);
  for (std::size_t t = 0; t < static_cast<std::size_t>(c.steps); ++t) {
    c.after.emplace_back();
    for (std::size_t row = 0; row < static_cast<std::size_t>(c.rows); ++row) {
      const auto from = c.whole.begin() + static_cast<std::ptrdiff_t>((row * c.steps + t) * width);
      c.after.back().insert(c.after.back().end(), from, from + static_cast<std::ptrdiff_t>(width));
    }
  }
  return c;
}

template <class S>
std::vector<double> run_network(const Network<S>& network, const AppCase& c, std::int64_t steps,
                                const std::int64_t* lengths) {
  const SampleArray x = {c.x.data(), SampleType::float64, c.rows,  steps,
                         c.inputs,   c.steps * c.inputs,  c.inputs};
  std::vector<S> y(static_cast<std::size_t>(c.rows * c.outputs));
  REQUIRE(network.predict(x, lengths, false, y.data(), {}).ok());
  return {y.begin(), y.end()};
}

TensorSource column(const char* name, const std::vector<double>& values) {
  TensorSource tensor;
  tensor.name = name;
  tensor.dtype = TensorDtype::f64;
  tensor.shape = {static_cast<std::int64_t>(values.size())};
  tensor.data = values.data();
  return tensor;
}

template <class S>
AppCase make_estimator(bool bidirectional, bool reset_after) {
  NetworkConfig config = network_config(2, 17, 2, bidirectional, 3);
  config.gru.reset_after = reset_after;
  const NetworkCase<S> made(config, 4, 3);
  const NetworkLayout layout(config);
  std::vector<TensorSource> tensors;
  for (const ParamSlot& slot : layout.slots()) tensors.push_back(source(slot, made.params.data()));
  const std::vector<double> history = {1.0, 0.5};
  for (const char* name : {"history.loss_curve", "history.validation_scores"})
    tensors.push_back(column(name, history));
  tensors.push_back(column("scaling.x_mean", made.scaling.x_mean));
  tensors.push_back(column("scaling.x_scale", made.scaling.x_scale));
  tensors.push_back(column("scaling.y_mean", made.scaling.y_mean));
  tensors.push_back(column("scaling.y_scale", made.scaling.y_scale));
  AppCase c = empty_case(2, 3, sizeof(S) == 8);
  c.file = file_of("GRURegressor",
                   R"({"params":{"alpha":1e-4},"fitted":{"names":["a"]},"network":{"input_size":2,)"
                   R"("hidden_size":17,"num_layers":2,"output_size":3,"dropout":0,"bidirectional":)" +
                       flag(bidirectional) + ",\"reset_after\":" + flag(reset_after) + ",\"dtype\":\"" +
                       dtype_text<S>() + "\"}}",
                   tensors);
  c.whole = run_network(*made.network, c, c.steps, nullptr);
  c.cut = run_network(*made.network, c, c.steps, c.lengths.data());
  for (std::int64_t t = 1; t <= c.steps; ++t) c.after.push_back(run_network(*made.network, c, t, nullptr));
  return c;
}

}  // namespace

AppCase layer_case(bool is_double, bool bidirectional, bool reset_after) {
  return is_double ? make_layer<double>(bidirectional, reset_after)
                   : make_layer<float>(bidirectional, reset_after);
}

AppCase one_layer_case(int inputs, int hidden, bool reset_after, bool bidirectional, bool bias) {
  GruConfig config;
  config.input_size = inputs;
  config.hidden_size = hidden;
  config.reset_after = reset_after;
  config.bidirectional = bidirectional;
  config.bias = bias;
  AppCase c = empty_case(inputs, hidden, false);
  std::vector<float> flat;
  c.file = layer_file(config, flat);
  return c;
}

AppCase estimator_case(bool is_double, bool bidirectional, bool reset_after) {
  return is_double ? make_estimator<double>(bidirectional, reset_after)
                   : make_estimator<float>(bidirectional, reset_after);
}

}  // namespace fastgru_test
