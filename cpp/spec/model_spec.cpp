// The kinds of saved models, their configuration and their tensors.
#include "spec/model_spec.h"

#include <algorithm>
#include <array>

#include "nn/decoding/generator.h"
#include "spec/class_names.h"
#include "spec/parameters.h"
#include "spec/self_test.h"

namespace fastgru {
namespace {

// What a kind holds besides an estimator's network, and what its network must be.
enum class Holds {
  layer,           // no estimator: a layer
  network,         // nothing more
  classes,         // names of the classes
  series,          // the series that the model goes on from
  step_forecasts,  // the network answers every step with one number for each of its features
  language_model,  // a vocabulary; the network predicts the next token
  transcriber,     // a vocabulary; the network aligns its symbols, output 0 being the blank
  seq2seq,         // vocabularies; an encoder-decoder network instead of an estimator's
};

struct Kind {
  std::string_view name;
  Holds holds;
};

constexpr std::array<Kind, 8> kKinds = {{{"GRU", Holds::layer},
                                         {"GRUClassifier", Holds::classes},
                                         {"GRURegressor", Holds::network},
                                         {"GRUForecaster", Holds::series},
                                         {"GRUAnomalyDetector", Holds::step_forecasts},
                                         {"GRULanguageModel", Holds::language_model},
                                         {"GRUTranscriber", Holds::transcriber},
                                         {"GRUSeq2Seq", Holds::seq2seq}}};

// The series that a model goes on from. C++ reads them for Python alone.
constexpr std::array<const char*, 4> kSeries = {"series.X", "series.lengths", "series.static", "series.y"};

bool has_series(const ModelSpec& spec) {
  return std::any_of(kKinds.begin(), kKinds.end(),
                     [&](auto& kind) { return kind.holds == Holds::series && kind.name == spec.kind; });
}

// Every layer has tensors, so a number of layers above that of tensors is refused before memory is taken for
// it.
Status check_layers(const ModelFile& file, std::int64_t num_layers) {
  const auto tensors = static_cast<std::int64_t>(file.tensor_count());
  if (num_layers <= tensors) return {};
  return {ErrorCode::model_format, "num_layers is " + std::to_string(num_layers) +
                                       ", but the file has only " + std::to_string(tensors) + " tensors"};
}

// Refuses what no engine computes.
Status check_precision(const GruConfig& gru, Dtype dtype) {
  if (gru.precision != Precision::int8 || dtype == Dtype::float32) return {};
  return {ErrorCode::model_format, "precision \"int8\" needs the dtype float32"};
}

Status read_layer(const ModelFile& file, ModelSpec* spec) {
  LayerSpec layer;
  FASTGRU_RETURN_IF_ERROR(read_options("config", file.config(), &layer));
  FASTGRU_RETURN_IF_ERROR(as_model_error(validate(layer.gru)));
  FASTGRU_RETURN_IF_ERROR(check_precision(layer.gru, layer.dtype));
  spec->options = layer;
  return check_layers(file, layer.gru.num_layers);
}

// The object "network" of an estimator's file; the others become the spec's.
Status read_parts(const ModelFile& file, ModelSpec* spec, std::string_view* network) {
  std::vector<ConfigField> parts = {{"params"}, {"network"}, {"fitted"}};
  FASTGRU_RETURN_IF_ERROR(read_fields("config", file.config(), parts));
  for (const ConfigField& part : parts) FASTGRU_RETURN_IF_ERROR(read_object(part));
  spec->params = parts[0].text;
  spec->fitted = parts[2].text;
  *network = parts[1].text;
  return {};
}

Status read_seq2seq(const ModelFile& file, ModelSpec* spec) {
  std::string_view text;
  FASTGRU_RETURN_IF_ERROR(read_parts(file, spec, &text));
  Seq2SeqSpec network;
  FASTGRU_RETURN_IF_ERROR(read_options("network", text, &network));
  FASTGRU_RETURN_IF_ERROR(as_model_error(validate(network.config)));
  if (network.dtype != Dtype::float32) {
    return {ErrorCode::model_format, "a GRUSeq2Seq has the dtype float32"};
  }
  spec->options = network;
  return check_layers(file, network.config.num_layers);
}

Status read_estimator(const ModelFile& file, ModelSpec* spec) {
  std::string_view text;
  FASTGRU_RETURN_IF_ERROR(read_parts(file, spec, &text));
  NetworkSpec network;
  FASTGRU_RETURN_IF_ERROR(read_options("network", text, &network));
  FASTGRU_RETURN_IF_ERROR(as_model_error(validate(network.config)));
  FASTGRU_RETURN_IF_ERROR(check_precision(network.config.gru, network.dtype));
  FASTGRU_RETURN_IF_ERROR(check_layers(file, network.config.gru.num_layers));
  spec->options = std::move(network);
  return {};
}

Status check_forecasts(const NetworkConfig& config) {
  const auto wrong = [](const std::string& what) {
    return Status{ErrorCode::model_format, "a network that forecasts every step needs " + what};
  };
  if (!config.sequence) return wrong("sequence");
  if (config.gru.directions() != 1) return wrong("one direction: the reverse one knows the future");
  if (config.frame_length != 1 || config.frame_step != 1) return wrong("a frame_length and frame_step of 1");
  if (config.vocabulary_size != 0) return wrong("numbers, not tokens");
  if (config.loss->classifies()) return wrong("a loss over values");
  if (config.logits() == config.features()) return {};
  return wrong("as many outputs as features, got " + std::to_string(config.logits()) + " and " +
               std::to_string(config.features()));
}

// Checks that the file has every tensor of the model, in its shape, and no other tensor. The history of
// training is optional here; the estimators require it.
Status check_tensors(const ModelFile& file, const ModelSpec& spec) {
  const std::vector<TensorSpec> wanted = tensors(spec);
  std::vector<std::string_view> names;
  for (const TensorSpec& tensor : wanted) names.push_back(tensor.name);
  if (spec.version >= kFirstSelfTest) names.insert(names.end(), kSelfTest.begin(), kSelfTest.end());
  std::sort(names.begin(), names.end());
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    const std::string_view name = file.tensor_name(i);
    if (std::binary_search(names.begin(), names.end(), name)) continue;
    return {ErrorCode::model_format, "unknown tensor " + in_quotes(name)};
  }
  TensorInfo found;
  for (const TensorSpec& tensor : wanted) {
    if (tensor.role == TensorRole::history && !file.has(tensor.name)) continue;
    FASTGRU_RETURN_IF_ERROR(file.find(tensor.name, tensor.dtype, tensor.shape, &found));
  }
  return {};
}

}  // namespace

