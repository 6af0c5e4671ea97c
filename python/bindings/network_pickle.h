// A network's stream in a pickle: the network's configuration, weights and scaling, and the stream's state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bindings/fields.h"
#include "bindings/network_stream.h"
#include "nn/network.h"
#include "nn/stream.h"
#include "spec/model_spec.h"

namespace fastgru::bindings {

template <class S>
py::tuple to_pickle(PyNetworkStream<S>& stream) {
  const NetworkVersion<S>& version = stream.version();
  const Scaling& scaling = *version.scaling;
  const auto column = [](const auto& values) { return py::array(py::cast(values)); };
  const std::int64_t total = version.params->layout().total();
  return py::make_tuple(to_str(options_to_json(NetworkSpec{version.config(), {}})),
                        py::array_t<S>(total, version.params->flat()), column(scaling.x_mean),
                        column(scaling.x_scale), column(scaling.y_mean), column(scaling.y_scale),
                        stream.rows(), py::bytes(stream.save()), stream.reader());
}

template <class S>
std::unique_ptr<PyNetworkStream<S>> from_pickle(const py::tuple& state) {
  if (state.size() != 9) raise_value_error("this is no pickle of a stream");
  if (!state[8].is_none() && PyCallable_Check(state[8].ptr()) == 0) {
    raise_value_error("the reader of time steps cannot be called");
  }
  py::dict fields = py::module_::import("json").attr("loads")(state[0]);
  fields.attr("pop")("dtype");
  const NetworkConfig config = network_config(fields);
  std::shared_ptr<Network<S>> network;
  raise_if_error(Network<S>::make(config, network));
  const Operand<S> flat = read_dense<S>(state[1], "flat", "(number of parameters,)");
  if (!flat.has_shape({network->layout().total()})) raise_value_error("the weights do not fit the network");
  raise_if_error(network->set_parameters(flat.data));
  const std::int64_t inputs = config.features(), outputs = config.output_size;
  raise_if_error(network->set_scaling(
      {read_column(state[2], "x_mean", inputs), read_column(state[3], "x_scale", inputs),
       read_column(state[4], "y_mean", outputs), read_column(state[5], "y_scale", outputs)}));
  std::unique_ptr<NetworkStream<S>> fresh;
  raise_if_error(NetworkStream<S>::make(network->version(), state[6].cast<std::int64_t>(), fresh));
  auto stream = std::make_unique<PyNetworkStream<S>>(std::move(fresh), state[8]);
  stream->restore(state[7].cast<std::string>());
  return stream;
}

}  // namespace fastgru::bindings
