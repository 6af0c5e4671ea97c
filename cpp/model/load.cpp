// Loads a model file, from the disk or from memory, as a layer or an estimator's network.
#include <utility>

#include "model/parts.h"
#include "spec/parameters.h"
#include "spec/self_test.h"

namespace fastgru {
namespace {

template <class S>
Status make_layer(const ModelFile& file, const LayerSpec& spec, ModelParts* parts) {
  auto weights = std::make_shared<Weights<S>>(spec.gru);
  AlignedBuffer<S> flat;
  const ParamLayout& layout = weights->layout();
  FASTGRU_RETURN_IF_ERROR(read_parameters(file, layout.slots(), layout.total(), flat));
  FASTGRU_RETURN_IF_ERROR(weights->assign(flat.data()));
  *parts = std::shared_ptr<const Weights<S>>(std::move(weights));
  return {};
}

template <class S>
Status make_network(const ModelFile& file, const NetworkSpec& spec, ModelParts* parts) {
  const NetworkLayout layout(spec.config);
  AlignedBuffer<S> flat;
  FASTGRU_RETURN_IF_ERROR(read_parameters(file, layout.slots(), layout.total(), flat));
  FASTGRU_RETURN_IF_ERROR(check_finite(layout.slots(), flat.data()));
  Scaling scaling;
  FASTGRU_RETURN_IF_ERROR(read_scaling(file, spec.config, scaling));
  std::shared_ptr<Network<S>> network;
  FASTGRU_RETURN_IF_ERROR(Network<S>::make(spec.config, flat.data(), std::move(scaling), network));
  *parts = std::move(network);
  return {};
}

Status make_seq2seq(const ModelFile& file, const Seq2SeqSpec& spec, ModelParts* parts) {
  const Seq2SeqLayout layout(spec.config);
  AlignedBuffer<float> flat;
  FASTGRU_RETURN_IF_ERROR(read_parameters(file, layout.slots(), layout.total(), flat));
  FASTGRU_RETURN_IF_ERROR(check_finite(layout.slots(), flat.data()));
  std::shared_ptr<Seq2Seq<float>> network;
  FASTGRU_RETURN_IF_ERROR(Seq2Seq<float>::make(spec.config, network));
  FASTGRU_RETURN_IF_ERROR(network->set_parameters(flat.data()));
  *parts = std::move(network);
  return {};
}

template <class S>
Status make_parts(const ModelFile& file, const ModelSpec& spec, ModelParts* parts) {
  return spec.layer() != nullptr ? make_layer<S>(file, *spec.layer(), parts)
                                 : make_network<S>(file, *spec.network(), parts);
}

// Wraps a layer or a network in the interface for apps.
template <class S>
LoadedModelPtr model_of(ModelInfo about, const std::shared_ptr<const Weights<S>>& weights) {
  return as_model<S>(std::move(about), weights);
}
template <class S>
LoadedModelPtr model_of(ModelInfo about, const std::shared_ptr<Network<S>>& network) {
  return as_model<S>(std::move(about), std::shared_ptr<const Network<S>>(network));
}
LoadedModelPtr model_of(ModelInfo /*about*/, const std::shared_ptr<Seq2Seq<float>>& /*network*/) {
  return nullptr;
}

Status load_file(const ModelFile& file, LoadedModelPtr& result) {
  ModelSpec spec;
  ModelParts parts;
  LoadedModelPtr made;
  FASTGRU_RETURN_IF_ERROR(read_model(file, &spec, &parts, &made));
  if (made == nullptr) return {ErrorCode::model_format, "a " + spec.kind + " runs in Python alone"};
  result = std::move(made);
  return {};
}

}  // namespace

Status LoadedModel::generator(std::int64_t /*rows*/, std::unique_ptr<ModelGenerator>& /*result*/) const {
  return Status::invalid("a " + info_.kind + " is no language model");
}

Status read_model(const ModelFile& file, ModelSpec* spec, ModelParts* parts, LoadedModelPtr* model) {
  FASTGRU_RETURN_IF_ERROR(read_spec(file, spec));
  if (spec->seq2seq() != nullptr) return make_seq2seq(file, *spec->seq2seq(), parts);
  FASTGRU_RETURN_IF_ERROR(spec->dtype() == Dtype::float64 ? make_parts<double>(file, *spec, parts)
                                                          : make_parts<float>(file, *spec, parts));
  ModelInfo about;
  about.kind = spec->kind;
  about.format_version = spec->version;
  about.classes = spec->classes;
  about.metadata = spec->metadata;
  about.fields = config_texts(*spec);
  LoadedModelPtr made =
      std::visit([&](const auto& part) { return model_of(std::move(about), part); }, *parts);
  FASTGRU_RETURN_IF_ERROR(check_self_test(file, *spec, [&](const double* x, std::int64_t steps, double* y) {
    SequenceCall<double> call;
    call.x = x;
    call.rows = 1;
    call.steps = steps;
    call.y = y;
    return made->forward(call);
  }));
  *model = std::move(made);
  return {};
}

Status with_path(const Status& status, const std::filesystem::path& path) {
  if (status.code() != ErrorCode::model_format) return status;
  const std::string where = in_quotes(path.u8string()) + ": ";
  if (status.message().compare(0, where.size(), where) == 0) return status;
  return {ErrorCode::model_format, where + status.message()};
}

Status load_model(const std::filesystem::path& path, LoadedModelPtr& result) {
  ModelFile file;
  Status status = ModelFile::open(path, &file);
  if (status.ok()) status = load_file(file, result);
  return with_path(status, path);
}

Status load_model(const void* bytes, std::size_t size, LoadedModelPtr& result) {
  ModelFile file;
  FASTGRU_RETURN_IF_ERROR(ModelFile::parse(bytes, size, &file));
  return load_file(file, result);
}

}  // namespace fastgru
