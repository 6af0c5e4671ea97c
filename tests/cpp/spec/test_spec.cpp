// The description in a model file: every field written and read back, defaults, and a named error for each
// way in which a file can be wrong.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "model/model.h"
#include "spec/model_spec.h"

using namespace fastgru;

namespace {

// A value that is not the field's default.
void change(std::int64_t& value, const field::Whole& rule) { value = rule.least + 2; }
void change(bool& value, const field::Flag&) { value = !value; }
void change(double& value, const field::Share&) { value = 0.1; }
void change(double& value, const field::Number&) { value = 1e-5; }
void change(std::vector<double>& value, const field::Numbers&) { value = {0.25, 1e-20}; }
template <class T>
void change(T& value, const field::Choice& rule) {
  choose(value, rule, rule.names.size() - 1);
}

template <class Options>
std::vector<std::string> field_names() {
  std::vector<std::string> names;
  const Options defaults;
  visit_fields(defaults,
               [&](std::string_view name, const auto&, const auto&, unsigned) { names.emplace_back(name); });
  return names;
}

template <class Options>
void check_round_trips(const char* what) {
  const std::string plain = options_to_json(Options());
  for (const std::string& name : field_names<Options>()) {
    CAPTURE(name);
    Options options, again;
    visit_fields(options, [&](std::string_view each, auto& value, const auto& rule, unsigned) {
      if (each == name) change(value, rule);
    });
    const std::string json = options_to_json(options);
    CHECK(json != plain);
    CHECK(json.find("\"" + name + "\":") != std::string::npos);
    REQUIRE(read_options(what, json, &again).ok());
    CHECK(options_to_json(again) == json);
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// The object without one of its fields, or with another value of it.
std::string with_field(const std::string& json, const std::string& name, const std::string& value) {
  const std::size_t begin = json.find("\"" + name + "\":");
  REQUIRE(begin != std::string::npos);
  std::size_t end = json.find_first_of(json[begin + name.size() + 3] == '[' ? "]" : ",}", begin);
  if (json[end] == ']') ++end;
  std::string changed = json;
  if (!value.empty()) return changed.replace(begin, end - begin, "\"" + name + "\":" + value);
  const bool last = json[end] == '}';
  return changed.erase(last ? begin - 1 : begin, end - begin + 1);
}

struct Tensor {
  std::string name;
  TensorDtype dtype;
  std::vector<std::int64_t> shape;
  double value;
};

struct File {
  std::string kind, config, version = "2";
  std::vector<Tensor> tensors;

  Tensor& at(const std::string& name) {
    for (Tensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    FAIL("no tensor ", name);
    return tensors[0];
  }

  std::string bytes() const {
    std::string header = "{\"__metadata__\":{\"format\":\"fastgru\",\"format_version\":\"" + version +
                         "\",\"kind\":\"" + kind + "\",\"config\":" + json_of(config) + "}";
    std::string data;
    for (const Tensor& tensor : tensors) {
      std::string shape;
      std::int64_t count = 1;
      for (const std::int64_t length : tensor.shape) {
        shape += (shape.empty() ? "" : ",") + std::to_string(length);
        count *= length;
      }
      const std::size_t begin = data.size(), size = dtype_size(tensor.dtype);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto single = static_cast<float>(tensor.value);
        const void* from =
            tensor.dtype == TensorDtype::f64 ? static_cast<const void*>(&tensor.value) : &single;
        data.append(static_cast<const char*>(from), size);
      }
      header += "," + json_of(tensor.name) + ":{\"dtype\":\"" + dtype_name(tensor.dtype) + "\",\"shape\":[" +
                shape + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) +
                "]}";
    }
    header += "}";
    const std::uint64_t length = header.size();
    std::string file(sizeof(length), '\0');
    std::memcpy(file.data(), &length, sizeof(length));
    return file + header + data;
  }
};

// A model file whose tensors hold 0.5 everywhere.
File file_of(const ModelSpec& spec) {
  File file{spec.kind, to_json(spec), "2", {}};
  for (const TensorSpec& tensor : tensors(spec)) {
    file.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, 0.5});
    for (std::int64_t& length : file.tensors.back().shape) length = length == kAnyLength ? 3 : length;
  }
  return file;
}

