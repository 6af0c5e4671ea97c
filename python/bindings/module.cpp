// The extension module fastgru._core: binds every part.
#include <pybind11/stl.h>

#include <string>

#include "bindings/bindings.h"
#include "bindings/files.h"
#include "bindings/status.h"
#include "engine_f32/plan/plan.h"
#include "kernels/dispatch.h"
#include "reference/eigen_version.h"
#include "runtime/threads.h"

namespace fastgru::bindings {
namespace {

std::string compiler_name() {
#if defined(__clang__)
  return std::string("Clang ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("GCC ") + __VERSION__;
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

void set_threads(std::int64_t n) {
  if (n < 0 || n > kMaxThreads)
    raise_value_error("n must be from 0 (OMP_NUM_THREADS, else all cores) to " + std::to_string(kMaxThreads) +
                      ", got " + std::to_string(n));
  set_num_threads(static_cast<int>(n));
}

// A setting in the environment that could not be followed.
void warn_of_environment() {
  const std::string text = isa_warning();
  if (!text.empty() && PyErr_WarnEx(PyExc_RuntimeWarning, text.c_str(), 1) != 0)
    throw pybind11::error_already_set();
}

void set_isa(const std::string& name) {
  if (set_active_isa(name)) return;
  std::string known;
  for (const std::string& isa : isa_names()) known += (known.empty() ? "" : ", ") + isa;
  raise_value_error("no instruction set '" + name + "' here, there are: " + known);
}

// What each precision runs here in a layer of many units.
pybind11::dict recipes() {
  pybind11::dict named;
  GruConfig config;
  config.hidden_size = 512;
  const field::Choice choice = precisions();
  for (std::size_t i = 0; i < choice.names.size(); ++i) {
    config.precision = static_cast<Precision>(i);
    const RecipeChoice chosen = choose_recipe(config);
    const std::string name = chosen.recipe->name;
    named[to_str(choice.names[i])] = name + ": " + chosen.reason;
  }
  return named;
}

}  // namespace
}  // namespace fastgru::bindings

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core of fastgru.";
  module.attr("version") = FASTGRU_VERSION;
#if defined(_OPENMP)
  module.attr("openmp") = true;
#else
  module.attr("openmp") = false;
#endif
  module.attr("compiler") = fastgru::bindings::compiler_name();
  module.attr("eigen_version") = fastgru::eigen_version();
  module.def("set_num_threads", &fastgru::bindings::set_threads, pybind11::arg("n"));
  module.attr("max_threads") = fastgru::kMaxThreads;
  module.def("get_num_threads", &fastgru::get_num_threads);
  module.def("available_cores", &fastgru::available_cores);
  module.def("isa_names", &fastgru::isa_names);
  module.def("compiled_isa_names", &fastgru::compiled_isa_names);
  module.def("isa", &fastgru::active_isa);
  module.def("isa_warning", &fastgru::isa_warning);
  module.def("set_isa", &fastgru::bindings::set_isa, pybind11::arg("name"));
  module.def("recipes", &fastgru::bindings::recipes,
             "What each precision runs on this machine, with many units, and why.");
  module.def("set_reproducible", &fastgru::set_reproducible, pybind11::arg("on"));
  module.def("reproducible", &fastgru::reproducible);
  fastgru::bindings::bind_stream_pool(module);
  fastgru::bindings::bind_gru(module);
  fastgru::bindings::bind_generators(module);
  fastgru::bindings::bind_network(module);
  fastgru::bindings::bind_trainers(module);
  fastgru::bindings::bind_io(module);
  fastgru::bindings::bind_model(module);
  fastgru::bindings::bind_decoding(module);
  fastgru::bindings::bind_seq2seq(module);
  fastgru::bindings::warn_of_environment();
}
