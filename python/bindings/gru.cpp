// Binds the GRU layer, its tape and its stream, for float32 and float64.
#include "bindings/gru.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>

#include "bindings/bindings.h"
#include "bindings/files.h"

namespace fastgru::bindings {
namespace {

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

template <class S>
std::shared_ptr<const Weights<S>> zero_weights(const GruConfig& config) {
  raise_if_error(validate(config));
  auto weights = std::make_shared<Weights<S>>(config);
  const std::vector<S> zeros(static_cast<std::size_t>(weights->layout().total()));
  raise_if_error(weights->assign(zeros.data()));
  return weights;
}

}  // namespace

template <class S>
PyGru<S>::PyGru(std::shared_ptr<const Weights<S>> weights, bool batch_first)
    : config_(weights->config()),
      batch_first_(batch_first),
      identity_(next_identity()),
      weights_(std::move(weights)) {
  const std::string features = std::to_string(config_.input_size);
  x_wanted_ = (batch_first ? "(B, T, " : "(T, B, ") + features + ") or (T, " + features + ")";
}

template <class S>
PyGru<S>::PyGru(const GruConfig& config, bool batch_first) : PyGru(zero_weights<S>(config), batch_first) {}

template <class S>
py::object gru_object(std::shared_ptr<const Weights<S>> weights, bool batch_first) {
  return py::cast(std::make_unique<PyGru<S>>(std::move(weights), batch_first));
}

template py::object gru_object(std::shared_ptr<const Weights<float>>, bool);
template py::object gru_object(std::shared_ptr<const Weights<double>>, bool);

// (T, B, ·) of an array in the layout the layer speaks.
template <class S>
template <class V>
SequenceView<V> PyGru<S>::view_of(V* data, const Operand<S>& operand) const {
  if (operand.ndim == 2)
    return {data, operand.shape[0], 1, operand.shape[1], operand.stride[0], operand.shape[1]};
  const std::size_t step = batch_first_ ? 1 : 0, row = batch_first_ ? 0 : 1;
  return {data,
          operand.shape[step],
          operand.shape[row],
          operand.shape[2],
          operand.stride[step],
          operand.stride[row]};
}

template <class S>
Operand<S> PyGru<S>::read_states(py::handle value, const char* name, bool batched, std::int64_t rows) const {
  if (value.is_none()) return {};
  const std::int64_t blocks = config_.num_layers * config_.directions(), hidden = config_.hidden_size;
  Operand<S> states = read_dense<S>(value, name, "(num_layers * directions, B, hidden_size)");
  if (batched ? states.has_shape({blocks, rows, hidden}) : states.has_shape({blocks, hidden})) return states;
  const std::string wanted = batched ? fastgru::shape_text(blocks, rows, hidden)
                                     : "(" + std::to_string(blocks) + ", " + std::to_string(hidden) + ")";
  raise_value_error(std::string(name) + " must have shape " + wanted + ", got " + shape_of(states.owner));
}

template <class S>
py::object PyGru<S>::new_states(bool batched, std::int64_t rows) const {
  const std::int64_t blocks = config_.num_layers * config_.directions();
  return batched ? new_array<S>({blocks, rows, config_.hidden_size})
                 : new_array<S>({blocks, config_.hidden_size});
}

// A copy of `states`; zeros if these are null.
template <class S>
py::object PyGru<S>::same_states(bool batched, std::int64_t rows, const S* states) const {
  py::object copy = new_states(batched, rows);
  const std::int64_t count = config_.num_layers * config_.directions() * rows * config_.hidden_size;
  S* data = data_of<S>(copy);
  if (states == nullptr) {
    std::fill_n(data, count, S{0});
  } else {
    std::copy_n(states, count, data);
  }
  return copy;
}

template <class S>
py::object PyGru<S>::new_sequence(bool batched, std::int64_t steps, std::int64_t rows,
                                  std::int64_t features) const {
  if (!batched) return new_array<S>({steps, features});
  return batch_first_ ? new_array<S>({rows, steps, features}) : new_array<S>({steps, rows, features});
}

template <class S>
typename PyGru<S>::Call PyGru<S>::read_call(py::handle x, py::handle h0, py::handle lengths) const {
  Call call;
  call.x = read_operand<S>(x, "x", x_wanted_.c_str());
  call.batched = call.x.ndim == 3;
  if (call.x.ndim < 2 || call.x.shape[call.batched ? 2 : 1] != config_.input_size) {
    raise_value_error("x must have shape " + x_wanted_ + ", got " + shape_of(call.x.owner));
  }
  call.args.x = view_of(call.x.data, call.x);
  call.steps = call.args.x.steps;
  call.rows = call.args.x.rows;
  call.h0 = read_states(h0, "h0", call.batched, call.rows);
  call.args.h0 = call.h0.data;
  call.lengths = read_lengths(lengths, call.rows);
  call.args.lengths = call.lengths.data;
  raise_if_error(check_lengths(call.args.lengths, call.rows, call.steps));
  raise_if_error(check_memory(config_, call.steps, call.rows, sizeof(S)));
  return call;
}

template <class S>
py::tuple PyGru<S>::forward(py::handle x, py::handle h0, py::handle lengths, py::handle out) {
  Call call = read_call(x, h0, lengths);
  const std::int64_t width = config_.directions() * config_.hidden_size;
  py::object y;
  Operand<S> target;
  if (out.is_none()) {
    y = new_sequence(call.batched, call.steps, call.rows, width);
    target = operand_of<S>(y);
  } else {
    target = !call.batched  ? check_out<S>(out, {call.steps, width})
             : batch_first_ ? check_out<S>(out, {call.rows, call.steps, width})
                            : check_out<S>(out, {call.steps, call.rows, width});
    y = target.owner;
    if (overlap(call.x, target)) {
      call.x = operand_of<S>(call.x.owner.attr("copy")());
      call.args.x = view_of(call.x.data, call.x);
    }
    if (call.h0.data != nullptr && overlap(call.h0, target)) {
      call.h0 = operand_of<S>(call.h0.owner.attr("copy")());
      call.args.h0 = call.h0.data;
    }
  }
  if (call.empty()) {
    py::object h_n = same_states(call.batched, call.rows, call.h0.data);
    return py::make_tuple(std::move(y), std::move(h_n));
  }
  py::object h_n = new_states(call.batched, call.rows);
  call.args.y = view_of(data_of<S>(y), target);
  call.args.h_n = data_of<S>(h_n);
  const auto version = weights();
  Workspace<S> workspace = workspaces_.take();
  run_released(
      [&](const RunOptions& options) { return fastgru::forward(*version, call.args, workspace, options); });
  workspaces_.give(std::move(workspace));
  return py::make_tuple(std::move(y), std::move(h_n));
}

template <class S>
py::tuple PyGru<S>::forward_train(py::handle x, py::handle h0, py::handle lengths, std::uint64_t seed,
                                  bool low_memory) {
  Call call = read_call(x, h0, lengths);
  py::object y =
      new_sequence(call.batched, call.steps, call.rows, config_.directions() * config_.hidden_size);
  py::object h_n =
      call.empty() ? same_states(call.batched, call.rows, call.h0.data) : new_states(call.batched, call.rows);
  call.args.y = view_of(data_of<S>(y), operand_of<S>(y));
  call.args.h_n = data_of<S>(h_n);
  auto tape = std::make_unique<PyTape<S>>();
  tape->tape = tapes_.take();
  tape->weights = weights();
  tape->layer = identity_;
  tape->batched = call.batched;
  tape->steps = call.steps;
  tape->rows = call.rows;
  run_released([&](RunOptions options) {
    if (call.empty()) return Status();
    options.low_memory = low_memory;
    return fastgru::forward_train(*tape->weights, call.args, seed, tape->tape, options);
  });
  make_read_only(y);
  tape->x = std::move(call.x);
  tape->y = y;
  return py::make_tuple(std::move(y), std::move(h_n), std::move(tape));
}

template <class S>
py::tuple PyGru<S>::backward(PyTape<S>& tape, py::handle dy, py::handle dh_n, bool wants_dx) {
  if (tape.layer != identity_) raise_value_error("tape comes from another layer's forward_train");
  if (tape.used) raise_value_error("tape was used already: one forward_train serves one backward");
  const std::int64_t steps = tape.steps, rows = tape.rows;
  BackwardArgs<S> args;
  Operand<S> gradient;
  if (!dy.is_none()) {
    gradient = read_operand<S>(dy, "dy", "of y");
    const Operand<S> y = operand_of<S>(tape.y);
    if (gradient.ndim != y.ndim || gradient.shape != y.shape) {
      raise_value_error("dy must have the shape of y, " + shape_of(tape.y) + ", got " +
                        shape_of(gradient.owner));
    }
    args.dy = view_of(gradient.data, gradient);
  }
  const Operand<S> states = read_states(dh_n, "dh_n", tape.batched, rows);
  py::object dx = py::none();
  if (wants_dx) {
    dx = new_sequence(tape.batched, steps, rows, config_.input_size);
    args.dx = view_of(data_of<S>(dx), operand_of<S>(dx));
  }
  const bool empty = steps == 0 || rows == 0;  // the states are those of before, and nothing had an effect
  py::object dh0 = empty ? same_states(tape.batched, rows, states.data) : new_states(tape.batched, rows);
  py::object dparams = new_array<S>({tape.weights->layout().total()});
  args.dh_n = states.data;
  args.dh0 = data_of<S>(dh0);
  args.dparams = data_of<S>(dparams);
  tape.used = true;
  if (empty) std::fill_n(args.dparams, tape.weights->layout().total(), S{0});
  run_released([&](const RunOptions& options) {
    return empty ? Status() : fastgru::backward(*tape.weights, tape.tape, args, options);
  });
  tape.x = {};
  tapes_.give(std::move(tape.tape));
  return py::make_tuple(std::move(dx), std::move(dh0), std::move(dparams));
}

template <class S>
std::unique_ptr<PyStream<S>> PyGru<S>::stream(std::int64_t batch_size) const {
  raise_if_error(check_stream(config_, batch_size, sizeof(S), "batch_size"));
  return with_memory_for("the states of this stream",
                         [&] { return std::make_unique<PyStream<S>>(weights(), batch_size); });
}

template <class S>
std::unique_ptr<PyStreamPool> PyGru<S>::stream_pool(std::int64_t capacity, int num_threads) const {
  PoolModel model;
  model.input_size = config_.input_size;
  model.output_size = config_.hidden_size;
  model.gru = config_;
  model.is_double = std::is_same_v<S, double>;
  const auto make = [this](std::int64_t rows, std::unique_ptr<ModelStream>& result) {
    return make_stream<S>(weights(), rows, result);
  };
  return with_memory_for("a pool of streams",
                         [&] { return make_pool(make, std::move(model), capacity, num_threads); });
}

template <class S>
std::string PyGru<S>::explain(std::int64_t steps, std::int64_t rows) const {
  if (steps < 1 || rows < 1)
    raise_value_error("T and B must be at least 1, got " + std::to_string(steps) + " and " +
                      std::to_string(rows));
  return fastgru::explain(*weights(), steps, rows, 0);
}

namespace {

// A stream in a pickle: the layer's configuration and weights, and the states.
template <class S>
py::tuple to_pickle(PyStream<S>& stream) {
  const Weights<S>& weights = stream.weights();
  const GruConfig& c = weights.config();
  return py::make_tuple(c.input_size, c.hidden_size, c.num_layers, c.bias, c.reset_after,
                        py::array_t<S>(weights.layout().total(), weights.params()), stream.state(),
                        to_str(precisions().names[static_cast<std::size_t>(c.precision)]));
}

Precision precision_named(const std::string& name) {
  std::string known;
  const field::Choice choice = precisions();
  for (std::size_t i = 0; i < choice.names.size(); ++i) {
    if (choice.names[i] == name) return static_cast<Precision>(i);
    known += (i == 0 ? "" : ", ") + std::string(choice.names[i]);
  }
  raise_value_error("precision must be one of " + known + ", got '" + name + "'");
}

template <class S>
std::unique_ptr<PyStream<S>> from_pickle(const py::tuple& state) {
  if (state.size() != 8) raise_value_error("this is no pickle of a stream");
  GruConfig config;
  config.input_size = state[0].cast<std::int64_t>();
  config.hidden_size = state[1].cast<std::int64_t>();
  config.num_layers = state[2].cast<std::int64_t>();
  config.bias = state[3].cast<bool>();
  config.reset_after = state[4].cast<bool>();
  config.precision = precision_named(state[7].cast<std::string>());
  PyGru<S> layer(config, false);
  layer.set_parameters(state[5]);
  auto stream = layer.stream(py::len(state[6]) > 0 ? py::len(state[6][py::int_(0)]) : 0);
  stream->set_state(state[6]);
  return stream;
}

template <class S>
void bind_scalar(py::module_& module, const std::string& suffix) {
  const auto none = py::none();
  const py::class_<PyTape<S>> tape(module, ("Tape" + suffix).c_str(),
                                   "What one forward_train left for one backward.");

  py::class_<PyStream<S>>(module, ("Stream" + suffix).c_str(),
                          "Sequences that advance together, one step a call.")
      .def("step", &PyStream<S>::step, py::arg("x"), py::arg("out") = none,
           "One step: x (B, I), or (I,) when B is 1; returns the top layer's new state, (B, H) or (H,).")
      .def_property("state", &PyStream<S>::state, &PyStream<S>::set_state,
                    "All states (L, B, H): a copy; can be set.")
      .def_property_readonly("batch_size", &PyStream<S>::rows, "How many sequences advance together.")
      .def("reset", &PyStream<S>::reset, "Sets all states to zero.")
      .def("copy", &PyStream<S>::copy, "An independent stream with the same state.")
      .def("__copy__", &PyStream<S>::copy)
      .def(
          "__deepcopy__", [](PyStream<S>& stream, py::handle) { return stream.copy(); }, py::arg("memo"))
      .def(py::pickle(&to_pickle<S>, &from_pickle<S>));

  using Layer = PyGru<S>;
  py::class_<Layer>(module, ("Gru" + suffix).c_str(), "The GRU layer on flat parameters; see fastgru.GRU.")
      .def(py::init([](std::int64_t input_size, std::int64_t hidden_size, std::int64_t num_layers, bool bias,
                       bool batch_first, double dropout, bool bidirectional, bool reset_after,
                       const std::string& precision) {
             const GruConfig config{input_size,    hidden_size, num_layers, bias,
                                    bidirectional, reset_after, dropout,    precision_named(precision)};
             return with_memory_for("the parameters of this layer",
                                    [&] { return std::make_unique<Layer>(config, batch_first); });
           }),
           py::arg("input_size"), py::arg("hidden_size"), py::arg("num_layers") = 1, py::arg("bias") = true,
           py::arg("batch_first") = false, py::arg("dropout") = 0.0, py::arg("bidirectional") = false,
           py::arg("reset_after") = true, py::arg("precision") = "highest")
      .def_property_readonly("parameter_layout", &Layer::parameter_layout)
      .def_property_readonly("parameters", &Layer::parameters)
      .def("set_parameters", &Layer::set_parameters, py::arg("flat"))
      .def("set_tensors", &Layer::set_tensors, py::arg("tensors"))
      .def("has_tensors", &Layer::has_tensors, py::arg("tensors"), py::arg("every") = 1)
      .def("forward", &Layer::forward, py::arg("x"), py::arg("h0") = none, py::arg("lengths") = none,
           py::arg("out") = none)
      .def("forward_train", &Layer::forward_train, py::arg("x"), py::arg("h0") = none,
           py::arg("lengths") = none, py::arg("seed") = 0, py::arg("low_memory") = false)
      .def("backward", &Layer::backward, py::arg("tape"), py::arg("dy") = none, py::arg("dh_n") = none,
           py::arg("wants_dx") = true)
      .def("stream", &Layer::stream, py::arg("batch_size") = 1)
      .def("stream_pool", &Layer::stream_pool, py::arg("capacity"), py::arg("num_threads") = 1)
      .def("explain", &Layer::explain, py::arg("T"), py::arg("B"));
}

}  // namespace

void bind_gru(py::module_& module) {
  bind_scalar<float>(module, "F32");
  bind_scalar<double>(module, "F64");
}

}  // namespace fastgru::bindings
