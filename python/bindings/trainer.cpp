// Binds the trainers of networks, for float32 and float64.
#include <pybind11/stl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/exclusive.h"
#include "bindings/network.h"
#include "bindings/status.h"
#include "bindings/training_data.h"
#include "nn/optim/trainer.h"

namespace fastgru::bindings {
namespace {

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
std::unique_ptr<PyTrainer<S>> make_trainer(const PyNetwork<S>& network, const std::string& solver,
                                           double learning_rate, double beta_1, double beta_2, double epsilon,
                                           double momentum, bool nesterov, double alpha, double clip_norm,
                                           std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                                           int num_threads, std::int64_t bptt, double recurrent_dropout,
                                           bool stateful) {
  TrainerOptions options;
  options.optimizer = {solver_of(solver), learning_rate, beta_1, beta_2,   epsilon,
                       momentum,          nesterov,      alpha,  clip_norm};
  options.batch_size = batch_size;
  options.shuffle = shuffle;
  options.seed = seed;
  options.num_threads = num_threads;
  options.bptt = bptt;
  options.recurrent_dropout = recurrent_dropout;
  options.stateful = stateful;
  return std::make_unique<PyTrainer<S>>(network, options);
}

template <class S>
void bind_trainer(py::module_& module, const char* name) {
  using Train = PyTrainer<S>;
  const auto none = py::none();
  const OptimizerOptions o;
  const TrainerOptions t;
  py::class_<Train>(module, name, "The mini-batch training loop of one network.")
      .def(py::init(&make_trainer<S>), py::arg("network"), py::kw_only(), py::arg("solver") = "adam",
           py::arg("learning_rate") = o.learning_rate, py::arg("beta_1") = o.beta_1,
           py::arg("beta_2") = o.beta_2, py::arg("epsilon") = o.epsilon, py::arg("momentum") = o.momentum,
           py::arg("nesterov") = o.nesterov, py::arg("alpha") = o.alpha, py::arg("clip_norm") = o.clip_norm,
           py::arg("batch_size") = t.batch_size, py::arg("shuffle") = t.shuffle, py::arg("seed") = t.seed,
           py::arg("num_threads") = t.num_threads, py::arg("bptt") = t.bptt,
           py::arg("recurrent_dropout") = t.recurrent_dropout, py::arg("stateful") = t.stateful)
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

void bind_trainers(py::module_& module) {
  bind_trainer<float>(module, "TrainerF32");
  bind_trainer<double>(module, "TrainerF64");
}

}  // namespace fastgru::bindings
