// Packs matrices in three digits, and splits the rows that meet them.
#include "engine_f32/recipes/three_digit_weights.h"

#include <algorithm>
#include <cmath>

#include "kernels/pack.h"

namespace fastgru {
namespace {

constexpr std::int64_t kLanes = 16;

std::int64_t tiles_of(std::int64_t rows) { return (rows + kDigitTileRows - 1) / kDigitTileRows; }
std::int64_t scale_bytes(std::int64_t rows) {
  return padded_width(rows * static_cast<std::int64_t>(sizeof(float)), 64);
}

}  // namespace

void ThreeDigitWeights::place(Pieces& pieces, std::int64_t units, std::int64_t gates, std::int64_t depth) {
  units_ = units;
  gates_ = gates;
  depth_ = depth;
  digits_.blocks = (depth + kDigitBlock - 1) / kDigitBlock;
  digits_.vectors = gates * panel_count(units, kLanes);
  digits_.weights =
      pieces.take<std::int8_t>(digits_.vectors * digits_.blocks * kThreeDigits * kDigitTileBytes);
  digits_.start = pieces.take<std::int32_t>(digits_.vectors * kThreeDigits * kLanes);
  digits_.scale = pieces.take<float>(digits_.vectors * kLanes);
  digits_.factor = pieces.take<float>(digits_.blocks * kDigitBlock);
}

void ThreeDigitWeights::pack(const ThreeDigitTable& table, const float* weight, std::int64_t column_stride,
                             std::int64_t k_stride, std::int64_t rotation) {
  ThreeDigitPackArgs a{};
  a.weight = weight;
  a.column_stride = column_stride;
  a.k_stride = k_stride;
  a.units = units_;
  a.gates = gates_;
  a.depth = depth_;
  a.rotation = rotation;
  a.out = digits_;
  table.pack(a);
  finite_ = std::all_of(weight, weight + gates_ * units_ * depth_, [](float w) { return std::isfinite(w); });
  largest_factor_ = *std::max_element(digits_.factor, digits_.factor + depth_);
}

std::int64_t ThreeDigitWeights::row_bytes(std::int64_t rows) const {
  return scale_bytes(rows) + tiles_of(rows) * digits_.blocks * kThreeDigits * kDigitTileBytes;
}

ThreeDigitRows ThreeDigitWeights::split(const ThreeDigitTable& table, std::int64_t rows, const float* x,
                                        std::int64_t x_stride, char* to) const {
  ThreeDigitSplitArgs s{};
  s.rows = rows;
  s.width = depth_;
  s.height = (rows + tiles_of(rows) - 1) / tiles_of(rows);
  s.x = x;
  s.x_stride = x_stride;
  s.factor = digits_.factor;
  s.scale = reinterpret_cast<float*>(to);
  s.digits = to + scale_bytes(rows);
  table.split(s);
  return {s.digits, s.scale, s.height};
}

}  // namespace fastgru