std::int64_t ModelSpec::features() const {
  if (seq2seq() != nullptr) return 1;  // a symbol
  return layer() != nullptr ? layer()->gru.input_size : network()->config.features();
}

std::int64_t ModelSpec::answers() const {
  if (network() != nullptr) return network()->config.logits();
  if (seq2seq() != nullptr) return seq2seq()->config.target_vocabulary;
  return layer()->gru.directions() * layer()->gru.hidden_size;
}

bool ModelSpec::every_step() const { return network() == nullptr || network()->config.sequence; }

std::vector<std::string_view> model_kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

std::vector<ParamSlot> parameter_slots(const ModelSpec& spec) {
  if (spec.layer() != nullptr) return ParamLayout(spec.layer()->gru).slots();
  if (spec.seq2seq() != nullptr) return Seq2SeqLayout(spec.seq2seq()->config).slots();
  return NetworkLayout(spec.network()->config).slots();
}

std::vector<TensorSpec> tensors(const ModelSpec& spec) {
  const TensorDtype dtype = spec.dtype() == Dtype::float64 ? TensorDtype::f64 : TensorDtype::f32;
  std::vector<TensorSpec> all;
  for (const ParamSlot& slot : parameter_slots(spec)) {
    for (TensorSpec& tensor : slot_tensors(slot, dtype)) all.push_back(std::move(tensor));
  }
  if (spec.layer() != nullptr) return all;
  for (std::size_t i = 0; spec.network() != nullptr && i < kScaling.size(); ++i) {
    const std::int64_t size = i < 2 ? spec.features() : spec.network()->config.output_size;
    all.push_back({kScaling[i], TensorDtype::f64, {size}, TensorRole::scaling});
  }
  for (const char* name : {"history.loss_curve", "history.validation_scores"}) {
    all.push_back({name, TensorDtype::f64, {kAnyLength}, TensorRole::history});
  }
  if (has_series(spec)) {
    for (const char* name : kSeries) {
      all.push_back({name, TensorDtype::f64, {kAnyLength}, TensorRole::history});
    }
  }
  return all;
}

Status read_spec(const ModelFile& file, ModelSpec* spec) {
  const auto kind =
      std::find_if(kKinds.begin(), kKinds.end(), [&](auto& each) { return each.name == file.kind(); });
  if (kind == kKinds.end()) {
    std::string known;
    for (const Kind& each : kKinds) known += (known.empty() ? "" : ", ") + std::string(each.name);
    return {ErrorCode::model_format,
            "unknown kind " + in_quotes(file.kind()) + "; this fastgru knows " + known};
  }
  spec->kind = kind->name;
  spec->version = file.version();
  spec->metadata = file.own_metadata();
  const Holds holds = kind->holds;
  FASTGRU_RETURN_IF_ERROR(holds == Holds::layer     ? read_layer(file, spec)
                          : holds == Holds::seq2seq ? read_seq2seq(file, spec)
                                                    : read_estimator(file, spec));
  if (holds == Holds::step_forecasts) FASTGRU_RETURN_IF_ERROR(check_forecasts(spec->network()->config));
  if (holds == Holds::language_model) {
    FASTGRU_RETURN_IF_ERROR(as_model_error(check_language_model(spec->network()->config)));
  }
  if (holds == Holds::transcriber && !spec->network()->config.loss->aligns()) {
    return {ErrorCode::model_format, "a network that transcribes needs the loss \"ctc\""};
  }
  FASTGRU_RETURN_IF_ERROR(check_tensors(file, *spec));
  // After the tensors have confirmed the number of outputs.
  if (holds == Holds::classes) return read_class_names(spec->fitted, spec->answers(), &spec->classes);
  if (holds != Holds::language_model && holds != Holds::transcriber) return {};
  const std::vector<std::string> specials = {"<padding>", "<unknown>", "<end>"}, blank = {""};
  return read_symbol_names(spec->fitted, holds == Holds::transcriber ? blank : specials, spec->answers(),
                           &spec->classes);
}

NamedTexts config_texts(const ModelSpec& spec) {
  NamedTexts texts;
  std::visit(
      [&](const auto& options) {
        visit_fields(options, [&](std::string_view name, const auto& value, const auto& rule, unsigned) {
          if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, field::Choice>) {
            texts.emplace_back(name, choice_name(value, rule));
          } else {
            texts.emplace_back(name, json_of(value));
          }
        });
      },
      spec.options);
  return texts;
}

std::string to_json(const ModelSpec& spec) {
  if (spec.layer() != nullptr) return options_to_json(*spec.layer());
  const std::string network =
      spec.seq2seq() != nullptr ? options_to_json(*spec.seq2seq()) : options_to_json(*spec.network());
  return "{\"params\":" + spec.params + ",\"network\":" + network + ",\"fitted\":" + spec.fitted + "}";
}

}  // namespace fastgru
