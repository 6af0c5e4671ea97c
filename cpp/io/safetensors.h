// The safetensors format: eight bytes of header length (little-endian), a JSON header that names each
// tensor's dtype, shape and place, then the tensors' bytes without a gap. What is written is what the
// safetensors package writes; what is read is what safetensors.numpy reads, except that duplicate names,
// which the format forbids, are refused.
//
// Errors of a file are model_format Statuses whose message has one of these names:
//   HeaderTooSmall HeaderTooLarge InvalidHeaderLength InvalidHeaderUtf8 InvalidHeaderJson InvalidMetadata
//   InvalidTensorEntry DuplicateKey UnknownDtype UnsupportedDtype TooManyDimensions ValidationOverflow
//   InvalidOffset TensorInvalidInfo MetadataIncompleteBuffer
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

// What NumPy can hold, in safetensors' order, which is the order of tensors in a file (from the last to the
// first).
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

  // Checks the first 8 bytes of a file of `file_size` bytes and gives the size of the JSON that follows.
  static Status parse_prefix(const void* prefix, std::uint64_t file_size, std::uint64_t* header_size);

  // Checks everything but the values of the tensors. Takes the JSON; beside it, needs at most twice its size.
  static Status parse(std::vector<char> json, std::uint64_t file_size, SafetensorsHeader* header);

  // In the order of their bytes in the file.
  std::size_t tensor_count() const { return tensors_.size(); }
  TensorInfo tensor(std::size_t index) const;
  std::string_view tensor_name(std::size_t index) const { return text(tensors_[index].name); }

  // By key, in byte order.
  std::size_t metadata_count() const { return metadata_.size(); }
  std::pair<std::string_view, std::string_view> metadata(std::size_t index) const;

 private:
  struct Tensor {
    std::uint64_t begin = 0, end = 0;  // data_offsets
    JsonSpan name;
    std::uint32_t shape =
        0;  // where the shape's '[' stands: kept as text, so that a hostile one costs nothing more
    TensorDtype dtype = TensorDtype::f32;
  };

  class Parser;

  std::vector<std::uint64_t> shape_of(const Tensor& tensor) const;
  std::string_view text(const JsonSpan& span) const { return {json_.data() + span.begin, span.size}; }

  std::vector<char> json_;        // strings decoded in place
  std::uint64_t data_begin_ = 0;  // where the tensors' bytes begin in the file
  std::deque<Tensor> tensors_;
  std::deque<std::pair<JsonSpan, JsonSpan>> metadata_;
};

// An open file whose header has been found right, and whose tensors are read where the caller wants them.
class SafetensorsFile {
 public:
  // On an io_error, *os_error (if given) becomes the system's errno.
  static Status open(const std::filesystem::path& path, SafetensorsFile* file, int* os_error = nullptr);

  const SafetensorsHeader& header() const { return header_; }
  // Copies the tensor's bytes to `to`, which has room for tensor.size.
  Status read(const TensorInfo& tensor, void* to, int* os_error = nullptr) const {
    return input_.read_at(tensor.offset, to, tensor.size, os_error);
  }

 private:
  file::InputFile input_;
  SafetensorsHeader header_;
};

// The same for a file that lies in memory: a tensor's bytes begin at bytes + tensor.offset, aligned or not.
Status parse_safetensors(const void* bytes, std::size_t size, SafetensorsHeader* header);

struct TensorSource {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;  // C-contiguous, little-endian
};

// The same input gives the same bytes, in whatever order it comes. The file at `path` is replaced in one
// step, or stays as it was. invalid_argument if the result could not be read back (duplicate names, not
// UTF-8, …).
Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                         std::vector<std::pair<std::string, std::string>> metadata, int* os_error = nullptr);

}  // namespace fastgru
