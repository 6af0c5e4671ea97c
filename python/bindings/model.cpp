// Binds the loading of model files, and facts about networks: fields, defaults, choices, losses.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/files.h"
#include "bindings/status.h"
#include "kernels/pack_digits.h"
#include "model/parts.h"
#include "spec/model_spec.h"
#include "spec/parameters.h"

namespace fastgru::bindings {
namespace {

namespace py = pybind11;

struct ModelContent {
  ModelSpec spec;
  ModelParts parts;
  std::vector<std::pair<std::string, std::vector<double>>> history;
};

Status read_content(const std::filesystem::path& path, ModelContent* content, int* os_error) {
  ModelFile file;
  LoadedModelPtr model;
  FASTGRU_RETURN_IF_ERROR(ModelFile::open(path, &file, os_error));
  FASTGRU_RETURN_IF_ERROR(read_model(file, &content->spec, &content->parts, &model));
  for (const TensorSpec& tensor : tensors(content->spec)) {
    if (tensor.role != TensorRole::history) continue;
    content->history.emplace_back(tensor.name, std::vector<double>());
    FASTGRU_RETURN_IF_ERROR(read_column(file, tensor.name, kAnyLength, content->history.back().second));
  }
  return {};
}

py::object to_python(const ModelContent& content) {
  return std::visit(
      [&](const auto& part) {
        if constexpr (std::is_const_v<typename std::decay_t<decltype(part)>::element_type>) {
          return gru_object(part, content.spec.layer()->batch_first);
        } else if constexpr (std::is_same_v<std::decay_t<decltype(part)>, std::shared_ptr<Seq2Seq<float>>>) {
          return seq2seq_object(part);
        } else {
          return network_object(part);
        }
      },
      content.parts);
}

py::tuple load_model(const py::object& source) {
  const std::filesystem::path path = to_path(source);
  ModelContent content;
  Status status;
  int os_error = 0;
  {
    const ReleasedGil released;
    try {
      status = with_path(read_content(path, &content, &os_error), path);
    } catch (const std::bad_alloc&) {
      status = {ErrorCode::out_of_memory, "not enough memory for this model"};
    }
  }
  raise_if_error(status, os_error, source);
  py::dict history;
  for (const auto& [name, values] : content.history) {
    history[to_str(name)] = py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
  }
  py::dict metadata;
  for (const auto& [key, value] : content.spec.metadata) metadata[to_str(key)] = to_str(value);
  return py::make_tuple(to_str(content.spec.kind), content.spec.version, to_str(to_json(content.spec)),
                        to_python(content), std::move(history), std::move(metadata));
}

void check_model_file(const py::object& source) {
  const std::filesystem::path path = to_path(source);
  ModelFile file;
  Status status;
  int os_error = 0;
  {
    const ReleasedGil released;
    status = with_path(ModelFile::open(path, &file, &os_error), path);
  }
  raise_if_error(status, os_error, source);
}

py::object network_defaults() {
  return py::module_::import("json").attr("loads")(to_str(options_to_json(NetworkSpec())));
}

template <class Options>
py::dict choices_of(const Options& defaults) {
  py::dict choices;
  visit_fields(defaults, [&](std::string_view name, const auto&, const auto& rule, unsigned) {
    if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, field::Choice>) {
      py::list names;
      for (const std::string_view each : rule.names) names.append(to_str(each));
      choices[to_str(name)] = names;
    }
  });
  return choices;
}

py::dict network_choices() { return choices_of(NetworkSpec()); }

py::list training_fields() {
  const NetworkSpec defaults;
  py::list names;
  visit_fields(defaults, [&](std::string_view name, const auto&, const auto&, unsigned traits) {
    if ((traits & field::kTraining) != 0) names.append(to_str(name));
  });
  return names;
}

py::dict losses() {
  py::dict answers;
  for (const Loss* loss : all_losses()) {
    answers[to_str(loss->name())] = loss->classifies() ? "probabilities" : "values";
  }
  return answers;
}

py::dict layer_choices() { return choices_of(LayerSpec()); }

py::tuple round_to_int8(const py::array_t<float, py::array::c_style | py::array::forcecast>& matrix) {
  if (matrix.ndim() != 2)
    raise_value_error("matrix must have two axes, got " + std::to_string(matrix.ndim()));
  const py::ssize_t rows = matrix.shape(0), columns = matrix.shape(1);
  py::array_t<std::int8_t> numbers({rows, columns});
  py::array_t<float> scales(rows);
  for (py::ssize_t row = 0; row < rows; ++row) {
    scales.mutable_data()[row] =
        round_to_one_digit(matrix.data() + row * columns, columns, numbers.mutable_data() + row * columns);
  }
  return py::make_tuple(std::move(numbers), std::move(scales));
}

py::list kinds() {
  py::list names;
  for (const std::string_view name : model_kinds()) names.append(to_str(name));
  return names;
}

}  // namespace

void bind_model(py::module_& module) {
  module.def("load_model", &load_model, py::arg("path"),
             "Read a model file, check it and run its self-test: its kind, format version, configuration as "
             "JSON, the layer or network itself, the tensors that are neither weights nor scaling, and the "
             "user's own metadata.");
  module.def("check_model_file", &check_model_file, py::arg("path"),
             "Make the checks of load_model that do not depend on the kind, the checksum among them.");
  module.def(
      "round_to_int8", &round_to_int8, py::arg("matrix"),
      "Round each row of a matrix (rows, columns) to whole numbers of one byte times a scale: the numbers "
      "and the scales. Rows that come from such numbers give the same ones again.");
  module.def("model_kinds", &kinds, "The kinds of models that can be saved.");
  module.def("network_defaults", &network_defaults, "The fields of a network and their defaults.");
  module.def("network_choices", &network_choices,
             "The fields of a network that take one of several names, and these names.");
  module.def("layer_choices", &layer_choices, "The same for the fields of a layer.");
  module.def("training_fields", &training_fields, "The fields that change training, but not predictions.");
  module.def("losses", &losses, "The losses, and the kind of predictions that each gives.");
}

}  // namespace fastgru::bindings
