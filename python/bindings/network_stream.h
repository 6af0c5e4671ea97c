// The Python class of a network's stream.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "bindings/exclusive.h"
#include "bindings/step_input.h"
#include "engine/checks.h"
#include "nn/stream.h"

namespace fastgru::bindings {

template <class S>
class PyNetworkStream {
 public:
  PyNetworkStream(std::unique_ptr<NetworkStream<S>> stream, py::object reader)
      : stream_(std::move(stream)), reader_(std::move(reader)) {}

  py::object step(py::handle given, py::handle out) {
    const std::int64_t inputs = config().features(), outputs = config().logits();
    const Numbers input = read_step(given, reader_, config().vocabulary_size > 0, "(batch_size, input_size)");
    const bool single = rows() == 1 && input.has_shape({inputs});
    if (!single && !input.has_shape({rows(), inputs})) raise_shape(input);
    py::object y;
    if (out.is_none()) {
      y = single ? new_array<S>({outputs}) : new_array<S>({rows(), outputs});
    } else {
      single ? check_out<S>(out, {outputs}) : check_out<S>(out, {rows(), outputs});
      if ((proxy(out)->flags & kContiguous) == 0) raise_value_error("out must be C-contiguous");
      y = py::reinterpret_borrow<py::object>(out);
    }
    check_step(input, rows() * inputs, config().missing_mask, std::numeric_limits<S>::max());
    run(input, data_of<S>(y));
    // A step that ends no frame gives the last answer again, or NaN before the first.
    if (stream_->answered()) check_answers(data_of<S>(y), rows() * outputs);
    return y;
  }

  py::object state() {
    const GruConfig& gru = config().gru;
    py::object state = new_array<S>({gru.num_layers, rows(), gru.hidden_size});
    const Exclusive exclusive(busy_, "stream");
    stream_->get_state(data_of<S>(state));
    return state;
  }

  void set_state(py::handle value) {
    const GruConfig& gru = config().gru;
    const Operand<S> state = read_dense<S>(value, "state", "(num_layers, batch_size, hidden_size)");
    if (!state.has_shape({gru.num_layers, rows(), gru.hidden_size})) {
      raise_value_error("state must have shape " + shape_text(gru.num_layers, rows(), gru.hidden_size) +
                        ", got " + shape_of(state.owner));
    }
    if (stream_->state_is_more()) {
      raise_value_error(
          "state cannot be set where the states so far are pooled: the answer depends on all of them");
    }
    const Exclusive exclusive(busy_, "stream");
    stream_->set_state(state.data);
  }

  void reset() {
    const Exclusive exclusive(busy_, "stream");
    stream_->reset();
  }

  std::unique_ptr<PyNetworkStream> copy() {
    const Exclusive exclusive(busy_, "stream");
    std::unique_ptr<NetworkStream<S>> fresh;
    raise_if_error(stream_->copy(fresh));
    return std::make_unique<PyNetworkStream>(std::move(fresh), reader_);
  }

  // For pickles: what the stream reads, and the bytes of its state.
  const NetworkVersion<S>& version() const { return stream_->version(); }
  std::string save() {
    std::string state(stream_->state_bytes(), 0);
    const Exclusive exclusive(busy_, "stream");
    stream_->save(state.data());
    return state;
  }
  void restore(const std::string& state) {
    if (state.size() != stream_->state_bytes()) raise_value_error("this is no pickle of such a stream");
    stream_->restore(state.data());
  }

  std::int64_t rows() const { return stream_->rows(); }
  bool answered() const { return stream_->answered(); }
  const py::object& reader() const { return reader_; }

 private:
  const NetworkConfig& config() const { return stream_->config(); }

  static void check_answers(const S* y, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (std::isfinite(y[i])) continue;
      raise_value_error(
          "x lies so far from the data of fit that the answer is not finite; reset() the stream, whose state "
          "may not be, either");
    }
  }

  void step_any(const Numbers& x, S* y) noexcept {
    if (x.type == SampleType::int64) return stream_->step(static_cast<const std::int64_t*>(x.data), y);
    // The inputs are scaled into the stream's memory before y is written, so x and out may be the same array.
    if (x.type == SampleType::float64) {
      stream_->step(static_cast<const double*>(x.data), y);
    } else {
      stream_->step(static_cast<const float*>(x.data), y);
    }
  }

  void run(const Numbers& x, S* y) {
    const Exclusive exclusive(busy_, "stream");
    if (keeps_gil(config().gru, rows())) {
      step_any(x, y);
    } else {
      const ReleasedGil released;
      step_any(x, y);
    }
  }

  [[noreturn]] void raise_shape(const Numbers& input) const {
    const std::string features = std::to_string(config().features());
    raise_value_error("x must have shape (" + std::to_string(rows()) + ", " + features + ")" +
                      (rows() == 1 ? " or (" + features + ",)" : "") + ", got " + shape_of(input.owner));
  }

  std::unique_ptr<NetworkStream<S>> stream_;
  py::object reader_;  // makes an array of a time step in any container; or None
  std::atomic<bool> busy_{false};
};

}  // namespace fastgru::bindings
