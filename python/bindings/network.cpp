// Binds networks, their trainers and their streams, for float32 and float64.
#include <pybind11/stl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/exclusive.h"
#include "bindings/fields.h"
#include "bindings/network_pickle.h"
#include "bindings/network_stream.h"
#include "bindings/status.h"
#include "bindings/training_data.h"
#include "nn/network.h"
#include "nn/stream.h"
#include "nn/optim/trainer.h"
#include "spec/model_spec.h"

namespace fastgru::bindings {
namespace {

template <class S>
class PyNetwork {
 public:
  explicit PyNetwork(const NetworkConfig& config) { raise_if_error(Network<S>::make(config, network_)); }
  explicit PyNetwork(std::shared_ptr<Network<S>> network) : network_(std::move(network)) {}

  const std::shared_ptr<Network<S>>& core() const { return network_; }
  const NetworkConfig& config() const { return network_->config(); }

  std::int64_t features() const { return config().features(); }

  py::list summary(bool standardized) const {
    py::list lines;
    for (const SummaryLine& line : network_->summary(standardized)) {
      lines.append(py::make_tuple(line.name, py::tuple(py::cast(line.shape)), line.parameters));
    }
    return lines;
  }

  py::list parameter_layout() const {
    py::list layout;
    for (const ParamSlot& slot : network_->layout().slots()) {
      const py::tuple shape =
          slot.cols == 0 ? py::tuple(py::make_tuple(slot.rows)) : py::make_tuple(slot.rows, slot.cols);
      layout.append(py::make_tuple(slot.name, shape));
    }
    return layout;
  }

  py::object parameters() const {
    using Held = std::shared_ptr<const NetworkParams<S>>;
    auto held = std::make_unique<Held>(network_->version().params);
    const S* flat = (*held)->flat();
    const py::capsule owner(held.get(), [](void* pointer) { delete static_cast<Held*>(pointer); });
    (void)held.release();  // owned by the capsule now
    py::array_t<S> view({network_->layout().total()}, flat, owner);
    make_read_only(view);
    return std::move(view);
  }

  void set_parameters(py::handle flat) {
    const std::int64_t total = network_->layout().total();
    const Operand<S> values = read_dense<S>(flat, "flat", "(number of parameters,)");
    if (!values.has_shape({total})) {
      raise_value_error("flat must have shape (" + std::to_string(total) + ",), got " +
                        shape_of(values.owner));
    }
    run_released([&](const RunOptions&) { return network_->set_parameters(values.data); });
  }

  // The network's tensors in a model file: its parameters (read-only views) and its scaling.
  py::dict tensors() const {
    py::dict named;
    const auto flat = py::array_t<S>(parameters());
    for (const ParamSlot& slot : network_->layout().slots()) {
      std::vector<py::ssize_t> shape{slot.rows};
      if (slot.cols > 0) shape.push_back(slot.cols);
      py::array_t<S> view(shape, flat.data() + slot.offset, flat);
      make_read_only(view);
      named[py::str(slot.name)] = std::move(view);
    }
    const py::tuple columns = scaling();
    for (std::size_t i = 0; i < kScaling.size(); ++i) named[kScaling[i]] = columns[i];
    return named;
  }

  py::tuple scaling() const {
    const auto column = [](const std::vector<double>& values) {
      return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
    };
    const std::shared_ptr<const Scaling> now = network_->version().scaling;
    return py::make_tuple(column(now->x_mean), column(now->x_scale), column(now->y_mean),
                          column(now->y_scale));
  }

  void set_scaling(py::handle x_mean, py::handle x_scale, py::handle y_mean, py::handle y_scale) {
    const std::int64_t inputs = config().features(), outputs = config().output_size;
    raise_if_error(network_->set_scaling(
        {read_column(x_mean, "x_mean", inputs), read_column(x_scale, "x_scale", inputs),
         read_column(y_mean, "y_mean", outputs), read_column(y_scale, "y_scale", outputs)}));
  }

  py::object predict(py::handle x_in, py::handle lengths_in, py::handle rows_in, bool raw,
                     int num_threads) const {
    if (num_threads < 0)
      raise_value_error("num_threads must be at least 0, got " + std::to_string(num_threads));
    const Sequences x(x_in, "x", config().features(), rows_in, config().vocabulary_size > 0);
    const Column<std::int64_t> given = lengths_of(x, lengths_in);
    const std::int64_t* lengths = x.lengths() != nullptr ? x.lengths() : given.data();
    raise_if_error(validate_inputs(x.view(), lengths, config()));  // before the result is allocated
    const std::int64_t samples = x.view().samples, width = config().logits();
    py::object out;
    if (!config().sequence) {
      out = new_array<S>({samples, width});
    } else if (lengths == nullptr) {
      out = new_array<S>({samples, x.view().steps, width});
    } else {
      out = new_array<S>({std::accumulate(lengths, lengths + samples, std::int64_t{0}), width});
    }
    run_released(
        [&](const RunOptions& options) {
          return network_->predict(x.view(), lengths, raw, data_of<S>(out), options);
        },
        num_threads);
    return out;
  }

