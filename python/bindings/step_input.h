// One time step as streams and pools take it: a network's raw inputs, and whether it is worth giving up the
// GIL.
#pragma once

#include <cstdint>

#include "bindings/samples.h"
#include "engine/params.h"

namespace fastgru::bindings {

// Reads a step in any container. What is no array and no list goes through `reader`, which knows frames and
// compares names; it may be None. Tokens may have the dtypes that predict() takes: integers, bool, and
// floats that are whole. `shape`: what messages ask for.
Numbers read_step(py::handle given, const py::object& reader, bool tokens, const char* shape);

// Refuses what predict() refuses. `most`: the largest number of the network's type.
void check_step(const Numbers& x, std::int64_t count, bool missing_mask, double most);

// Whether a step of `rows` rows is so small that giving up the GIL costs more than the step.
inline bool keeps_gil(const GruConfig& gru, std::int64_t rows) {
  constexpr std::int64_t kSmallStep = 100000;  // products
  return gru.num_layers * gru.hidden_size * (gru.hidden_size + gru.input_size) * rows < kSmallStep;
}

}  // namespace fastgru::bindings
