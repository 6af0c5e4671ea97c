// Packs torch's row-major weights into the operands described in kernel_table.h.
#pragma once

#include <cstdint>

namespace fastgru {

inline std::int64_t panel_count(std::int64_t width, std::int64_t lanes) {
  return (width + lanes - 1) / lanes;
}
inline std::int64_t padded_width(std::int64_t width, std::int64_t lanes) {
  return panel_count(width, lanes) * lanes;
}

// Floats of a packed operand of `depth` rows whose `width` columns come in `gates` side by side.
inline std::int64_t packed_size(std::int64_t depth, std::int64_t width, std::int64_t gates,
                                std::int64_t lanes) {
  return depth * padded_width(width, lanes) * gates;
}

// Units of a last panel whose three gates share one vector; 0: none, all panels are alike.
inline std::int64_t tail_units(std::int64_t hidden, std::int64_t lanes) {
  return 3 * (hidden % lanes) <= lanes ? hidden % lanes : 0;
}

// out[panel][k][g][lane] = weight[(first_gate + g) * hidden + unit][k], from a (3*hidden, depth) matrix, but
// for a tail whose gates share a vector (where `share` allows it, with all three gates).
void pack_gates(const float* weight, std::int64_t hidden, std::int64_t depth, std::int64_t first_gate,
                std::int64_t gates, std::int64_t lanes, bool share, float* out);

// out[panel][k][lane] = weight[row(k)][column]: rows `first`, first+1, ... (count of them), from a row-major
// matrix of `width` columns. `depth` and `at` place several such pieces in one operand: row i goes to k = at
// + i.
void pack_columns(const float* weight, std::int64_t width, std::int64_t first, std::int64_t count,
                  std::int64_t depth, std::int64_t at, std::int64_t lanes, float* out);

// out[panel][4][lane]: r and z with both biases summed, n of the input side, q. With reset_after false both
// biases of n belong to the input side. A tail is as kernel_table.h says, with reset_after where `share`
// allows it. Null biases are zeros.
void pack_bias(const float* bias_ih, const float* bias_hh, std::int64_t hidden, bool reset_after,
               std::int64_t lanes, float* out, bool share = true);

}  // namespace fastgru