  // The GRU's input for x: (steps or frames, N, input_size), zeros beyond the end of a list's sequences.
  py::object inputs(py::handle x_in) const {
    const Sequences x(x_in, "x", config().features(), py::none(), config().vocabulary_size > 0);
    raise_if_error(validate_inputs(x.view(), x.lengths(), config()));
    const std::int64_t steps = config().frames(x.view().steps);
    py::object out = new_array<S>({steps, x.view().samples, config().gru.input_size});
    run_released([&](const RunOptions& options) {
      return network_->inputs(x.view(), x.lengths(), data_of<S>(out), options);
    });
    return out;
  }

  std::unique_ptr<PyNetworkStream<S>> stream(std::int64_t batch_size, py::object reader) const {
    std::unique_ptr<NetworkStream<S>> stream;
    raise_if_error(check_stream(config().gru, batch_size, sizeof(S), "batch_size"));
    raise_if_error(NetworkStream<S>::make(network_->version(), batch_size, stream));
    return std::make_unique<PyNetworkStream<S>>(std::move(stream), std::move(reader));
  }

 private:
  std::shared_ptr<Network<S>> network_;
};

template <class S>
class PyTrainer {
 public:
  PyTrainer(const PyNetwork<S>& network, const TrainerOptions& options) {
    raise_if_error(Trainer<S>::make(network.core(), options, trainer_));
  }

  double run_epoch(py::handle x, py::handle y, py::handle sample_weight, py::handle lengths, py::handle rows,
                   py::handle class_weight, py::handle step_weight) {
    const PyTrainingData data(config(), x, y, sample_weight, lengths, rows, class_weight, step_weight);
    const Exclusive exclusive(busy_, "trainer");
    double loss = 0;
    run_released(
        [&](const RunOptions& options) { return trainer_->run_epoch(data.view, options.interrupt, loss); });
    return loss;
  }

  double evaluate(py::handle x, py::handle y, py::handle sample_weight, py::handle lengths, py::handle rows,
                  py::handle class_weight, py::handle step_weight) const {
    const PyTrainingData data(config(), x, y, sample_weight, lengths, rows, class_weight, step_weight);
    double loss = 0;
    run_released(
        [&](const RunOptions& options) { return trainer_->evaluate(data.view, options.interrupt, loss); });
    return loss;
  }

  std::vector<double> batch_losses() {
    const Exclusive exclusive(busy_, "trainer");
    return trainer_->batch_losses();
  }
  std::int64_t epoch() {
    const Exclusive exclusive(busy_, "trainer");
    return trainer_->epoch();
  }
  std::int64_t step_count() {
    const Exclusive exclusive(busy_, "trainer");
    return trainer_->optimizer().step_count();
  }
  double learning_rate() {
    const Exclusive exclusive(busy_, "trainer");
    return trainer_->optimizer().options().learning_rate;
  }
  void set_learning_rate(double value) {
    const Exclusive exclusive(busy_, "trainer");
    raise_if_error(trainer_->set_learning_rate(value));
  }

  py::dict get_state() {
    const Exclusive exclusive(busy_, "trainer");
    const Optimizer<S>& optimizer = trainer_->optimizer();
    py::dict state;
    state["epoch"] = trainer_->epoch();
    state["step_count"] = optimizer.step_count();
    state["first_moment"] = py::array_t<S>(optimizer.size(), optimizer.first_moment());
    if (optimizer.has_second_moment()) {
      state["second_moment"] = py::array_t<S>(optimizer.size(), optimizer.second_moment());
    }
    return state;
  }

  void set_state(const py::object& state) {
    const bool adam = trainer_->optimizer().has_second_moment();
    const std::int64_t epoch = count_in(state, "epoch"), step_count = count_in(state, "step_count");
    const Operand<S> first = moment_in(state, "first_moment");
    const Operand<S> second = adam ? moment_in(state, "second_moment") : Operand<S>();
    if (!adam && state.contains("second_moment")) {
      raise_value_error(
          "state has a second_moment, which solver='sgd' does not have: it is another solver's");
    }
    const Exclusive exclusive(busy_, "trainer");
    raise_if_error(trainer_->restore(epoch, step_count, first.data, second.data));
  }

 private:
  const NetworkConfig& config() const { return trainer_->network().config(); }

