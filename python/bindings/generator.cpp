// Binds the generators of language models.
#include "bindings/generator.h"

#include "bindings/bindings.h"

namespace fastgru::bindings {
namespace {

Sampling sampling_of(double temperature, std::int64_t top_k, double top_p) {
  Sampling sampling;
  sampling.temperature = temperature;
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  return sampling;
}

template <class S>
void bind_generator(py::module_& module, const char* name) {
  using Gen = PyGenerator<S>;
  const Sampling s;
  py::class_<Gen>(module, name, "Reads tokens and draws the next ones, for some sequences side by side.")
      .def_property_readonly("rows", &Gen::rows)
      .def("feed", &Gen::feed, py::arg("tokens"))
      .def(
          "generate",
          [](Gen& self, std::int64_t count, double temperature, std::int64_t top_k, double top_p,
             std::uint64_t seed, std::int64_t end) {
            return self.generate(count, sampling_of(temperature, top_k, top_p), seed, end);
          },
          py::arg("count"), py::kw_only(), py::arg("temperature") = s.temperature, py::arg("top_k") = s.top_k,
          py::arg("top_p") = s.top_p, py::arg("seed") = 0, py::arg("end") = -1)
      .def(
          "probabilities",
          [](Gen& self, double temperature, std::int64_t top_k, double top_p) {
            return self.probabilities(sampling_of(temperature, top_k, top_p));
          },
          py::kw_only(), py::arg("temperature") = s.temperature, py::arg("top_k") = s.top_k,
          py::arg("top_p") = s.top_p)
      .def_property_readonly("logits", &Gen::logits)
      .def("spread", &Gen::spread, py::arg("row"), py::arg("count"))
      .def("copy", &Gen::copy);
}

}  // namespace

void bind_generators(py::module_& module) {
  bind_generator<float>(module, "GeneratorF32");
  bind_generator<double>(module, "GeneratorF64");
}

}  // namespace fastgru::bindings