ModelSpec layer_spec() {
  LayerSpec layer;
  layer.gru = {2, 3, 2, true, true, true, 0.0};
  return {"GRU", 2, layer, "", ""};
}

ModelSpec network_spec() {
  NetworkSpec network;
  network.config.gru = {2, 3, 1, true, false, true, 0.1};
  network.config.head_dropout = 0.1;
  network.config.output_size = 2;
  return {"GRURegressor", 2, network, "{\"solver\":\"adam\"}", "{}"};
}

// The network of a GRUAnomalyDetector of two variables.
ModelSpec detector_spec() {
  ModelSpec spec = network_spec();
  spec.kind = "GRUAnomalyDetector";
  std::get<NetworkSpec>(spec.options).config.sequence = true;
  return spec;
}

// The error of loading; empty if the file is good.
std::string verdict(const File& file) {
  const std::string bytes = file.bytes();
  LoadedModelPtr model;
  const Status status = load_model(bytes.data(), bytes.size(), model);
  CHECK((status.ok() || status.code() == ErrorCode::model_format));
  return status.message();
}

bool says(const std::string& message, const std::string& what) {
  INFO(message);
  return message.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("spec: every field of a network and of a layer is written and read back") {
  check_round_trips<NetworkSpec>("network");
  check_round_trips<LayerSpec>("config");
  check_round_trips<Seq2SeqSpec>("network");
}

TEST_CASE("spec: numbers read back as the doubles they were") {
  for (const double value : {0.0, 1.0, 0.1, 1e-5, 1e-300, 5e-324, 1e22, 1.0 / 3, 123456789.0, 1e16}) {
    ConfigField number{"x"};
    const std::string text = json_of(value);
    number.text = text;
    number.kind = JsonKind::number;
    double again = -1;
    CHECK(read_value(number, field::Number{}, &again).ok());
    CHECK(again == value);
    CHECK(text.find_first_of(".e") != std::string::npos);
  }
}

TEST_CASE("spec: what version 1 did not have means the defaults") {
  const std::string first =
      R"({"input_size":2,"hidden_size":3,"num_layers":1,"output_size":4,"bidirectional":false,)"
      R"("reset_after":true,"dropout":0.25,"dtype":"float64"})";
  NetworkSpec spec;
  REQUIRE(read_options("network", first, &spec).ok());
  NetworkSpec wanted;
  wanted.config.gru = {2, 3, 1, true, false, true, 0.25};
  wanted.config.head_dropout = 0.25;  // head_dropout defaults to dropout
  wanted.config.output_size = 4;
  wanted.dtype = Dtype::float64;
  CHECK(options_to_json(spec) == options_to_json(wanted));
  CHECK(spec.config.head_dropout == 0.25);
}

TEST_CASE("spec: fields that are missing, unknown or of another kind are named") {
  const std::string json = options_to_json(NetworkSpec());
  CHECK(says(verdict([&] {
               File file = file_of(network_spec());
               file.config = replaced(file.config, "\"input_size\":2", "\"more\":1,\"input_size\":2");
               return file;
             }()),
             "network has the unknown field 'more'"));
  std::size_t required = 0;
  const NetworkSpec defaults;
  visit_fields(defaults, [&](std::string_view name, const auto&, const auto&, unsigned traits) {
    const std::string field(name);
    CAPTURE(field);
    if ((traits & field::kOmitted) != 0) return;
    NetworkSpec spec;
    const Status missing = read_options("network", with_field(json, field, ""), &spec);
    CHECK(missing.ok() == field::may_be_missing(traits));
    if (!missing.ok()) CHECK(says(missing.message(), "network needs '" + field + "', which is missing"));
    required += field::may_be_missing(traits) ? 0 : 1;
    for (const char* hostile : {"null", "{}", "[1]", "\"x\"", "-1.5", "[\"x\"]"}) {
      CAPTURE(hostile);
      const Status status = read_options("network", with_field(json, field, hostile), &spec);
      if (std::string(hostile) == "-1.5" && field == "huber_delta") continue;  // left to validate()
      CHECK_FALSE(status.ok());
      CHECK(says(status.message(), field + " must be "));
      CHECK(says(status.message(), "got '" + std::string(hostile)));
    }
  });
  CHECK(required == 8);
}

TEST_CASE("spec: a file's description is read as it was written") {
  for (const ModelSpec& spec : {layer_spec(), network_spec(), detector_spec()}) {
    const std::string bytes = file_of(spec).bytes();
    ModelFile file;
    ModelSpec again;
    REQUIRE(ModelFile::parse(bytes.data(), bytes.size(), &file).ok());
    REQUIRE(read_spec(file, &again).ok());
    CHECK(to_json(again) == to_json(spec));
    CHECK(again.kind == spec.kind);
    CHECK(again.features() == 2);
    CHECK(again.answers() == (spec.layer() != nullptr ? 6 : 2));
    CHECK(verdict(file_of(spec)).empty());
  }
}

TEST_CASE("spec: every tensor must be there, in its shape and type") {
  for (const ModelSpec& spec : {layer_spec(), network_spec()}) {
    const File good = file_of(spec);
    for (std::size_t i = 0; i < good.tensors.size(); ++i) {
      const std::string name = good.tensors[i].name;
      CAPTURE(name);
      File file = good;
      file.tensors.erase(file.tensors.begin() + static_cast<std::ptrdiff_t>(i));
      if (name.rfind("history.", 0) == 0) {  // an app's file may do without
        CHECK(verdict(file).empty());
      } else {
        CHECK(says(verdict(file), "tensor '" + name + "' is missing"));
      }
      file = good;
      file.tensors[i].shape.push_back(1);
      CHECK(says(verdict(file), "tensor '" + name + "' has shape "));
      file = good;
      file.tensors[i].dtype = TensorDtype::f16;
      CHECK(says(verdict(file), "tensor '" + name + "' has dtype F16, wanted F"));
      file = good;
      file.tensors[i].name += "_";
      CHECK(says(verdict(file), "unknown tensor '" + name + "_'"));
    }
  }
}

TEST_CASE("spec: values that cannot be are refused") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  File file = file_of(network_spec());
  file.at("head.bias").value = kNan;
  CHECK(says(verdict(file), "head.bias holds values that are not finite"));
  for (const char* name : kScaling) {
    file = file_of(network_spec());
    file.at(name).value = kNan;
    CHECK(says(verdict(file), std::string(name).substr(8)));
  }
  file = file_of(network_spec());
  file.at("scaling.y_scale").value = 0;
  CHECK(says(verdict(file), "y_scale"));
  file = file_of(layer_spec());  // a layer may hold any values
  file.at("bias_hh_l0").value = kNan;
  CHECK(verdict(file).empty());
}

