// Packs row-major weights and biases into the operands of the kernels.
#include "kernels/pack.h"

#include <algorithm>

#include "kernels/kernel_table.h"

namespace fastgru {
namespace {

// out[k][g * tail + i] = weight[(g + 1) * hidden - tail + i][k]
void pack_tail(const float* weight, std::int64_t hidden, std::int64_t depth, std::int64_t tail,
               std::int64_t lanes, float* out) {
  std::fill_n(out, depth * lanes, 0.0f);
  for (std::int64_t column = 0; column < kGates * tail; ++column) {
    const std::int64_t gate = column / tail;
    const float* from = weight + ((gate + 1) * hidden - tail + column % tail) * depth;
    for (std::int64_t k = 0; k < depth; ++k) out[k * lanes + column] = from[k];
  }
}

}  // namespace

void pack_gates(const float* weight, std::int64_t hidden, std::int64_t depth, std::int64_t first_gate,
                std::int64_t gates, std::int64_t lanes, bool share, float* out) {
  const std::int64_t tail = share ? tail_units(hidden, lanes) : 0;
  const std::int64_t panels = tail > 0 ? hidden / lanes : panel_count(hidden, lanes);
  if (tail > 0) pack_tail(weight, hidden, depth, tail, lanes, out + panels * depth * gates * lanes);
  for (std::int64_t panel = 0; panel < panels; ++panel) {
    float* base = out + panel * depth * gates * lanes;
    for (std::int64_t g = 0; g < gates; ++g) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t unit = panel * lanes + lane;
        float* to = base + g * lanes + lane;
        if (unit >= hidden) {
          for (std::int64_t k = 0; k < depth; ++k) to[k * gates * lanes] = 0.0f;
          continue;
        }
        const float* from = weight + ((first_gate + g) * hidden + unit) * depth;
        for (std::int64_t k = 0; k < depth; ++k) to[k * gates * lanes] = from[k];
      }
    }
  }
}

void pack_columns(const float* weight, std::int64_t width, std::int64_t first, std::int64_t count,
                  std::int64_t depth, std::int64_t at, std::int64_t lanes, float* out) {
  for (std::int64_t panel = 0; panel < panel_count(width, lanes); ++panel) {
    const std::int64_t column = panel * lanes;
    const std::int64_t valid = std::min(lanes, width - column);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* from = weight + (first + i) * width + column;
      float* to = out + (panel * depth + at + i) * lanes;
      std::copy_n(from, valid, to);
      std::fill(to + valid, to + lanes, 0.0f);
    }
  }
}

void pack_bias(const float* bias_ih, const float* bias_hh, std::int64_t hidden, bool reset_after,
               std::int64_t lanes, float* out, bool share) {
  std::fill_n(out, 4 * padded_width(hidden, lanes), 0.0f);
  if (bias_ih == nullptr) return;
  const std::int64_t tail = reset_after && share ? tail_units(hidden, lanes) : 0;
  for (std::int64_t unit = 0; unit < hidden; ++unit) {
    float* to = out + unit / lanes * 4 * lanes + unit % lanes;
    const bool shares = unit >= hidden - tail;
    const std::int64_t gate = shares ? tail : lanes, q = shares ? 3 * lanes + 2 * tail : 3 * lanes;
    const float input_n = bias_ih[2 * hidden + unit], recurrent_n = bias_hh[2 * hidden + unit];
    to[0] = bias_ih[unit] + bias_hh[unit];
    to[gate] = bias_ih[hidden + unit] + bias_hh[hidden + unit];
    to[2 * gate] = reset_after ? input_n : input_n + recurrent_n;
    to[q] = reset_after ? recurrent_n : 0.0f;
  }
}

}  // namespace fastgru
