// The parts of a loaded model: a layer's weights or an estimator's network. Apps use them through one
// interface (model.h), but for encoder-decoder networks; the Python package uses them directly.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "engine/engine.h"
#include "model/model.h"
#include "nn/network.h"
#include "nn/seq2seq/model.h"
#include "spec/model_spec.h"

namespace fastgru {

// Make a model for apps. `about`: what only the file knows of it; the rest of its ModelInfo comes from the
// part.
template <class S>
LoadedModelPtr as_model(ModelInfo about, std::shared_ptr<const Weights<S>> weights);
template <class S>
LoadedModelPtr as_model(ModelInfo about, std::shared_ptr<const Network<S>> network);

// A stream for apps and pools.
template <class S>
Status make_stream(std::shared_ptr<const Weights<S>> weights, std::int64_t rows,
                   std::unique_ptr<ModelStream>& result);
template <class S>
Status make_stream(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<ModelStream>& result);

using ModelParts = std::variant<std::shared_ptr<const Weights<float>>, std::shared_ptr<const Weights<double>>,
                                std::shared_ptr<Network<float>>, std::shared_ptr<Network<double>>,
                                std::shared_ptr<Seq2Seq<float>>>;

// Reads a model with all checks; the self-test comes last. `model`: null for an encoder-decoder network.
Status read_model(const ModelFile& file, ModelSpec* spec, ModelParts* parts, LoadedModelPtr* model);

// Puts the path in front of the message of a model_format Status, unless it is there already.
Status with_path(const Status& status, const std::filesystem::path& path);

}  // namespace fastgru