TEST_CASE("spec: sizes are believed no further than the tensors bear them out") {
  const auto with = [](const char* from, const char* to) {
    File file = file_of(network_spec());
    file.config = replaced(file.config, from, to);
    return verdict(file);
  };
  CHECK(says(with("\"num_layers\":1", "\"num_layers\":10000"), "num_layers is 10000, but the file has"));
  CHECK(says(with("\"num_layers\":1", "\"num_layers\":2"), "gru.weight_ih_l1' is missing"));
  CHECK(says(with("\"hidden_size\":3", "\"hidden_size\":100000"), "weight_ih_l0' has shape (9, 2), wanted"));
  CHECK(says(with("\"hidden_size\":3", "\"hidden_size\":1099511627776"),
             "more parameters than can be counted"));
  CHECK(says(with("\"hidden_size\":3", "\"hidden_size\":1099511627777"), "hidden_size must be an integer"));
  CHECK(says(with("\"vocabulary_size\":0", "\"vocabulary_size\":1"), "vocabulary_size must be 0"));
  CHECK(says(with("\"quantiles\":[]", "\"quantiles\":[0.5]"), "quantiles has 1 values"));
}

TEST_CASE("spec: the parts of a configuration") {
  File file = file_of(network_spec());
  file.kind = "Other";
  CHECK(says(verdict(file),
             "unknown kind 'Other'; this fastgru knows GRU, GRUClassifier, GRURegressor, GRUForecaster"));
  file = file_of(network_spec());
  file.config = replaced(file.config, "{\"solver\":\"adam\"}", "[]");
  CHECK(says(verdict(file), "params must be an object, got '[]'"));
  file = file_of(network_spec());
  file.config = replaced(file.config, "\"fitted\"", "\"fit\"");
  CHECK(says(verdict(file), "config has the unknown field 'fit'"));
  file = file_of(network_spec());
  file.config = replaced(file.config, "{\"params\":{\"solver\":\"adam\"},", "{");
  CHECK(says(verdict(file), "config needs 'params', which is missing"));
}

