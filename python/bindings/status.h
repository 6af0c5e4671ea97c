// Turns the core's Status into Python's exceptions, and lets a long call notice Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>

#include <new>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "runtime/interrupt.h"
#include "runtime/status.h"

namespace fastgru::bindings {

// The class behind fastgru.ModelFormatError; made by bind_io. Empty until then.
inline pybind11::object& model_format_error() {
  static pybind11::object* error = new pybind11::object();  // never freed: the interpreter may end first
  return *error;
}

[[noreturn]] inline void raise(PyObject* type, const std::string& message) {
  PyErr_SetString(type, message.c_str());
  throw pybind11::error_already_set();
}
[[noreturn]] inline void raise_value_error(const std::string& message) { raise(PyExc_ValueError, message); }
[[noreturn]] inline void raise_type_error(const std::string& message) { raise(PyExc_TypeError, message); }

// Call with the GIL held.
inline void raise_if_error(const Status& status) {
  switch (status.code()) {
    case ErrorCode::ok:
      return;
    case ErrorCode::invalid_argument:
      raise(PyExc_ValueError, status.message());
    case ErrorCode::out_of_memory:
      raise(PyExc_MemoryError, status.message());
    case ErrorCode::interrupted:
      // PyErr_CheckSignals has set what the signal handler raised, KeyboardInterrupt as a rule.
      if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
      throw pybind11::error_already_set();
    case ErrorCode::io_error:
      raise(PyExc_OSError, status.message());
    case ErrorCode::model_format:
      raise(model_format_error() ? model_format_error().ptr() : PyExc_ValueError, status.message());
    case ErrorCode::in_use:
    case ErrorCode::internal:
      break;
  }
  raise(PyExc_RuntimeError, status.message());
}

// make() -> value. A failed allocation becomes a MemoryError that names `what`.
template <class Make>
auto with_memory_for(const char* what, Make make) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    raise(PyExc_MemoryError, out_of_memory(what).message());
  }
}

// An Interrupt that looks at Python's pending signals. Only Python's main thread ever sees one.
class PythonInterrupt {
 public:
  PythonInterrupt() : interrupt_(&poll) {}
  Interrupt* get() { return &interrupt_; }

 private:
  static bool poll(void*) {
    const PyGILState_STATE state = PyGILState_Ensure();
    const bool stop = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return stop;
  }

  Interrupt interrupt_;
};

// The GIL given up for a scope, without the bookkeeping of pybind11's own.
class ReleasedGil {
 public:
  ReleasedGil() : state_(PyEval_SaveThread()) {}
  ~ReleasedGil() { PyEval_RestoreThread(state_); }
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

 private:
  PyThreadState* state_;
};

// compute(options) -> Status without the GIL, interruptible; its error as an exception.
template <class Compute>
void run_released(Compute compute, int num_threads = 0) {
  PythonInterrupt interrupt;
  RunOptions options;
  options.num_threads = num_threads;
  options.interrupt = interrupt.get();
  Status status;
  {
    ReleasedGil released;
    try {
      status = compute(options);
    } catch (const std::bad_alloc&) {
      status = out_of_memory();
    }
  }
  raise_if_error(status);
}

}  // namespace fastgru::bindings
