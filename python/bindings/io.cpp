// Binds safetensors files as dictionaries of arrays, and the exception for malformed files.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/files.h"
#include "bindings/status.h"
#include "spec/model_metadata.h"
#include "spec/model_spec.h"
#include "io/safetensors.h"

namespace fastgru::bindings {
namespace {

constexpr const char* kErrorDoc =
    "A file that is not a model file, or not one that this version can read.\n\n"
    "The message says what is wrong, beginning with the name of the error, and where.";

// The UTF-8 of a str; the TypeError for other types names the argument.
std::string utf8(py::handle value, const std::string& what) {
  if (!PyUnicode_Check(value.ptr())) {
    raise_type_error(what + " must be a str, got an object of type " + Py_TYPE(value.ptr())->tp_name);
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text == nullptr) {
    PyErr_Clear();
    raise_value_error(what + " holds half a surrogate pair, which UTF-8 has no bytes for");
  }
  return {text, static_cast<std::size_t>(size)};
}

const char* numpy_name(TensorDtype dtype) {
  switch (dtype) {
    case TensorDtype::boolean:
      return "?";
    case TensorDtype::u8:
      return "u1";
    case TensorDtype::i8:
      return "i1";
    case TensorDtype::i16:
      return "<i2";
    case TensorDtype::u16:
      return "<u2";
    case TensorDtype::f16:
      return "<f2";
    case TensorDtype::i32:
      return "<i4";
    case TensorDtype::u32:
      return "<u4";
    case TensorDtype::f32:
      return "<f4";
    case TensorDtype::c64:
      return "<c8";
    case TensorDtype::f64:
      return "<f8";
    case TensorDtype::i64:
      return "<i8";
    case TensorDtype::u64:
      return "<u8";
  }
  return "";
}

// read(info, destination) -> Status copies the bytes of one tensor.
template <class Read>
py::tuple to_python(const SafetensorsHeader& header, const Read& read) {
  py::dict metadata, tensors;
  for (std::size_t i = 0; i < header.metadata_count(); ++i) {
    const auto [key, value] = header.metadata(i);
    metadata[to_str(key)] = to_str(value);
  }
  for (std::size_t i = 0; i < header.tensor_count(); ++i) {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    const TensorInfo info = header.tensor(i);
    py::array array(py::dtype(numpy_name(info.dtype)),
                    std::vector<py::ssize_t>(info.shape.begin(), info.shape.end()));
    auto* bytes = static_cast<std::uint8_t*>(array.mutable_data());
    read(info, bytes);
    if (info.dtype == TensorDtype::boolean) {  // NumPy requires 0 or 1
      for (std::uint64_t k = 0; k < info.size; ++k) bytes[k] = bytes[k] != 0 ? 1 : 0;
    }
    tensors[to_str(info.name)] = std::move(array);
  }
  return py::make_tuple(std::move(metadata), std::move(tensors));
}

py::tuple read_bytes(const py::bytes& source) {
  const std::string_view bytes = source;
  SafetensorsHeader header;
  Status status;
  {
    const ReleasedGil released;
    status = parse_safetensors(bytes.data(), bytes.size(), &header);
  }
  bindings::raise_if_error(status);
  return to_python(header, [&](const TensorInfo& info, void* to) {
    if (info.size > 0) std::memcpy(to, bytes.data() + info.offset, info.size);
  });
}

py::tuple read_safetensors(const py::object& source) {
  if (py::isinstance<py::bytes>(source)) return read_bytes(source);
  const std::filesystem::path path = to_path(source);
  SafetensorsFile input;
  Status status;
  int os_error = 0;
  {
    const ReleasedGil released;
    status = SafetensorsFile::open(path, &input, &os_error);
  }
  raise_if_error(status, os_error, source);
  return to_python(input.header(), [&](const TensorInfo& info, void* to) {
    {
      const ReleasedGil released;
      status = input.read(info, to, &os_error);
    }
    raise_if_error(status, os_error, source);
  });
}

// The format's dtype of an array; `what` names the tensor in the TypeError.
TensorDtype to_dtype(const py::dtype& dtype, const std::string& what) {
  for (std::size_t i = 0; i < kTensorDtypes; ++i) {
    const py::dtype candidate(numpy_name(static_cast<TensorDtype>(i)));
    if (candidate.kind() == dtype.kind() && candidate.itemsize() == dtype.itemsize()) {
      return static_cast<TensorDtype>(i);
    }
  }
  raise_type_error(what + " has dtype " + py::str(dtype).cast<std::string>() +
                   ", which safetensors cannot hold");
}

// A tensor to write. `array` becomes the little-endian C-contiguous array that holds its memory.
TensorSource to_source(py::handle name, py::object* array) {
  TensorSource source;
  source.name = utf8(name, "a tensor's name");
  const std::string what = "tensor " + in_quotes(source.name);
  *array = as_ndarray(*array, what.c_str());
  source.dtype = to_dtype(py::dtype(array->attr("dtype")), what);
  *array = py::module_::import("numpy").attr("asarray")(*array, py::dtype(numpy_name(source.dtype)),
                                                        py::arg("order") = "C");
  const auto dense = py::reinterpret_borrow<py::array>(*array);
  source.shape.assign(dense.shape(), dense.shape() + dense.ndim());
  source.data = dense.data();
  return source;
}

using Texts = std::vector<std::pair<std::string, std::string>>;

void write_file(const py::object& path, const py::object& tensors, Texts texts) {
  const std::filesystem::path target = to_path(path);
  std::vector<py::object> arrays;  // own the memory of the sources
  std::vector<TensorSource> sources;
  for (const auto& [name, value] : py::dict(tensors)) {
    arrays.push_back(py::reinterpret_borrow<py::object>(value));
    sources.push_back(to_source(name, &arrays.back()));
  }
  Status status;
  int os_error = 0;
  {
    const ReleasedGil released;
    status = fastgru::write_safetensors(target, sources, std::move(texts), &os_error);
  }
  raise_if_error(status, os_error, path);
}

Texts texts_of(const py::dict& metadata) {
  Texts texts;
  for (const auto& [key, value] : metadata) {
    std::string name = utf8(key, "a metadata key");
    std::string text = utf8(value, "metadata " + in_quotes(name));
    texts.emplace_back(std::move(name), std::move(text));
  }
  return texts;
}

void write_safetensors(const py::object& path, const py::object& tensors, const py::object& metadata) {
  write_file(path, tensors, texts_of(py::dict(metadata)));
}

void write_model(const py::object& path, const std::string& kind, const std::string& config,
                 const py::object& tensors, const py::object& metadata) {
  std::string known;
  bool found = false;
  for (const std::string_view each : model_kinds()) {
    found = found || each == kind;
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  if (!found) raise_value_error("kind must be one of " + known + ", got " + in_quotes(kind));
  Texts texts = model_metadata(kind, config, texts_of(py::dict(metadata)));
  const Status status = check_model_metadata({texts.begin(), texts.end()});
  if (!status.ok()) raise_value_error(status.message());
  write_file(path, tensors, std::move(texts));
}

}  // namespace

void bind_io(py::module_& module) {
  PyObject* error =
      PyErr_NewExceptionWithDoc("fastgru.ModelFormatError", kErrorDoc, PyExc_ValueError, nullptr);
  if (error == nullptr) throw py::error_already_set();
  model_format_error() = py::reinterpret_steal<py::object>(error);
  module.attr("ModelFormatError") = model_format_error();
  module.attr("model_format_version") = kModelFormatVersion;
  module.def("read_safetensors", &read_safetensors, py::arg("source"),
             "Read a safetensors file (a path) or its content (bytes): its metadata and its arrays.");
  module.def("write_model", &write_model, py::arg("path"), py::arg("kind"), py::arg("config"),
             py::arg("tensors"), py::arg("metadata") = py::dict(),
             "Write a model file; `config` is a JSON object, `metadata` the user's own.");
  module.def("write_safetensors", &write_safetensors, py::arg("path"), py::arg("tensors"),
             py::arg("metadata"),
             "Write arrays and metadata to a safetensors file; an old file is replaced in one step.");
}

}  // namespace fastgru::bindings
