// Writes safetensors files.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/checksum.h"
#include "io/crc32.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "io/safetensors_format.h"

namespace fastgru {
namespace {

struct PlacedTensor {
  const TensorSource* source = nullptr;
  std::uint64_t size = 0;
};

Status check_source(const TensorSource& source, std::uint64_t* size) {
  const std::string who = "tensor " + in_quotes(source.name);
  if (!is_utf8(source.name)) return Status::invalid(who + ": its name is not UTF-8");
  if (source.name == kMetadataKey) return Status::invalid(who + ": this name is reserved for the metadata");
  if (source.shape.size() > SafetensorsHeader::kMaxDimensions) {
    return Status::invalid(who + ": more than 64 dimensions");
  }
  std::vector<std::uint64_t> shape;
  for (const std::int64_t length : source.shape) {
    if (length < 0) return Status::invalid(who + ": negative dimension " + std::to_string(length));
    shape.push_back(static_cast<std::uint64_t>(length));
  }
  if (!byte_size(shape, source.dtype, size)) return Status::invalid(who + ": its size in bytes overflows");
  return {};
}

// The package's order: wide dtypes first, so that every tensor is aligned, then by name.
Status place(const std::vector<TensorSource>& sources, std::vector<PlacedTensor>* placed) {
  for (const TensorSource& source : sources) {
    PlacedTensor tensor;
    tensor.source = &source;
    FASTGRU_RETURN_IF_ERROR(check_source(source, &tensor.size));
    placed->push_back(tensor);
  }
  std::vector<std::string_view> names(sources.size());
  std::transform(sources.begin(), sources.end(), names.begin(),
                 [](auto& source) { return std::string_view(source.name); });
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return Status::invalid("two tensors are named " + in_quotes(*twice));
  std::sort(placed->begin(), placed->end(), [](const PlacedTensor& a, const PlacedTensor& b) {
    return a.source->dtype != b.source->dtype ? a.source->dtype > b.source->dtype
                                              : a.source->name < b.source->name;
  });
  return {};
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

Status check_metadata(const Metadata& sorted) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto& [key, value] = sorted[i];
    if (!is_utf8(key) || !is_utf8(value))
      return Status::invalid("metadata " + in_quotes(key) + " is not UTF-8");
    if (i > 0 && key == sorted[i - 1].first)
      return Status::invalid("two metadata keys are " + in_quotes(key));
  }
  return {};
}

// *checksum: where its digits begin, if there is one to write.
void append_metadata(const Metadata& metadata, std::string* json, std::size_t* checksum) {
  *json += "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    append_json_string(key, json);
    *json += ':';
    if (key == kChecksumKey && value == kNoChecksum) *checksum = json->size() + 1;
    append_json_string(value, json);
    *json += ',';
  }
  json->back() = '}';
  *json += ',';
}

void append_tensor(const PlacedTensor& tensor, std::uint64_t offset, std::string* json) {
  append_json_string(tensor.source->name, json);
  *json += std::string(":{\"dtype\":\"") + dtype_name(tensor.source->dtype) + "\",\"shape\":[";
  for (std::size_t i = 0; i < tensor.source->shape.size(); ++i) {
    *json += (i > 0 ? "," : "") + std::to_string(tensor.source->shape[i]);
  }
  *json +=
      "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + tensor.size) + "]},";
}

// Writes the checksum of the file over the zeros at `place` of its header.
void seal(const std::vector<PlacedTensor>& tensors, std::size_t place, std::string* header) {
  Crc32 crc;
  crc.add(header->data(), header->size());
  for (const PlacedTensor& tensor : tensors) {
    crc.add(tensor.source->data, static_cast<std::size_t>(tensor.size));
  }
  header->replace(place, kNoChecksum.size(), checksum_text(crc.value()));
}

// The header: eight bytes of length, then the JSON, padded with blanks to a multiple of 8.
std::string encode_header(const std::vector<PlacedTensor>& tensors, const Metadata& metadata) {
  std::string json = "{";
  std::size_t checksum = 0;
  if (!metadata.empty()) append_metadata(metadata, &json, &checksum);
  std::uint64_t offset = 0;
  for (const PlacedTensor& tensor : tensors) {
    append_tensor(tensor, offset, &json);
    offset += tensor.size;
  }
  if (json.size() > 1) json.pop_back();  // the last comma
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string prefix;
  for (unsigned i = 0; i < 8; ++i)
    prefix += static_cast<char>((std::uint64_t{json.size()} >> (8 * i)) & 255U);
  std::string header = prefix + json;
  if (checksum != 0) seal(tensors, prefix.size() + checksum, &header);
  return header;
}

Status write_file(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                  const Metadata& metadata, int* os_error) {
  std::vector<PlacedTensor> placed;
  FASTGRU_RETURN_IF_ERROR(place(tensors, &placed));
  FASTGRU_RETURN_IF_ERROR(check_metadata(metadata));
  const std::string header = encode_header(placed, metadata);
  if (header.size() - SafetensorsHeader::kPrefixSize > SafetensorsHeader::kMaxHeaderSize) {
    return Status::invalid(
        "the names, shapes and metadata need a header of more than 100 MB, the format's limit");
  }
  file::ReplacingFile output;
  FASTGRU_RETURN_IF_ERROR(output.open(path, os_error));
  FASTGRU_RETURN_IF_ERROR(output.write(header.data(), header.size(), os_error));
  for (const PlacedTensor& tensor : placed) {
    FASTGRU_RETURN_IF_ERROR(output.write(tensor.source->data, tensor.size, os_error));
  }
  return output.commit(os_error);
}

}  // namespace

Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                         Metadata metadata, int* os_error) {
  return guarded_header([&]() -> Status {
    std::sort(metadata.begin(), metadata.end());
    return write_file(path, tensors, metadata, os_error);
  });
}

}  // namespace fastgru
