// Reads safetensors files.
#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "io/foreign.h"
#include "io/safetensors_format.h"
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

// The status of a file whose header is wrong; says what the file is instead, if that can be told by its
// start.
Status recognised(const Status& status, std::string_view start) {
  if (status.code() != ErrorCode::model_format) return status;
  const std::string format = foreign_format(start);
  if (format.empty()) return status;
  return model_error(
      "NotSafetensors",
      "this is " + format + "; wanted a safetensors file, as save() of a fastgru model writes");
}

Status read_header(const file::InputFile& input, std::string_view start, SafetensorsHeader* header,
                   int* os_error) {
  constexpr std::uint64_t kPrefixSize = SafetensorsHeader::kPrefixSize;
  std::uint64_t size = 0;
  FASTGRU_RETURN_IF_ERROR(SafetensorsHeader::parse_prefix(start.data(), input.size(), &size));
  std::vector<char> json(static_cast<std::size_t>(size));
  FASTGRU_RETURN_IF_ERROR(input.read_at(kPrefixSize, json.data(), size, os_error));
  return SafetensorsHeader::parse(std::move(json), input.size(), header);
}

Status open_file(const std::filesystem::path& path, file::InputFile* input, SafetensorsHeader* header,
                 int* os_error) {
  FASTGRU_RETURN_IF_ERROR(input->open(path, os_error));
  std::array<char, kForeignStart> bytes = {};
  const std::string_view start(
      bytes.data(), static_cast<std::size_t>(std::min<std::uint64_t>(input->size(), bytes.size())));
  FASTGRU_RETURN_IF_ERROR(input->read_at(0, bytes.data(), start.size(), os_error));
  return recognised(read_header(*input, start, header, os_error), start);
}

Status parse_bytes(const char* bytes, std::size_t size, SafetensorsHeader* header) {
  std::uint64_t header_size = 0;
  FASTGRU_RETURN_IF_ERROR(SafetensorsHeader::parse_prefix(bytes, size, &header_size));
  const char* json = bytes + SafetensorsHeader::kPrefixSize;
  return SafetensorsHeader::parse(std::vector<char>(json, json + header_size), size, header);
}

}  // namespace

const char* dtype_name(TensorDtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].name; }
std::size_t dtype_size(TensorDtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].size; }

Status SafetensorsHeader::parse_prefix(const void* prefix, std::uint64_t file_size,
                                       std::uint64_t* header_size) {
  if (file_size < kPrefixSize) {
    return model_error("HeaderTooSmall",
                       file_size == 0 ? "the file is empty"
                                      : "the file has " + std::to_string(file_size) + " bytes, fewer than 8");
  }
  std::array<unsigned char, kPrefixSize> bytes = {};
  std::memcpy(bytes.data(), prefix, bytes.size());
  std::uint64_t size = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) size = size << 8 | bytes[i];
  if (size > kMaxHeaderSize) {
    return model_error("HeaderTooLarge", "a header of " + std::to_string(size) +
                                             " bytes; the limit is 100000000. This is no safetensors file, "
                                             "or its first 8 bytes are damaged");
  }
  if (size > file_size - kPrefixSize) {
    return model_error("InvalidHeaderLength", "a header of " + std::to_string(size) + " bytes in a file of " +
                                                  std::to_string(file_size));
  }
  *header_size = size;
  return {};
}

Status SafetensorsHeader::parse(std::vector<char> json, std::uint64_t file_size, SafetensorsHeader* header) {
  return guarded_header([&]() -> Status {
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
  return guarded_header([&]() -> Status {
    Status status = open_file(path, &file->input_, &file->header_, os_error);
    if (status.code() != ErrorCode::model_format) return status;
    return {ErrorCode::model_format, in_quotes(path.u8string()) + ": " + status.message()};
  });
}

Status parse_safetensors(const void* bytes, std::size_t size, SafetensorsHeader* header) {
  return guarded_header([&]() -> Status {
    const auto* start = static_cast<const char*>(bytes);
    return recognised(parse_bytes(start, size, header), {start, std::min(size, kForeignStart)});
  });
}

}  // namespace fastgru
