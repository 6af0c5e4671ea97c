#include <array>

#include "model/model.h"

namespace fastgru {
namespace {

struct Kind {
  std::string_view name;
  Status (*load)(const ModelFile&, LoadedModelPtr&);
};

// As _KINDS in _model_file.py.
constexpr std::array<Kind, 3> kKinds = {
    {{"GRU", load_layer}, {"GRUClassifier", load_estimator}, {"GRURegressor", load_estimator}}};

Status load_kind(const ModelFile& file, LoadedModelPtr& result) {
  std::string known;
  for (const Kind& kind : kKinds) {
    if (kind.name == file.kind()) {
      LoadedModelPtr model;
      FASTGRU_RETURN_IF_ERROR(kind.load(file, model));
      FASTGRU_RETURN_IF_ERROR(check_self_test(file, *model));
      result = std::move(model);
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  return {ErrorCode::model_format,
          "unknown kind " + in_quotes(file.kind()) + "; this fastgru knows " + known};
}

}  // namespace

Status load_model(const std::filesystem::path& path, LoadedModelPtr& result) {
  ModelFile file;
  Status status = ModelFile::open(path, &file);
  if (status.ok()) status = load_kind(file, result);
  if (status.code() != ErrorCode::model_format) return status;
  const std::string where = in_quotes(path.u8string()) + ": ";
  if (status.message().compare(0, where.size(), where) == 0) return status;
  return {ErrorCode::model_format, where + status.message()};
}

Status load_model(const void* bytes, std::size_t size, LoadedModelPtr& result) {
  ModelFile file;
  FASTGRU_RETURN_IF_ERROR(ModelFile::parse(bytes, size, &file));
  return load_kind(file, result);
}

}  // namespace fastgru
