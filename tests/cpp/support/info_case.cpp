// Writes model files that say something of every kind an app can read.
#include "info_case.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <vector>

#include "file_bytes.h"
#include "io/safetensors.h"
#include "spec/model_spec.h"

namespace fastgru_test {
namespace {

using namespace fastgru;

// A classifier with masked inputs, `classes` being the JSON of its names.
ModelSpec classifier(const std::string& classes, std::int64_t outputs) {
  NetworkSpec network;
  network.config.gru = {4, 3, 1, false, true, false, 0.0};
  network.config.output_size = outputs;
  network.config.missing_mask = true;
  network.config.pooling = Pooling::mean;
  network.config.loss = outputs == 1 ? by_name(network.config.loss, "binary_cross_entropy")
                                     : by_name(network.config.loss, "cross_entropy");
  ModelSpec spec;
  spec.kind = "GRUClassifier";
  spec.options = network;
  spec.params = "{}";
  spec.fitted = R"({"n_iter":3,"classes":{"dtype":"<U3","values":)" + classes + R"(},"multilabel":false})";
  return spec;
}

std::string written(const ModelSpec& spec, const OwnMetadata& own) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fastgru-info-" + std::to_string(std::random_device()()));
  std::vector<std::vector<double>> values;
  std::vector<TensorSource> sources;
  for (const TensorSpec& tensor : tensors(spec)) {
    TensorSource source;
    source.name = tensor.name;
    source.dtype = tensor.dtype;
    source.shape = tensor.shape;
    std::int64_t count = 1;
    for (std::int64_t& length : source.shape) count *= length = std::max<std::int64_t>(length, 1);
    const bool zero = tensor.name == "scaling.y_mean";  // probabilities are not scaled
    // The bytes of a double serve as those of two finite floats.
    values.emplace_back(static_cast<std::size_t>(count), zero ? 0.0 : 1.0);
    source.data = values.back().data();
    sources.push_back(source);
  }
  const Status status = write_safetensors(path, sources, model_metadata(spec.kind, to_json(spec), own));
  INFO(status.message());
  REQUIRE(status.ok());
  return testing::taken_bytes(path);
}

}  // namespace

std::string classifier_file(const std::string& classes, std::int64_t outputs, const OwnMetadata& own) {
  return written(classifier(classes, outputs), own);
}

std::string info_layer_file() {
  LayerSpec layer;
  layer.gru = {2, 3, 1, true, false, true, 0.0};
  ModelSpec spec;
  spec.kind = "GRU";
  spec.options = layer;
  return written(spec, {});
}

}  // namespace fastgru_test
