// Checks of the arguments that all engines share. Nothing is allocated unless something is wrong.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "engine/engine.h"

namespace fastgru {

// Whether the product of these non-negative numbers is a valid size in bytes.
inline bool product_fits(std::initializer_list<std::int64_t> factors) {
  constexpr std::int64_t kMax = std::numeric_limits<std::ptrdiff_t>::max();
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (factor == 0) return true;
    if (product > kMax / factor) return false;
    product *= factor;
  }
  return true;
}

inline std::string shape_text(std::int64_t a, std::int64_t b, std::int64_t c) {
  return "(" + std::to_string(a) + ", " + std::to_string(b) + ", " + std::to_string(c) + ")";
}

template <class S>
std::string shape_text(const SequenceView<S>& view) {
  return shape_text(view.steps, view.rows, view.features);
}

// The sequence `name` must be (steps, rows, features) and have data.
template <class S>
Status check_sequence(const char* name, const SequenceView<S>& view, std::int64_t steps, std::int64_t rows,
                      std::int64_t features) {
  if (view.steps != steps || view.rows != rows || view.features != features) {
    return Status::invalid(std::string(name) + " (steps, rows, features) is " + shape_text(view) +
                           ", wanted " + shape_text(steps, rows, features));
  }
  if (view.data == nullptr) return Status::invalid(std::string(name) + " has no data");
  return {};
}

// Each of `rows` lengths must be in [0, steps]. Null is fine.
inline Status check_lengths(const std::int64_t* lengths, std::int64_t rows, std::int64_t steps) {
  if (lengths == nullptr) return {};
  for (std::int64_t b = 0; b < rows; ++b) {
    if (lengths[b] < 0 || lengths[b] > steps) {
      return Status::invalid("lengths[" + std::to_string(b) + "] is " + std::to_string(lengths[b]) +
                             ", wanted 0 to " + std::to_string(steps) + ", the number of steps of x");
    }
  }
  return {};
}

// Whether a training pass over (steps, rows) has sizes that can be counted in bytes: the widest block of
// memory is the whole tape (the gates and the states of every layer and direction, and every layer's input).
inline Status check_memory(const GruConfig& config, std::int64_t steps, std::int64_t rows,
                           std::int64_t item_size) {
  constexpr std::int64_t kWide = std::numeric_limits<std::int64_t>::max() / 64;
  const std::int64_t hidden = config.hidden_size, inputs = config.input_size;
  if (hidden < kWide && inputs < kWide &&
      product_fits({steps, rows, 8 * hidden + inputs, config.directions(), config.num_layers, item_size})) {
    return {};
  }
  return Status::invalid("x of " + std::to_string(steps) + " steps and " + std::to_string(rows) +
                         " rows needs more memory than can be addressed");
}

inline Status check_trainable(const GruConfig& config) {
  if (config.precision != Precision::int8) return {};
  return Status::invalid("precision=\"int8\" is for inference alone: its rounded weights have no gradient");
}

// `y_wanted`: y must be given (forward_train); else its data may be null.
template <class S>
Status check_forward(const GruConfig& config, const ForwardArgs<S>& args, bool y_wanted) {
  const SequenceView<const S>& x = args.x;
  if (x.steps < 1 || x.rows < 1) {
    return Status::invalid("x must have at least one step and one row, got (steps, rows, features) = " +
                           shape_text(x));
  }
  if (x.features != config.input_size) {
    return Status::invalid("x has " + std::to_string(x.features) +
                           " features, wanted input_size = " + std::to_string(config.input_size));
  }
  if (x.data == nullptr) return Status::invalid("x has no data");
  if (args.h_n == nullptr) return Status::invalid("h_n has no data");
  FASTGRU_RETURN_IF_ERROR(check_memory(config, x.steps, x.rows, sizeof(S)));
  FASTGRU_RETURN_IF_ERROR(check_lengths(args.lengths, x.rows, x.steps));
  if (args.y.data == nullptr && !y_wanted) return {};
  return check_sequence("y", args.y, x.steps, x.rows, config.directions() * config.hidden_size);
}

template <class S>
Status check_backward(const GruConfig& config, const Tape<S>& tape, const BackwardArgs<S>& args) {
  if (!tape.ready()) {
    return Status::invalid("tape holds nothing: it comes from forward_train and serves one backward");
  }
  if (args.dy.data != nullptr) {
    FASTGRU_RETURN_IF_ERROR(
        check_sequence("dy", args.dy, tape.steps(), tape.rows(), config.directions() * config.hidden_size));
  }
  if (args.dx.data != nullptr) {
    FASTGRU_RETURN_IF_ERROR(check_sequence("dx", args.dx, tape.steps(), tape.rows(), config.input_size));
  }
  if (args.dparams == nullptr) return Status::invalid("dparams has no data");
  return {};
}

// `argument`: what the caller's function calls the number of rows.
inline Status check_stream(const GruConfig& config, std::int64_t rows, std::int64_t item_size,
                           const char* argument = "rows") {
  if (config.bidirectional) {
    return Status::invalid(
        "a bidirectional GRU cannot stream: the reverse direction needs the whole sequence");
  }
  if (rows < 1) {
    return Status::invalid(std::string(argument) + " must be at least 1, got " + std::to_string(rows));
  }
  return check_memory(config, 1, rows, item_size);
}

}  // namespace fastgru
