// One time step of a network's raw inputs, as streams and pools take it, and its answers.
#pragma once

#include <cmath>
#include <cstdint>

#include "bindings/samples.h"
#include "nn/network_config.h"

namespace fastgru::bindings {

// Reads a step in any container. What is no array and no list goes through `reader`, which knows frames and
// compares names; it may be None. Tokens may have the dtypes that predict() takes: integers, bool, and
// floats that are whole. `shape`: what messages ask for.
Numbers read_step(py::handle given, const py::object& reader, bool tokens, const char* shape);

// Refuses what predict() refuses. `most`: the largest number of the network's type.
void check_step(const Numbers& x, std::int64_t count, bool missing_mask, double most);

// Refuses answers that are not finite.
template <class S>
void check_answers(const S* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (std::isfinite(y[i])) continue;
    raise_value_error(
        "x lies so far from the data of fit that the answer is not finite; reset() the stream, whose state "
        "may not be, either");
  }
}

}  // namespace fastgru::bindings
