// What a model file is made into: the layer's weights or the estimator's network, for apps behind one
// interface (model.h), for the Python package as they are.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "engine/engine.h"
#include "model/model.h"
#include "nn/network.h"
#include "spec/model_spec.h"

namespace fastgru {

template <class S>
LoadedModelPtr as_model(std::string kind, std::shared_ptr<const Weights<S>> weights);
template <class S>
LoadedModelPtr as_model(std::string kind, std::shared_ptr<const Network<S>> network);

using ModelParts = std::variant<std::shared_ptr<const Weights<float>>, std::shared_ptr<const Weights<double>>,
                                std::shared_ptr<Network<float>>, std::shared_ptr<Network<double>>>;

// Checks all there is to check, with the self-test at last.
Status read_model(const ModelFile& file, ModelSpec* spec, ModelParts* parts, LoadedModelPtr* model);

// A model_format Status with the path in front, unless it is there already.
Status with_path(const Status& status, const std::filesystem::path& path);

}  // namespace fastgru
