// Conversions between an app's precision and a model's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/checks.h"
#include "model/model.h"
#include "runtime/aligned.h"

namespace fastgru {

template <class From, class To>
void convert(const From* from, std::int64_t count, To* to) noexcept {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

// Values of an app's type X as the model's type S: the same memory if the types are equal, else a buffer.
template <class S>
class Converted {
 public:
  template <class X>
  Status read(const X* x, std::int64_t count, const S*& result) {
    if constexpr (std::is_same_v<X, S>) {
      result = x;
    } else {
      if (!buffer_.reserve(count)) return out_of_memory();
      convert(x, count, buffer_.data());
      result = buffer_.data();
    }
    return {};
  }

  template <class X>
  Status target(X* y, std::int64_t count, S*& result) {
    if constexpr (std::is_same_v<X, S>) {
      result = y;
    } else {
      if (!buffer_.reserve(count)) return out_of_memory();
      result = buffer_.data();
    }
    return {};
  }

  template <class X>
  void write(std::int64_t count, X* y) const {
    if constexpr (!std::is_same_v<X, S>) convert(buffer_.data(), count, y);
  }

 private:
  AlignedBuffer<S> buffer_;
};

// Checks the arguments of forward(), for every kind of model.
template <class X>
Status check_call(const ModelInfo& info, const SequenceCall<X>& call) {
  if (call.rows < 1) return Status::invalid("rows must be at least 1, got " + std::to_string(call.rows));
  if (call.steps < 1) return Status::invalid("steps must be at least 1, got " + std::to_string(call.steps));
  if (call.num_threads < 0) {
    return Status::invalid("num_threads must be at least 0, got " + std::to_string(call.num_threads));
  }
  if (call.x == nullptr) return Status::invalid("x is null");
  if (call.y == nullptr) return Status::invalid("y is null");
  const std::int64_t width = info.input_size > info.output_size ? info.input_size : info.output_size;
  if (!product_fits({call.rows, call.steps, width, sizeof(double)})) {
    return Status::invalid("rows=" + std::to_string(call.rows) + " and steps=" + std::to_string(call.steps) +
                           " need more memory than can be addressed");
  }
  return check_lengths(call.lengths, call.rows, call.steps);
}

}  // namespace fastgru
