// Opens a model file, checks its metadata, and finds its tensors.
#include "spec/model_file.h"

#include <algorithm>
#include <cstring>

#include "io/checksum.h"
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

// How to take over weights that another program wrote; empty if there are none.
std::string weights_hint(const SafetensorsHeader& header) {
  constexpr std::string_view kFirst = "weight_ih_l0";
  for (std::size_t i = 0; i < header.tensor_count(); ++i) {
    const std::string_view name = header.tensor_name(i);
    if (name.size() < kFirst.size() || name.substr(name.size() - kFirst.size()) != kFirst) continue;
    const std::string_view prefix = name.substr(0, name.size() - kFirst.size());
    return "; it has the weights of a GRU, which in Python GRU(...).load_state_dict(path" +
           (prefix.empty() ? "" : ", prefix=" + in_quotes(prefix)) + ") takes";
  }
  return {};
}

}  // namespace

Status ModelFile::open(const std::filesystem::path& path, ModelFile* file, int* os_error) {
  FASTGRU_RETURN_IF_ERROR(SafetensorsFile::open(path, &file->file_, os_error));
  return file->check(os_error);
}

Status ModelFile::parse(const void* bytes, std::size_t size, ModelFile* file) {
  FASTGRU_RETURN_IF_ERROR(parse_safetensors(bytes, size, &file->memory_));
  file->bytes_ = static_cast<const char*>(bytes);
  file->size_ = size;
  return file->check();
}

// The checksum comes right after the version, which decides whether there is one: a damaged file is called
// that, whatever the damage makes of its contents.
Status ModelFile::check(int* os_error) {
  ModelMetadata metadata;
  FASTGRU_RETURN_IF_ERROR(check_metadata_count(header().metadata_count()));
  for (std::size_t i = 0; i < header().metadata_count(); ++i) metadata.push_back(header().metadata(i));
  const Status version = check_model_version(metadata);
  if (!version.ok() && metadata_value(metadata, "format") != "fastgru") {
    return {version.code(), version.message() + weights_hint(header())};
  }
  FASTGRU_RETURN_IF_ERROR(version);
  if (metadata_version(metadata) >= kFirstChecksum) {
    FASTGRU_RETURN_IF_ERROR(check_checksum(header(), bytes_ == nullptr ? file_.size() : size_,
                                           [&](std::uint64_t offset, void* to, std::size_t size) {
                                             return read_bytes(offset, to, size, os_error);
                                           }));
  }
  FASTGRU_RETURN_IF_ERROR(check_model_metadata(metadata));
  kind_ = metadata_value(metadata, "kind");
  config_ = metadata_value(metadata, "config");
  version_ = metadata_version(metadata);
  own_ = fastgru::own_metadata(metadata);
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

Status ModelFile::read_bytes(std::uint64_t offset, void* to, std::uint64_t size, int* os_error) const {
  if (bytes_ == nullptr) return file_.read_bytes(offset, to, size, os_error);
  if (size > 0) std::memcpy(to, bytes_ + offset, static_cast<std::size_t>(size));
  return {};
}

Status ModelFile::read(const TensorInfo& tensor, void* to) const {
  return read_bytes(tensor.offset, to, tensor.size, nullptr);
}

}  // namespace fastgru
