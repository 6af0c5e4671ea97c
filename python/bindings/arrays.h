// Converts anything array-like to the operands of the core, and results to arrays.
//
// An ndarray of the right dtype is used in place: its strides travel, only the last axis must be contiguous.
// Everything else (lists, other dtypes, pandas, unaligned or byte-swapped data) is converted once.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "bindings/status.h"
#include "engine/engine.h"

namespace fastgru::bindings {

namespace py = pybind11;
using Shape3 = std::array<std::int64_t, 3>;

constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
constexpr int kContiguous = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_;
constexpr int kWriteable = py::detail::npy_api::NPY_ARRAY_WRITEABLE_;

inline py::detail::PyArray_Proxy* proxy(py::handle array) { return py::detail::array_proxy(array.ptr()); }

inline std::string shape_of(py::handle array) { return py::str(array.attr("shape")).cast<std::string>(); }
inline std::string dtype_text(py::handle array) { return py::str(array.attr("dtype")).cast<std::string>(); }

// The one descriptor NumPy has for a native dtype.
template <class S>
PyObject* native_dtype() {
  static PyObject* const descr = py::dtype::of<S>().release().ptr();
  return descr;
}
template <class S>
bool has_dtype(py::handle array) {
  return proxy(array)->descr == native_dtype<S>() || py::isinstance<py::array_t<S>>(array);
}

// An array of some scalar type that is kept alive: up to three axes, strides in elements, the last axis
// contiguous.
template <class S>
struct Operand {  // NOLINT(bugprone-exception-escape): py::object's move asserts by throwing
  py::object owner;
  const S* data = nullptr;
  int ndim = 0;
  Shape3 shape{}, stride{};

