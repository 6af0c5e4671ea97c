// Binds networks and their streams, for float32 and float64.
#include "bindings/network.h"

#include <memory>
#include <string>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/network_pickle.h"

namespace fastgru::bindings {
namespace {

template <class S>
std::unique_ptr<PyNetwork<S>> make_network(const py::kwargs& fields) {
  return std::make_unique<PyNetwork<S>>(network_config(fields));
}

template <class S>
void bind_streams_and_networks(py::module_& module, const std::string& suffix) {
  using Stream = PyNetworkStream<S>;
  py::class_<Stream>(module, ("NetworkStream" + suffix).c_str(),
                     "A network that answers after every time step.")
      .def("step", &Stream::step, py::arg("x"), py::arg("out") = py::none())
      .def_property("state", &Stream::state, &Stream::set_state)
      .def_property_readonly("batch_size", &Stream::rows)
      .def_property_readonly("answered", &Stream::answered)
      .def("reset", &Stream::reset)
      .def("copy", &Stream::copy)
      .def("__copy__", &Stream::copy)
      .def(
          "__deepcopy__", [](Stream& stream, py::handle) { return stream.copy(); }, py::arg("memo"))
      .def(py::pickle(&to_pickle<S>, &from_pickle<S>));

  using Net = PyNetwork<S>;
  py::class_<Net>(module, ("Network" + suffix).c_str(),
                  "A GRU with a dense head, from raw inputs to predictions.")
      .def(py::init(&make_network<S>))
      .def_property_readonly("features", &Net::features)
      .def("summary", &Net::summary, py::arg("standardized"))
      .def_property_readonly("parameter_layout", &Net::parameter_layout)
      .def_property_readonly("parameters", &Net::parameters)
      .def("set_parameters", &Net::set_parameters, py::arg("flat"))
      .def_property_readonly("scaling", &Net::scaling)
      .def_property_readonly("tensors", &Net::tensors)
      .def("set_scaling", &Net::set_scaling, py::arg("x_mean"), py::arg("x_scale"), py::arg("y_mean"),
           py::arg("y_scale"))
      .def("predict", &Net::predict, py::arg("x"), py::arg("lengths") = py::none(),
           py::arg("rows") = py::none(), py::arg("raw") = false, py::arg("num_threads") = 0)
      .def("inputs", &Net::inputs, py::arg("x"))
      .def("losses", &Net::losses, py::arg("x"), py::arg("y"), py::arg("lengths") = py::none(),
           py::arg("num_threads") = 0)
      .def("generator", &Net::generator, py::arg("rows") = 1)
      .def("stream", &Net::stream, py::arg("batch_size") = 1, py::arg("reader") = py::none())
      .def("stream_pool", &Net::stream_pool, py::arg("capacity"), py::arg("num_threads") = 1,
           py::arg("reader") = py::none());
}

}  // namespace

template <class S>
py::object network_object(std::shared_ptr<Network<S>> network) {
  return py::cast(std::make_unique<PyNetwork<S>>(std::move(network)));
}

template py::object network_object(std::shared_ptr<Network<float>>);
template py::object network_object(std::shared_ptr<Network<double>>);

void bind_network(py::module_& module) {
  bind_streams_and_networks<float>(module, "F32");
  bind_streams_and_networks<double>(module, "F64");
}

}  // namespace fastgru::bindings