  static py::object item_of(const py::object& state, const char* name) {
    if (!py::isinstance(state, py::module_::import("collections.abc").attr("Mapping"))) {
      raise_type_error(std::string("state must be a dict as get_state returns, got ") +
                       Py_TYPE(state.ptr())->tp_name);
    }
    if (!state.contains(name)) raise_value_error(std::string("state has no item '") + name + "'");
    return state[name];
  }

  static std::int64_t count_in(const py::object& state, const char* name) {
    const py::object value = item_of(state, name);
    if (PyIndex_Check(value.ptr()) == 0) {
      raise_type_error(std::string("state['") + name + "'] must be an integer, got " +
                       Py_TYPE(value.ptr())->tp_name);
    }
    return value.cast<std::int64_t>();
  }

  Operand<S> moment_in(const py::object& state, const char* name) const {
    const std::int64_t size = trainer_->optimizer().size();
    const std::string item = std::string("state['") + name + "']";
    const std::string wanted = "(" + std::to_string(size) + ",)";
    Operand<S> moment = read_dense<S>(item_of(state, name), item.c_str(), wanted.c_str());
    if (moment.has_shape({size})) return moment;
    raise_value_error(item + " must have shape " + wanted + ", got " + shape_of(moment.owner));
  }

  std::unique_ptr<Trainer<S>> trainer_;
  std::atomic<bool> busy_{false};
};

Solver solver_of(const std::string& name) {
  if (name == "adam") return Solver::adam;
  if (name == "sgd") return Solver::sgd;
  raise_value_error("solver must be 'adam' or 'sgd', got '" + name + "'");
}

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
      .def("stream", &Net::stream, py::arg("batch_size") = 1, py::arg("reader") = py::none());
}

template <class S>
std::unique_ptr<PyTrainer<S>> make_trainer(const PyNetwork<S>& network, const std::string& solver,
                                           double learning_rate, double beta_1, double beta_2, double epsilon,
                                           double momentum, bool nesterov, double alpha, double clip_norm,
                                           std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                                           int num_threads, std::int64_t bptt, double recurrent_dropout) {
  TrainerOptions options;
  options.optimizer = {solver_of(solver), learning_rate, beta_1, beta_2,   epsilon,
                       momentum,          nesterov,      alpha,  clip_norm};
  options.batch_size = batch_size;
  options.shuffle = shuffle;
  options.seed = seed;
  options.num_threads = num_threads;
  options.bptt = bptt;
  options.recurrent_dropout = recurrent_dropout;
  return std::make_unique<PyTrainer<S>>(network, options);
}

template <class S>
void bind_trainers(py::module_& module, const std::string& suffix) {
  using Train = PyTrainer<S>;
  const auto none = py::none();
  const OptimizerOptions o;
  const TrainerOptions t;
  py::class_<Train>(module, ("Trainer" + suffix).c_str(), "The mini-batch training loop of one network.")
      .def(py::init(&make_trainer<S>), py::arg("network"), py::kw_only(), py::arg("solver") = "adam",
           py::arg("learning_rate") = o.learning_rate, py::arg("beta_1") = o.beta_1,
           py::arg("beta_2") = o.beta_2, py::arg("epsilon") = o.epsilon, py::arg("momentum") = o.momentum,
           py::arg("nesterov") = o.nesterov, py::arg("alpha") = o.alpha, py::arg("clip_norm") = o.clip_norm,
           py::arg("batch_size") = t.batch_size, py::arg("shuffle") = t.shuffle, py::arg("seed") = t.seed,
           py::arg("num_threads") = t.num_threads, py::arg("bptt") = t.bptt,
           py::arg("recurrent_dropout") = t.recurrent_dropout)
      .def("run_epoch", &Train::run_epoch, py::arg("x"), py::arg("y"), py::arg("sample_weight") = none,
           py::arg("lengths") = none, py::arg("rows") = none, py::arg("class_weight") = none,
           py::arg("step_weight") = none)
      .def("evaluate", &Train::evaluate, py::arg("x"), py::arg("y"), py::arg("sample_weight") = none,
           py::arg("lengths") = none, py::arg("rows") = none, py::arg("class_weight") = none,
           py::arg("step_weight") = none)
      .def_property_readonly("batch_losses", &Train::batch_losses)
      .def_property_readonly("epoch", &Train::epoch)
      .def_property_readonly("step_count", &Train::step_count)
      .def_property("learning_rate", &Train::learning_rate, &Train::set_learning_rate)
      .def("get_state", &Train::get_state)
      .def("set_state", &Train::set_state, py::arg("state"));
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
  bind_trainers<float>(module, "F32");
  bind_trainers<double>(module, "F64");
}

}  // namespace fastgru::bindings