TEST_CASE("spec: a detector's network forecasts every variable at every step") {
  const auto with = [](auto change) {
    ModelSpec spec = detector_spec();
    change(std::get<NetworkSpec>(spec.options).config);
    return verdict(file_of(spec));
  };
  CHECK(with([](NetworkConfig&) {}).empty());
  CHECK(says(with([](NetworkConfig& config) { config.sequence = false; }), "every step needs sequence"));
  CHECK(says(with([](NetworkConfig& config) { config.gru.bidirectional = true; }), "needs one direction"));
  CHECK(says(with([](NetworkConfig& config) { config.frame_length = 2; }), "needs a frame_length and"));
  CHECK(says(with([](NetworkConfig& config) { config.vocabulary_size = 9; }), "needs numbers, not tokens"));
  CHECK(says(with([](NetworkConfig& config) { config.loss = find_loss("cross_entropy"); }),
             "needs a loss over values"));
  CHECK(says(with([](NetworkConfig& config) { config.output_size = 3; }),
             "as many outputs as features, got 3 and 2"));
  CHECK(says(with([](NetworkConfig& config) { config.missing_mask = true; }),
             "as many outputs as features, got 2 and 1"));
}

TEST_CASE("spec: a detector's network streams its forecasts") {
  const std::string bytes = file_of(detector_spec()).bytes();
  LoadedModelPtr model;
  REQUIRE(load_model(bytes.data(), bytes.size(), model).ok());
  CHECK(model->info().kind == "GRUAnomalyDetector");
  std::unique_ptr<ModelStream> stream;
  REQUIRE(model->stream(1, stream).ok());
  const std::vector<double> x = {0.1, -0.2, 0.3, 0.4, 1.0, 2.0};
  std::vector<double> steps(6), whole(6);
  for (std::size_t t = 0; t < 3; ++t) stream->step(&x[2 * t], &steps[2 * t]);
  SequenceCall<double> call;
  call.x = x.data();
  call.rows = 1;
  call.steps = 3;
  call.y = whole.data();
  REQUIRE(model->forward(call).ok());
  CHECK(steps == whole);
}

TEST_CASE("spec: version 1 has no self-test") {
  File file = file_of(layer_spec());
  file.tensors.push_back({"selftest.x", TensorDtype::f64, {8, 2}, 0.0});
  CHECK(says(verdict(file), "selftest.y' is missing"));
  file.version = "1";
  CHECK(says(verdict(file), "unknown tensor 'selftest.x'"));
  file.tensors.pop_back();
  CHECK(verdict(file).empty());
}

TEST_CASE("spec: a self-test is held against the model's answers") {
  File file = file_of(network_spec());
  file.tensors.push_back({"selftest.x", TensorDtype::f64, {4, 2}, 0.5});
  file.tensors.push_back({"selftest.y", TensorDtype::f64, {1, 2}, 0.5});
  file.tensors.push_back({"selftest.tolerance", TensorDtype::f64, {2}, 100.0});
  CHECK(verdict(file).empty());
  file.at("selftest.tolerance").value = 1e-9;
  CHECK(says(verdict(file), "SelfTestFailed: answer 0, output 0 is "));
  file.at("selftest.tolerance").value = -1;
  CHECK(says(verdict(file), "'selftest.tolerance' holds a negative number"));
  file.at("selftest.tolerance").value = std::numeric_limits<double>::infinity();
  CHECK(says(verdict(file), "selftest.tolerance must hold finite"));
  file.at("selftest.tolerance").value = 100;
  file.at("selftest.x").shape = {1025, 2};
  CHECK(says(verdict(file), "'selftest.x' must have the shape (1 to 1024, 2)"));
  file.at("selftest.x").shape = {4, 2};
  file.at("selftest.y").shape = {4, 2};
  CHECK(says(verdict(file), "'selftest.y' has shape (4, 2), wanted (1, 2)"));
}
