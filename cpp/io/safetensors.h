// The safetensors format: eight bytes of header length (little-endian), a JSON header that names each
// tensor's dtype, shape and offsets, then the tensors' bytes without a gap. The writer gives the bytes of the
// safetensors package. The reader accepts what safetensors.numpy accepts, except for duplicate names, which
// the format forbids.
//
// Errors of a file are model_format Statuses whose message begins with one of these names:
//   NotSafetensors HeaderTooSmall HeaderTooLarge InvalidHeaderLength InvalidHeaderUtf8 InvalidHeaderJson
//   InvalidMetadata InvalidTensorEntry DuplicateKey UnknownDtype UnsupportedDtype TooManyDimensions
//   ValidationOverflow InvalidOffset TensorInvalidInfo MetadataIncompleteBuffer
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/json.h"
#include "runtime/status.h"

namespace fastgru {

// The dtypes of NumPy, in the order of safetensors. A file has its tensors in the reverse order of dtypes.
enum class TensorDtype : std::uint8_t { boolean, u8, i8, i16, u16, f16, i32, u32, f32, c64, f64, i64, u64 };
constexpr std::size_t kTensorDtypes = 13;

const char* dtype_name(TensorDtype dtype);  // "F32", as in a file
std::size_t dtype_size(TensorDtype dtype);  // bytes of one element

struct TensorInfo {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;  // of its first byte, from the start of the file
  std::uint64_t size = 0;    // in bytes
};

class SafetensorsHeader {
 public:
  static constexpr std::uint64_t kMaxHeaderSize = 100'000'000;  // the package's
  static constexpr std::size_t kMaxDimensions = 64;             // NumPy's
  static constexpr std::uint64_t kPrefixSize = 8;

  // Checks the first 8 bytes of a file of `file_size` bytes, and gives the size of the JSON after them.
  static Status parse_prefix(const void* prefix, std::uint64_t file_size, std::uint64_t* header_size);

  // Checks everything but the values of the tensors. Takes over the JSON, and needs at most twice its size.
  static Status parse(std::vector<char> json, std::uint64_t file_size, SafetensorsHeader* header);

  // Tensors in the order of their bytes in the file.
  std::size_t tensor_count() const { return tensors_.size(); }
  TensorInfo tensor(std::size_t index) const;
  std::string_view tensor_name(std::size_t index) const { return text(tensors_[index].name); }

  // Metadata sorted by key, in byte order.
  std::size_t metadata_count() const { return metadata_.size(); }
  std::pair<std::string_view, std::string_view> metadata(std::size_t index) const;
  // Where the value begins, from the start of the file.
  std::uint64_t metadata_offset(std::size_t index) const {
    return kPrefixSize + metadata_[index].second.begin;
  }

 private:
  struct Tensor {
    std::uint64_t begin = 0, end = 0;  // data_offsets
    JsonSpan name;
    std::uint32_t shape = 0;  // the position of its '[': kept as text, so that a hostile one costs no more
    TensorDtype dtype = TensorDtype::f32;
  };

  class Parser;

  std::vector<std::uint64_t> shape_of(const Tensor& tensor) const;
  std::string_view text(const JsonSpan& span) const { return {json_.data() + span.begin, span.size}; }

  std::vector<char> json_;        // strings decoded in place
  std::uint64_t data_begin_ = 0;  // the offset of the tensors' bytes in the file
  std::deque<Tensor> tensors_;
  std::deque<std::pair<JsonSpan, JsonSpan>> metadata_;
};

// An open file whose header is valid. Tensors are read into the caller's memory.
class SafetensorsFile {
 public:
  // On an io_error, *os_error (if given) becomes the system's errno.
  static Status open(const std::filesystem::path& path, SafetensorsFile* file, int* os_error = nullptr);

  const SafetensorsHeader& header() const { return header_; }
  std::uint64_t size() const { return input_.size(); }
  Status read_bytes(std::uint64_t offset, void* to, std::uint64_t size, int* os_error = nullptr) const {
    return input_.read_at(offset, to, size, os_error);
  }
  // Copies the tensor's bytes to `to`, which must have room for tensor.size bytes.
  Status read(const TensorInfo& tensor, void* to, int* os_error = nullptr) const {
    return input_.read_at(tensor.offset, to, tensor.size, os_error);
  }

 private:
  file::InputFile input_;
  SafetensorsHeader header_;
};

// The same for a file in memory. A tensor's bytes begin at bytes + tensor.offset, which need not be aligned.
Status parse_safetensors(const void* bytes, std::size_t size, SafetensorsHeader* header);

struct TensorSource {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;  // C-contiguous, little-endian
};

// Writes a file. The bytes do not depend on the order of the tensors. A checksum goes where the metadata ask
// for one (io/checksum.h). The file at `path` is replaced in one step, or unchanged. invalid_argument if the
// result could not be read back (duplicate names, invalid UTF-8, …).
Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                         std::vector<std::pair<std::string, std::string>> metadata, int* os_error = nullptr);

}  // namespace fastgru
