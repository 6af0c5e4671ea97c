// Converts paths, texts, dtypes and system errors between Python and the core.
#pragma once

#include <pybind11/pybind11.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "bindings/status.h"
#include "io/file.h"
#include "io/safetensors.h"

namespace fastgru::bindings {

// Accepts str or os.PathLike; Python's own TypeError for anything else.
inline std::filesystem::path to_path(pybind11::handle value) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(value.ptr(), &bytes) == 0) throw pybind11::error_already_set();
  const auto owner = pybind11::reinterpret_steal<pybind11::bytes>(bytes);
#ifdef _WIN32
  return std::filesystem::u8path(std::string(owner));
#else
  return std::filesystem::path(std::string(owner));
#endif
}

// Like raise_if_error(), but an io_error becomes the OSError of its errno (FileNotFoundError, …) with the
// path.
inline void raise_if_error(const Status& status, int os_error, pybind11::handle path) {
  if (status.code() == ErrorCode::io_error && os_error != 0) {
    const auto type = pybind11::reinterpret_borrow<pybind11::object>(PyExc_OSError);
    const pybind11::object error = type(os_error, file::meaning(os_error), path);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    throw pybind11::error_already_set();
  }
  raise_if_error(status);
}

inline pybind11::str to_str(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace fastgru::bindings
