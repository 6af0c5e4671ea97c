// ModelSpec: the description of a saved layer or network as typed options, its JSON and its tensors.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "nn/seq2seq/config.h"
#include "spec/field_visitors.h"
#include "spec/model_file.h"
#include "spec/model_metadata.h"
#include "spec/network_fields.h"
#include "spec/tensor_spec.h"

namespace fastgru {

enum class Dtype { float32, float64 };

struct LayerSpec {
  GruConfig gru;
  bool batch_first = false;  // the axis order of Python's arrays; in C++ rows come first
  Dtype dtype = Dtype::float32;
};

struct NetworkSpec {
  NetworkConfig config;
  Dtype dtype = Dtype::float32;
};

struct Seq2SeqSpec {
  Seq2SeqConfig config;
  Dtype dtype = Dtype::float32;  // no other
};

template <class Options, class Visit>
void visit_fields(Options& options, Visit&& visit) {
  const field::Choice dtypes{{"float32", "float64"}};
  if constexpr (std::is_same_v<std::remove_const_t<Options>, NetworkSpec>) {
    visit_network_fields(options.config, visit);
  } else if constexpr (std::is_same_v<std::remove_const_t<Options>, Seq2SeqSpec>) {
    Seq2SeqConfig::visit(options.config, visit);
  } else {
    static_assert(std::is_same_v<std::remove_const_t<Options>, LayerSpec>);
    visit_layer_fields(options, visit);
  }
  visit("dtype", options.dtype, dtypes, field::kAlways);
}

struct ModelSpec {
  std::string kind;
  int version = kModelFormatVersion;
  std::variant<LayerSpec, NetworkSpec, Seq2SeqSpec> options;
  // JSON objects: the estimator's constructor parameters, and its fitted state besides tensors. C++ reads the
  // class names alone.
  std::string params, fitted;
  std::vector<std::string> classes = {};  // a classifier's names of them; a transcriber's symbols
  OwnMetadata metadata = {};

  const LayerSpec* layer() const { return std::get_if<LayerSpec>(&options); }
  const NetworkSpec* network() const { return std::get_if<NetworkSpec>(&options); }
  const Seq2SeqSpec* seq2seq() const { return std::get_if<Seq2SeqSpec>(&options); }
  Dtype dtype() const {
    return std::visit([](const auto& of) { return of.dtype; }, options);
  }
  // Inputs per step, outputs per prediction, and whether there is a prediction for every step.
  std::int64_t features() const;
  std::int64_t answers() const;
  bool every_step() const;
};

std::vector<std::string_view> model_kinds();

// The names of the scaling's tensors, in the order of Scaling's members.
inline constexpr std::array<const char*, 4> kScaling = {"scaling.x_mean", "scaling.x_scale", "scaling.y_mean",
                                                        "scaling.y_scale"};

// All tensors of this model besides the self-test (self_test.h). Those of role `history` are optional.
std::vector<TensorSpec> tensors(const ModelSpec& spec);
std::vector<ParamSlot> parameter_slots(const ModelSpec& spec);

// Reads and checks everything but the tensors' values. Memory is taken only for sizes that the file's tensors
// confirm. Errors are model_format Statuses.
Status read_spec(const ModelFile& file, ModelSpec* spec);

// The fields of a layer or a network by name, in words as in a model file: "true", "0.25", "mean".
NamedTexts config_texts(const ModelSpec& spec);

// Writes the configuration that read_spec() reads.
std::string to_json(const ModelSpec& spec);

}  // namespace fastgru
