// What reading and writing of safetensors share: sizes of tensors, errors, exceptions.
#pragma once

#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"
#include "runtime/status.h"

namespace fastgru {

inline constexpr std::string_view kMetadataKey = "__metadata__";

inline Status model_error(const char* error, const std::string& what) {
  return {ErrorCode::model_format, std::string(error) + ": " + what};
}

inline bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t limit, std::uint64_t* product) {
  if (a != 0 && b > limit / a) return false;
  *product = a * b;
  return true;
}

// Bytes of a tensor; false on overflow. The limits: the package counts bits in 64 bits, and NumPy refuses an
// empty array whose other dimensions exceed 2^63 bytes.
inline bool byte_size(const std::vector<std::uint64_t>& shape, TensorDtype dtype, std::uint64_t* size) {
  const bool empty = std::find(shape.begin(), shape.end(), 0U) != shape.end();
  const std::uint64_t limit = empty ? std::uint64_t{std::numeric_limits<std::int64_t>::max()}
                                    : std::numeric_limits<std::uint64_t>::max() / 8;
  std::uint64_t bytes = dtype_size(dtype);
  for (const std::uint64_t length : shape) {
    if (length != 0 && !multiply(bytes, length, limit, &bytes)) return false;
  }
  *size = empty ? 0 : bytes;
  return true;
}

// Runs `function`, and turns exceptions of the standard library into a Status.
template <typename Function>
Status guarded_header(Function function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory, "not enough memory for the header of a safetensors file"};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  }
}

}  // namespace fastgru
