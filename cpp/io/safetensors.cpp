// Reads and writes safetensors files.
#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <new>

#include "io/safetensors_parser.h"

namespace fastgru {
namespace {

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
static_assert(__BYTE_ORDER__ != __ORDER_BIG_ENDIAN__,
              "safetensors is little-endian, and nothing here swaps bytes");
#endif

struct DtypeEntry {
  const char* name;
  std::size_t size;
};

// Indexed by TensorDtype.
constexpr std::array<DtypeEntry, kTensorDtypes> kDtypes = {{{"BOOL", 1},
                                                            {"U8", 1},
                                                            {"I8", 1},
                                                            {"I16", 2},
                                                            {"U16", 2},
                                                            {"F16", 2},
                                                            {"I32", 4},
                                                            {"U32", 4},
                                                            {"F32", 4},
                                                            {"C64", 8},
                                                            {"F64", 8},
                                                            {"I64", 8},
                                                            {"U64", 8}}};

// Runs `function`, and turns exceptions of the standard library into a Status.
template <typename Function>
Status guarded(Function function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory, "not enough memory for the header of a safetensors file"};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  }
}

Status open_file(const std::filesystem::path& path, file::InputFile* input, SafetensorsHeader* header,
                 int* os_error) {
  constexpr std::uint64_t kPrefixSize = SafetensorsHeader::kPrefixSize;
  FASTGRU_RETURN_IF_ERROR(input->open(path, os_error));
  std::array<char, kPrefixSize> prefix = {};
  FASTGRU_RETURN_IF_ERROR(input->read_at(0, prefix.data(), std::min(input->size(), kPrefixSize), os_error));
  std::uint64_t size = 0;
  FASTGRU_RETURN_IF_ERROR(SafetensorsHeader::parse_prefix(prefix.data(), input->size(), &size));
  std::vector<char> json(static_cast<std::size_t>(size));
  FASTGRU_RETURN_IF_ERROR(input->read_at(kPrefixSize, json.data(), size, os_error));
  return SafetensorsHeader::parse(std::move(json), input->size(), header);
}

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

void append_metadata(const Metadata& metadata, std::string* json) {
  *json += "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    append_json_string(key, json);
    *json += ':';
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

// The header: eight bytes of length, then the JSON, padded with blanks to a multiple of 8.
std::string encode_header(const std::vector<PlacedTensor>& tensors, const Metadata& metadata) {
  std::string json = "{";
  if (!metadata.empty()) append_metadata(metadata, &json);
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
  return prefix + json;
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

const char* dtype_name(TensorDtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].name; }
std::size_t dtype_size(TensorDtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].size; }

Status SafetensorsHeader::parse_prefix(const void* prefix, std::uint64_t file_size,
                                       std::uint64_t* header_size) {
  if (file_size < kPrefixSize) {
    return model_error("HeaderTooSmall",
                       "the file has " + std::to_string(file_size) + " bytes, fewer than 8");
  }
  std::array<unsigned char, kPrefixSize> bytes = {};
  std::memcpy(bytes.data(), prefix, bytes.size());
  std::uint64_t size = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) size = size << 8 | bytes[i];
  if (size > kMaxHeaderSize) {
    return model_error("HeaderTooLarge",
                       "a header of " + std::to_string(size) + " bytes; the limit is 100000000");
  }
  if (size > file_size - kPrefixSize) {
    return model_error("InvalidHeaderLength", "a header of " + std::to_string(size) + " bytes in a file of " +
                                                  std::to_string(file_size));
  }
  *header_size = size;
  return {};
}

Status SafetensorsHeader::parse(std::vector<char> json, std::uint64_t file_size, SafetensorsHeader* header) {
  return guarded([&]() -> Status {
    SafetensorsHeader result;
    result.data_begin_ = kPrefixSize + json.size();
    result.json_ = std::move(json);
    FASTGRU_RETURN_IF_ERROR(Parser(&result).run(file_size - result.data_begin_));
    *header = std::move(result);
    return {};
  });
}

TensorInfo SafetensorsHeader::tensor(std::size_t index) const {
  const Tensor& tensor = tensors_[index];
  const std::vector<std::uint64_t> shape = shape_of(tensor);
  TensorInfo info;
  info.name = text(tensor.name);
  info.dtype = tensor.dtype;
  info.shape.assign(shape.begin(), shape.end());  // parse() has checked that each length fits
  info.offset = data_begin_ + tensor.begin;
  info.size = tensor.end - tensor.begin;
  return info;
}

std::pair<std::string_view, std::string_view> SafetensorsHeader::metadata(std::size_t index) const {
  return {text(metadata_[index].first), text(metadata_[index].second)};
}

// parse() has read the same text before, so nothing here can fail.
std::vector<std::uint64_t> SafetensorsHeader::shape_of(const Tensor& tensor) const {
  std::vector<std::uint64_t> shape;
  for (std::size_t i = tensor.shape + 1U; json_[i] != ']'; ++i) {
    if (json_[i] == ',' || json_[i] < '0') continue;
    std::uint64_t length = 0;
    for (; json_[i] >= '0' && json_[i] <= '9'; ++i)
      length = length * 10 + static_cast<std::uint64_t>(json_[i] - '0');
    shape.push_back(length);
    --i;
  }
  return shape;
}

Status SafetensorsFile::open(const std::filesystem::path& path, SafetensorsFile* file, int* os_error) {
  return guarded([&]() -> Status {
    Status status = open_file(path, &file->input_, &file->header_, os_error);
    if (status.code() != ErrorCode::model_format) return status;
    return {ErrorCode::model_format, in_quotes(path.u8string()) + ": " + status.message()};
  });
}

Status parse_safetensors(const void* bytes, std::size_t size, SafetensorsHeader* header) {
  return guarded([&]() -> Status {
    std::uint64_t header_size = 0;
    FASTGRU_RETURN_IF_ERROR(SafetensorsHeader::parse_prefix(bytes, size, &header_size));
    const char* json = static_cast<const char*>(bytes) + SafetensorsHeader::kPrefixSize;
    return SafetensorsHeader::parse(std::vector<char>(json, json + header_size), size, header);
  });
}

Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                         Metadata metadata, int* os_error) {
  return guarded([&]() -> Status {
    std::sort(metadata.begin(), metadata.end());
    return write_file(path, tensors, metadata, os_error);
  });
}

}  // namespace fastgru