  std::int64_t size() const {
    std::int64_t count = 1;
    for (int i = 0; i < ndim; ++i) count *= shape[static_cast<std::size_t>(i)];
    return count;
  }
  bool has_shape(std::initializer_list<std::int64_t> wanted) const {
    return static_cast<int>(wanted.size()) == ndim && std::equal(wanted.begin(), wanted.end(), shape.begin());
  }
};

// Whether an ndarray of dtype S can be used in place.
template <class S>
bool usable(py::handle array) {
  const auto* a = proxy(array);
  if ((a->flags & kAligned) == 0 || !has_dtype<S>(array)) return false;
  constexpr ssize_t kItem = sizeof(S);
  for (int i = 0; i < a->nd; ++i) {
    if (a->dimensions[i] <= 1) continue;
    if (i == a->nd - 1 ? a->strides[i] != kItem : a->strides[i] % kItem != 0) return false;
  }
  return true;
}

inline bool is_real_number(PyObject* value) {
  const PyNumberMethods* methods = Py_TYPE(value)->tp_as_number;
  return methods != nullptr && (methods->nb_float != nullptr || methods->nb_index != nullptr) &&
         !PyComplex_Check(value);
}

// Refuses arrays that do not hold real numbers: complex, text, dates, None, objects that float() does not
// take.
inline void check_numeric(py::handle array, const char* name) {
  const char kind = array.attr("dtype").attr("kind").cast<std::string>()[0];
  if (kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b') return;
  if (kind != 'O')
    raise_type_error(std::string(name) + " must hold real numbers, got dtype " + dtype_text(array));
  for (py::handle item : array.attr("flat")) {
    if (is_real_number(item.ptr())) continue;
    raise_type_error(std::string(name) + " must hold real numbers, got an object of type " +
                     Py_TYPE(item.ptr())->tp_name);
  }
}

// Whether something is an ndarray of NumPy's own class: a subclass may mean more than its numbers.
inline bool is_plain_array(py::handle value) {
  return reinterpret_cast<PyObject*>(Py_TYPE(value.ptr())) ==
         reinterpret_cast<PyObject*>(py::detail::npy_api::get().PyArray_Type_);
}

// Refuses a masked array with masked elements, whose numbers mean nothing.
inline void check_no_mask(py::handle array, const char* name) {
  if (!py::hasattr(array, "filled") || !py::cast<bool>(array.attr("mask").attr("any")())) return;
  raise_value_error(std::string(name) + " has masked elements: pass " + name + ".filled(value)");
}

// value as an ndarray (of any dtype). A complaint of NumPy (a ragged list) or of the owner (a tensor with a
// gradient) gets the argument's name.
inline py::object as_ndarray(py::handle value, const char* name) {
  const auto& api = py::detail::npy_api::get();
  if (api.PyArray_Check_(value.ptr())) {
    if (!is_plain_array(value)) check_no_mask(value, name);
    return py::reinterpret_borrow<py::object>(value);
  }
  PyObject* made =
      api.PyArray_FromAny_(value.ptr(), nullptr, 0, 0, py::detail::npy_api::NPY_ARRAY_ENSUREARRAY_, nullptr);
  if (made != nullptr) return py::reinterpret_steal<py::object>(made);
  py::error_already_set error;
  PyObject* kind = error.matches(PyExc_ValueError) ? PyExc_ValueError : PyExc_TypeError;
  if (kind == PyExc_TypeError && !error.matches(PyExc_TypeError) && !error.matches(PyExc_RuntimeError)) {
    throw std::move(error);
  }
  const std::string message = std::string(name) + " cannot be made into an array: " + error.what();
  py::raise_from(error, kind, message.c_str());
  throw py::error_already_set();
}

// The same values, dtype S, C-contiguous and aligned.
template <class S>
py::object converted(py::handle array) {
  const auto& api = py::detail::npy_api::get();
  Py_INCREF(native_dtype<S>());
  constexpr int kFlags = kAligned | kContiguous | py::detail::npy_api::NPY_ARRAY_FORCECAST_ |
                         py::detail::npy_api::NPY_ARRAY_ENSUREARRAY_;
  PyObject* made = api.PyArray_FromAny_(array.ptr(), native_dtype<S>(), 0, 0, kFlags, nullptr);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

template <class S>
Operand<S> operand_of(const py::object& array) {
  const auto* a = proxy(array);
  Operand<S> operand;
  operand.data = reinterpret_cast<const S*>(a->data);
  operand.ndim = a->nd;
  for (int i = 0; i < a->nd; ++i) {
    operand.shape[static_cast<std::size_t>(i)] = a->dimensions[i];
    operand.stride[static_cast<std::size_t>(i)] = a->strides[i] / static_cast<ssize_t>(sizeof(S));
  }
  operand.owner = array;
  return operand;
}

// `value` as numbers of type S with at most three axes. `wanted` is the shape the message asks for.
template <class S>
Operand<S> read_operand(py::handle value, const char* name, const char* wanted) {
  py::object array = as_ndarray(value, name);
  if (proxy(array)->nd > 3) {
    raise_value_error(std::string(name) + " must have shape " + wanted + ", got " + shape_of(array));
  }
  if (!usable<S>(array)) {
    check_numeric(array, name);
    array = converted<S>(array);
  }
  return operand_of<S>(array);
}

// The same, C-contiguous.
template <class S>
Operand<S> read_dense(py::handle value, const char* name, const char* wanted) {
  Operand<S> operand = read_operand<S>(value, name, wanted);
  if ((proxy(operand.owner)->flags & kContiguous) == 0) operand = operand_of<S>(converted<S>(operand.owner));
  return operand;
}

// One integer per row. None: an empty operand with null data.
inline Operand<std::int64_t> read_lengths(py::handle value, std::int64_t rows) {
  if (value.is_none()) return {};
  py::object array = as_ndarray(value, "lengths");
  if (proxy(array)->nd != 1 || proxy(array)->dimensions[0] != rows) {
    raise_value_error("lengths must have shape (" + std::to_string(rows) + ",), one length per row, got " +
                      shape_of(array));
  }
  const char kind = array.attr("dtype").attr("kind").cast<std::string>()[0];
  if (kind != 'i' && kind != 'u')
    raise_type_error("lengths must be integers, got dtype " + dtype_text(array));
  return operand_of<std::int64_t>(converted<std::int64_t>(array));
}

// A new array with undefined contents.
template <class S>
py::object new_array(std::initializer_list<std::int64_t> shape) {
  std::array<Py_ssize_t, 4> dimensions{};
  std::copy(shape.begin(), shape.end(), dimensions.begin());
  const auto& api = py::detail::npy_api::get();
  Py_INCREF(native_dtype<S>());
  PyObject* made =
      api.PyArray_NewFromDescr_(api.PyArray_Type_, native_dtype<S>(), static_cast<int>(shape.size()),
                                dimensions.data(), nullptr, nullptr, 0, nullptr);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

template <class S>
S* data_of(py::handle array) {
  return reinterpret_cast<S*>(proxy(array)->data);
}

inline void make_read_only(py::handle array) { proxy(array)->flags &= ~kWriteable; }

// The caller's array to write into: it must equal the array that we would make, except for its strides.
template <class S>
Operand<S> check_out(py::handle out, std::initializer_list<std::int64_t> shape) {
  if (!py::detail::npy_api::get().PyArray_Check_(out.ptr()) || !has_dtype<S>(out)) {
    const std::string got = py::detail::npy_api::get().PyArray_Check_(out.ptr())
                                ? "dtype " + dtype_text(out)
                                : std::string("an object of type ") + Py_TYPE(out.ptr())->tp_name;
    raise_type_error("out must be an ndarray of dtype " +
                     py::str(py::handle(native_dtype<S>())).cast<std::string>() + ", got " + got);
  }
  const auto* a = proxy(out);
  bool same = a->nd == static_cast<int>(shape.size()), distinct = true, empty = false;
  for (int i = 0; same && i < a->nd; ++i) {
    same = a->dimensions[i] == shape.begin()[i];
    distinct = distinct && (a->dimensions[i] <= 1 || a->strides[i] != 0);
    empty = empty || a->dimensions[i] == 0;
  }
  if (!same) {
    const py::tuple wanted = py::cast(std::vector<std::int64_t>(shape));
    raise_value_error("out must have shape " + py::str(wanted).cast<std::string>() + ", got " +
                      shape_of(out));
  }
  if ((a->flags & kWriteable) == 0) raise_value_error("out is read-only");
  if (!empty && (!usable<S>(out) || !distinct)) {
    raise_value_error("out must be aligned, its last axis contiguous and its elements distinct");
  }
  return operand_of<S>(py::reinterpret_borrow<py::object>(out));
}

// Whether two arrays may share memory, by the ranges of addresses they span.
template <class S>
bool overlap(const Operand<S>& a, const Operand<S>& b) {
  const auto span = [](const Operand<S>& operand) {
    std::intptr_t low = reinterpret_cast<std::intptr_t>(operand.data),
                  high = low + static_cast<std::intptr_t>(sizeof(S));
    for (std::size_t i = 0; i < static_cast<std::size_t>(operand.ndim); ++i) {
      const std::intptr_t reach =
          (operand.shape[i] - 1) * operand.stride[i] * static_cast<std::intptr_t>(sizeof(S));
      (reach < 0 ? low : high) += reach;
    }
    return std::pair{low, high};
  };
  const auto [a_low, a_high] = span(a);
  const auto [b_low, b_high] = span(b);
  return a_low < b_high && b_low < a_high;
}

}  // namespace fastgru::bindings
