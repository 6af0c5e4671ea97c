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
#include "bindings/samples.h"
#include "engine/checks.h"
#include "nn/stream.h"

namespace fastgru::bindings {

template <class S>
class PyNetworkStream {
 public:
  PyNetworkStream(std::unique_ptr<NetworkStream<S>> stream, py::object reader)
      : stream_(std::move(stream)), reader_(std::move(reader)) {}

  py::object step(py::handle given, py::handle out) {
    const py::object x = plain(given);
    const std::int64_t inputs = config().features(), outputs = config().logits();
    Numbers input = config().vocabulary_size > 0 ? numbers_of(read_integers(x))
                                                 : read_numbers(x, "x", "(batch_size, input_size)", true);
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
    check_values(input);  // before the state changes
    run(input, data_of<S>(y));
    check_answers(data_of<S>(y));
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

  // What is no array and no list goes through the reader, which knows frames and compares names.
  py::object plain(py::handle x) const {
    if (reader_.is_none() || is_plain_array(x) || PyList_CheckExact(x.ptr()) || PyTuple_CheckExact(x.ptr())) {
      return py::reinterpret_borrow<py::object>(x);
    }
    return reader_(x);
  }

  // Reads tokens of the dtypes that predict() takes: integers, bool, and floats that are whole.
  static Operand<std::int64_t> read_integers(py::handle x) {
    const py::object array = as_ndarray(x, "x");
    const char kind = array.attr("dtype").attr("kind").cast<std::string>()[0];
    if (kind == 'i' || kind == 'u' || kind == 'b')
      return operand_of<std::int64_t>(converted<std::int64_t>(array));
    if (kind == 'f') {
      const py::object whole = array.attr("astype")("int64");
      if (py::cast<bool>(array.attr("__eq__")(whole).attr("all")())) {
        return operand_of<std::int64_t>(converted<std::int64_t>(whole));
      }
    }
    raise_type_error("x must hold tokens, which are integers, got dtype " + dtype_text(array));
  }

  // Refuses what predict() refuses.
  void check_values(const Numbers& x) const {
    const std::int64_t count = rows() * config().features();
    if (x.type == SampleType::int64) {
      check_tokens(static_cast<const std::int64_t*>(x.data), count);
    } else if (x.type == SampleType::float64) {
      check_numbers(static_cast<const double*>(x.data), count);
    } else {
      check_numbers(static_cast<const float*>(x.data), count);
    }
  }

  static void check_tokens(const std::int64_t* x, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (x[i] > 0) continue;
      raise_value_error("x has the " + (x[i] == 0
                                            ? std::string("padding id 0, which is no time step: leave it out")
                                            : "token " + std::to_string(x[i]) + ": ids are not negative"));
    }
  }

  template <class X>
  void check_numbers(const X* x, std::int64_t count) const {
    constexpr double kMost = std::numeric_limits<S>::max();
    for (std::int64_t i = 0; i < count; ++i) {
      const double value = x[i];
      if (std::abs(value) <= kMost || (std::isnan(value) && config().missing_mask)) continue;
      raise_value_error(std::isnan(value)
                            ? "x contains NaN: fill missing values in, or fit with missing='mask'"
                            : "x contains infinity or a value too large for the dtype of the network");
    }
  }

  // A step that ends no frame gives the last answer again, or NaN before the first.
  void check_answers(const S* y) const {
    if (!stream_->answered()) return;
    for (std::int64_t i = 0; i < rows() * config().logits(); ++i) {
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
    constexpr std::int64_t kSmallStep = 100000;  // releasing the GIL costs more than this many products
    const GruConfig& gru = config().gru;
    if (gru.num_layers * gru.hidden_size * (gru.hidden_size + gru.input_size) * rows() < kSmallStep) {
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
