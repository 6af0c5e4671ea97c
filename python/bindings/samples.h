// The data of training and prediction: float32 and float64 arrays are used where they lie, whatever the
// network's own type; anything else is converted once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "nn/data/samples.h"

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
  constexpr SampleType kType = std::is_same_v<T, std::int64_t> ? SampleType::int64
                               : sizeof(T) == 4                ? SampleType::float32
                                                               : SampleType::float64;
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

inline Operand<std::int64_t> read_tokens(py::handle value, const char* name) {
  const py::object array = as_ndarray(value, name);
  if (!has_dtype<std::int64_t>(array)) {
    raise_type_error(std::string(name) + " must hold tokens of dtype int64, got dtype " + dtype_text(array));
  }
  return read_operand<std::int64_t>(array, name, "(N, T, 1)");
}

inline const void* sample_start(const SampleArray& array, std::int64_t sample) {
  if (array.type == SampleType::float32) return array.start<float>(sample);
  if (array.type == SampleType::float64) return array.start<double>(sample);
  return array.start<std::int64_t>(sample);
}

// Which samples of a call's arrays count, in which order; all of them without `chosen`.
struct Rows {
  Operand<std::int64_t> chosen;

  Rows() = default;
  Rows(py::handle value, std::int64_t samples) {
    if (value.is_none()) return;
    chosen = read_dense<std::int64_t>(value, "rows", "(n,)");
    if (chosen.ndim != 1) raise_value_error("rows must have shape (n,), got " + shape_of(chosen.owner));
    for (std::int64_t i = 0; i < chosen.shape[0]; ++i) {
      if (chosen.data[i] >= 0 && chosen.data[i] < samples) continue;
      raise_value_error("rows[" + std::to_string(i) + "] is " + std::to_string(chosen.data[i]) +
                        ", wanted 0 to " + std::to_string(samples - 1) + ", a sample of x");
    }
  }
  bool all() const { return chosen.data == nullptr; }
  std::int64_t count(std::int64_t samples) const { return all() ? samples : chosen.shape[0]; }
  std::int64_t operator[](std::int64_t i) const { return all() ? i : chosen.data[i]; }

  template <class T>
  std::vector<T> take(const T* values) const {
    std::vector<T> taken(static_cast<std::size_t>(chosen.shape[0]));
    for (std::size_t i = 0; i < taken.size(); ++i) taken[i] = values[chosen.data[i]];
    return taken;
  }
};

// An (N, steps, features) array, or a list of arrays (steps_i, features) of one dtype, float32 or float64,
// read where they lie; kept alive.
class Sequences {
 public:
  // Integers of type int64 (tokens) are taken as such; `features` must then be 1.
  Sequences(py::handle value, const char* name, std::int64_t features, py::handle rows, bool tokens = false) {
    if (tokens) view_.type = SampleType::int64;
    if (py::isinstance<py::list>(value) && is_list_of_arrays(value)) {
      read_list(py::reinterpret_borrow<py::list>(value), name, features);
    } else {
      read_array(value, name, features);
    }
    rows_ = Rows(rows, total_);
    if (!rows_.all()) choose();
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  const SampleArray& view() const { return view_; }
  const Rows& rows() const { return rows_; }
  std::int64_t total() const { return total_; }  // samples before some were chosen
  // Of the chosen samples; null for an array.
  const std::int64_t* lengths() const { return lengths_.empty() ? nullptr : lengths_.data(); }

 private:
  bool tokens() const { return view_.type == SampleType::int64; }

  static bool is_list_of_arrays(py::handle value) {
    const auto list = py::reinterpret_borrow<py::list>(value);
    return !list.empty() && py::isinstance<py::array>(list[0]) && proxy(list[0])->nd > 0;
  }

  void read_array(py::handle value, const char* name, std::int64_t features) {
    Numbers x = tokens() ? numbers_of(read_tokens(value, name))
                         : read_numbers(value, name, "(N, T, input_size)", false);
    if (x.ndim != 3 || x.shape[2] != features) {
      raise_value_error(std::string(name) + " must have shape (N, T, " + std::to_string(features) +
                        "), got " + shape_of(x.owner));
    }
    view_ = {x.data, x.type, x.shape[0], x.shape[1], x.shape[2], x.stride[0], x.stride[1]};
    total_ = view_.samples;
    owners_.push_back(std::move(x.owner));
  }

  void read_list(const py::list& list, const char* name, std::int64_t features) {
    if (tokens()) return read_parts<std::int64_t>(list, name, features);
    const bool narrow = std::all_of(list.begin(), list.end(), [](py::handle item) {
      return py::isinstance<py::array>(item) && has_dtype<float>(item);
    });
    view_.type = narrow ? SampleType::float32 : SampleType::float64;
    narrow ? read_parts<float>(list, name, features) : read_parts<double>(list, name, features);
  }

  template <class T>
  void read_parts(const py::list& list, const char* name, std::int64_t features) {
    view_.features = features;
    view_.samples = total_ = static_cast<std::int64_t>(list.size());
    owners_.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) add<T>(list[i], name, i);
    point();
  }

  template <class T>
  void add(py::handle item, const char* name, std::size_t i) {
    const std::string text = std::string(name) + "[" + std::to_string(i) + "]";
    Operand<T> one;
    if constexpr (std::is_same_v<T, std::int64_t>) {
      one = read_tokens(item, text.c_str());
    } else {
      one = read_operand<T>(item, text.c_str(), "(T, input_size)");
    }
    if (one.ndim != 2 || one.shape[1] != view_.features) {
      raise_value_error(text + " must have shape (T, " + std::to_string(view_.features) + "), got " +
                        shape_of(one.owner));
    }
    starts_.push_back(one.data);
    strides_.push_back(one.stride[0]);
    lengths_.push_back(one.shape[0]);
    owners_.push_back(one.owner);
  }

  // The view over the vectors as they are now.
  void point() {
    view_.starts = starts_.data();
    view_.step_strides = strides_.empty() ? nullptr : strides_.data();
    // A list of empty sequences alone is a block of one step of which nothing is read.
    if (!lengths_.empty()) {
      view_.steps = std::max<std::int64_t>(1, *std::max_element(lengths_.begin(), lengths_.end()));
    }
  }

  void choose() {
    std::vector<const void*> starts(static_cast<std::size_t>(rows_.count(0)));
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::int64_t row = rows_[static_cast<std::int64_t>(i)];
      starts[i] = sample_start(view_, row);
    }
    starts_ = std::move(starts);
    if (!strides_.empty()) strides_ = rows_.take(strides_.data());
    if (!lengths_.empty()) lengths_ = rows_.take(lengths_.data());
    view_.samples = rows_.count(0);
    point();
  }

  SampleArray view_;
  Rows rows_;
  std::int64_t total_ = 0;
  std::vector<py::object> owners_;
  std::vector<const void*> starts_;
  std::vector<std::int64_t> strides_, lengths_;
};

// One value per chosen sample, from one per sample.
template <class T>
struct Column {
  Operand<T> all;
  std::vector<T> chosen;

  Column(Operand<T> values, const Rows& rows) : all(std::move(values)) {
    if (all.data != nullptr && !rows.all()) chosen = rows.take(all.data);
  }
  const T* data() const { return chosen.empty() ? all.data : chosen.data(); }
};

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
