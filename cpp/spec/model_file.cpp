// Opens a model file, checks its metadata, and finds its tensors.
#include "spec/model_file.h"

#include <algorithm>
#include <cstring>

#include "spec/model_metadata.h"

namespace fastgru {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + (shape[i] < 0 ? "any" : std::to_string(shape[i]));
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

bool fits(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& wanted) {
  return std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end(),
                    [](std::int64_t length, std::int64_t want) { return want < 0 || length == want; });
}

Status wrong(std::string_view name, const std::string& what) {
  return {ErrorCode::model_format, "tensor " + in_quotes(name) + " " + what};
}

}  // namespace

Status ModelFile::open(const std::filesystem::path& path, ModelFile* file, int* os_error) {
  FASTGRU_RETURN_IF_ERROR(SafetensorsFile::open(path, &file->file_, os_error));
  return file->check();
}

Status ModelFile::parse(const void* bytes, std::size_t size, ModelFile* file) {
  FASTGRU_RETURN_IF_ERROR(parse_safetensors(bytes, size, &file->memory_));
  file->bytes_ = static_cast<const char*>(bytes);
  return file->check();
}

Status ModelFile::check() {
  ModelMetadata metadata;
  for (std::size_t i = 0; i < header().metadata_count(); ++i) metadata.push_back(header().metadata(i));
  FASTGRU_RETURN_IF_ERROR(check_model_metadata(metadata));
  kind_ = metadata_value(metadata, "kind");
  config_ = metadata_value(metadata, "config");
  version_ = metadata_version(metadata);
  by_name_.reserve(header().tensor_count());
  for (std::size_t i = 0; i < header().tensor_count(); ++i) {
    by_name_.emplace_back(header().tensor_name(i), static_cast<std::uint32_t>(i));
  }
  std::sort(by_name_.begin(), by_name_.end());
  return {};
}

std::size_t ModelFile::place_of(std::string_view name) const {
  const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                      [](auto& entry, std::string_view key) { return entry.first < key; });
  const bool there = found != by_name_.end() && found->first == name;
  return there ? static_cast<std::size_t>(found - by_name_.begin()) : by_name_.size();
}

Status ModelFile::find(std::string_view name, TensorDtype dtype, const std::vector<std::int64_t>& shape,
                       TensorInfo* tensor) const {
  const std::size_t place = place_of(name);
  if (place == by_name_.size()) return wrong(name, "is missing");
  *tensor = header().tensor(by_name_[place].second);
  if (!shape.empty() && !fits(tensor->shape, shape)) {
    return wrong(name, "has shape " + shape_text(tensor->shape) + ", wanted " + shape_text(shape));
  }
  if (tensor->dtype == dtype) return {};
  return wrong(name, std::string("has dtype ") + dtype_name(tensor->dtype) + ", wanted " + dtype_name(dtype));
}

Status ModelFile::read(const TensorInfo& tensor, void* to) const {
  if (bytes_ == nullptr) return file_.read(tensor, to);
  if (tensor.size > 0) std::memcpy(to, bytes_ + tensor.offset, static_cast<std::size_t>(tensor.size));
  return {};
}

}  // namespace fastgru
