// The data of training and prediction: float32 and float64 arrays are used where they lie, whatever the
// network's own type; anything else is converted once.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "bindings/arrays.h"
#include "nn/samples.h"

namespace fastgru::bindings {

// A float32 or float64 array that is kept alive; strides in elements.
struct Numbers {
  py::object owner;
  const void* data = nullptr;
  SampleType type = SampleType::float32;
  int ndim = 0;
  Shape3 shape{}, stride{};

  bool has_shape(std::initializer_list<std::int64_t> wanted) const {
    return static_cast<int>(wanted.size()) == ndim && std::equal(wanted.begin(), wanted.end(), shape.begin());
  }
};

template <class T>
Numbers numbers_of(Operand<T> operand) {
  constexpr SampleType kType = sizeof(T) == 4 ? SampleType::float32 : SampleType::float64;
  return {std::move(operand.owner), operand.data, kType, operand.ndim, operand.shape, operand.stride};
}

// Whether every value of the array's type is a float32: of what is neither float32 nor float64.
inline bool fits_float32(py::handle array) {
  const py::object dtype = array.attr("dtype");
  return dtype.attr("itemsize").cast<int>() <= 2 && dtype.attr("kind").cast<std::string>() != "O";
}

// `dense`: C-contiguous. `wanted` is the shape that messages ask for.
inline Numbers read_numbers(py::handle value, const char* name, const char* wanted, bool dense) {
  const py::object array = as_ndarray(value, name);
  if (has_dtype<float>(array) || (!has_dtype<double>(array) && fits_float32(array))) {
    return numbers_of(dense ? read_dense<float>(array, name, wanted)
                            : read_operand<float>(array, name, wanted));
  }
  return numbers_of(dense ? read_dense<double>(array, name, wanted)
                          : read_operand<double>(array, name, wanted));
}

// x: (N, T, features)
inline SampleArray sequences_of(const Numbers& x, std::int64_t features) {
  if (x.ndim != 3 || x.shape[2] != features) {
    raise_value_error("x must have shape (N, T, " + std::to_string(features) + "), got " + shape_of(x.owner));
  }
  return {x.data, x.type, x.shape[0], x.shape[1], x.shape[2], x.stride[0], x.stride[1]};
}

// y: (N, outputs)
inline SampleArray targets_of(const Numbers& y, std::int64_t samples, std::int64_t outputs) {
  if (!y.has_shape({samples, outputs})) {
    raise_value_error("y must have shape (" + std::to_string(samples) + ", " + std::to_string(outputs) +
                      "), got " + shape_of(y.owner));
  }
  return {y.data, y.type, samples, 1, outputs, y.stride[0], 0};
}

inline Operand<double> read_weights(py::handle value, std::int64_t samples) {
  if (value.is_none()) return {};
  Operand<double> weights = read_dense<double>(value, "sample_weight", "(N,)");
  if (weights.has_shape({samples})) return weights;
  raise_value_error("sample_weight must have shape (" + std::to_string(samples) +
                    ",), one weight per sample, got " + shape_of(weights.owner));
}

// An array argument that only needs the right number of values.
inline std::vector<double> read_column(py::handle value, const char* name, std::int64_t size) {
  const std::string wanted = "(" + std::to_string(size) + ",)";
  const Operand<double> column = read_dense<double>(value, name, wanted.c_str());
  if (column.has_shape({size})) return {column.data, column.data + size};
  raise_value_error(std::string(name) + " must have shape " + wanted + ", got " + shape_of(column.owner));
}

}  // namespace fastgru::bindings
