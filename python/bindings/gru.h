// The GRU layer and its tape and stream as Python sees them, for one scalar type.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/exclusive.h"
#include "bindings/object_pool.h"
#include "bindings/status.h"
#include "bindings/stream_pool.h"
#include "engine/checks.h"
#include "engine/engine.h"
#include "model/parts.h"

namespace fastgru::bindings {

// One forward_train's results for its backward, and what that backward must match.
template <class S>
struct PyTape {
  Tape<S> tape;                               // given back to the layer by backward
  std::shared_ptr<const Weights<S>> weights;  // the version that ran forward
  std::uint64_t layer = 0;                    // of PyGru::identity
  bool batched = true;
  std::int64_t steps = 0, rows = 0;
  bool used = false;
  Operand<S> x;
  py::object y;
};

template <class S>
class PyStream {
 public:
  PyStream(std::shared_ptr<const Weights<S>> weights, std::int64_t rows)
      : stream_(std::move(weights), rows) {}
  PyStream(const PyStream& other) : stream_(other.stream_) {}

  py::object step(py::handle x, py::handle out) {
    const GruConfig& config = stream_.weights().config();
    const std::int64_t rows = stream_.rows();
    Operand<S> input = read_dense<S>(x, "x", "(batch_size, input_size)");
    const bool single = input.ndim == 1 && rows == 1 && input.shape[0] == config.input_size;
    if (!single && !input.has_shape({rows, config.input_size})) raise_shape(input);
    py::object y;
    if (out.is_none()) {
      y = single ? new_array<S>({config.hidden_size}) : new_array<S>({rows, config.hidden_size});
    } else {
      const Operand<S> target =
          single ? check_out<S>(out, {config.hidden_size}) : check_out<S>(out, {rows, config.hidden_size});
      if ((proxy(out)->flags & kContiguous) == 0) raise_value_error("out must be C-contiguous");
      if (overlap(input, target)) input = operand_of<S>(input.owner.attr("copy")());
      y = py::reinterpret_borrow<py::object>(out);
    }
    run(input.data, data_of<S>(y));
    return y;
  }

  py::object state() {
    const GruConfig& config = stream_.weights().config();
    py::object state = new_array<S>({config.num_layers, stream_.rows(), config.hidden_size});
    const Exclusive exclusive(busy_, "stream");
    stream_.get_state(data_of<S>(state));
    return state;
  }

  void set_state(py::handle value) {
    const GruConfig& config = stream_.weights().config();
    const Operand<S> state = read_dense<S>(value, "state", "(num_layers, batch_size, hidden_size)");
    if (!state.has_shape({config.num_layers, stream_.rows(), config.hidden_size})) {
      raise_value_error("state must have shape " +
                        shape_text(config.num_layers, stream_.rows(), config.hidden_size) + ", got " +
                        shape_of(state.owner));
    }
    const Exclusive exclusive(busy_, "stream");
    stream_.set_state(state.data);
  }

  void reset() {
    const Exclusive exclusive(busy_, "stream");
    stream_.reset();
  }

  std::unique_ptr<PyStream> copy() {
    const Exclusive exclusive(busy_, "stream");
    return std::make_unique<PyStream>(*this);
  }

  std::int64_t rows() const { return stream_.rows(); }
  const Weights<S>& weights() const { return stream_.weights(); }

 private:
  void run(const S* x, S* y) {
    const Exclusive exclusive(busy_, "stream");
    if (keeps_gil(stream_.weights().config(), stream_.rows())) {
      stream_.step(x, y);
    } else {
      const ReleasedGil released;
      stream_.step(x, y);
    }
  }

  [[noreturn]] void raise_shape(const Operand<S>& input) const {
    const std::string features = std::to_string(stream_.weights().config().input_size);
    raise_value_error("x must have shape (" + std::to_string(stream_.rows()) + ", " + features + ")" +
                      (stream_.rows() == 1 ? " or (" + features + ",)" : "") + ", got " +
                      shape_of(input.owner));
  }

  Stream<S> stream_;
  std::atomic<bool> busy_{false};
};

template <class S>
class PyGru {
 public:
  PyGru(const GruConfig& config, bool batch_first);
  PyGru(std::shared_ptr<const Weights<S>> weights, bool batch_first);

  py::list parameter_layout() const;
  py::object parameters() const;
  void set_parameters(py::handle flat);
  // The same with one array for each tensor of the layout, in its order.
  void set_tensors(const py::list& tensors);
  // Whether the parameters have the bits of these tensors, as far as every `every`-th cache line tells.
  bool has_tensors(const py::list& tensors, std::size_t every) const;
  py::tuple forward(py::handle x, py::handle h0, py::handle lengths, py::handle out);
  py::tuple forward_train(py::handle x, py::handle h0, py::handle lengths, std::uint64_t seed,
                          bool low_memory);
  // dx is None where it is not wanted: its product is not computed then.
  py::tuple backward(PyTape<S>& tape, py::handle dy, py::handle dh_n, bool wants_dx);
  std::unique_ptr<PyStream<S>> stream(std::int64_t batch_size) const;
  std::unique_ptr<PyStreamPool> stream_pool(std::int64_t capacity, int num_threads) const;
  std::string explain(std::int64_t steps, std::int64_t rows) const;

 private:
  // One call's arguments, checked and laid out as (T, B, ...).
  struct Call {
    Operand<S> x, h0;
    Operand<std::int64_t> lengths;
    bool batched = true;
    std::int64_t steps = 0, rows = 0;
    ForwardArgs<S> args;
    bool empty() const { return steps == 0 || rows == 0; }  // nothing runs, and states stay as they are
  };

  Call read_call(py::handle x, py::handle h0, py::handle lengths) const;
  Operand<S> read_states(py::handle value, const char* name, bool batched, std::int64_t rows) const;
  py::object new_states(bool batched, std::int64_t rows) const;
  py::object same_states(bool batched, std::int64_t rows, const S* states) const;
  py::object new_sequence(bool batched, std::int64_t steps, std::int64_t rows, std::int64_t features) const;
  template <class V>
  SequenceView<V> view_of(V* data, const Operand<S>& operand) const;
  std::shared_ptr<const Weights<S>> weights() const;
  Operand<S> read_tensor(py::handle tensor, const ParamSlot& slot) const;
  void assign(const S* flat);

  GruConfig config_;
  bool batch_first_;
  std::string x_wanted_;
  std::uint64_t identity_;
  mutable std::mutex mutex_;  // of the weights; never held while something runs
  std::shared_ptr<const Weights<S>> weights_;
  ObjectPool<Workspace<S>> workspaces_{4};
  // One, because a tape is large. Fresh memory is filled with zeros by the kernel, page by page: a training
  // call at (T,B,I,H) = (10,32,1,50) took 191 us, with a kept tape 144.
  ObjectPool<Tape<S>> tapes_{1};
};

}  // namespace fastgru::bindings
