// Rounds weights to digits and packs them.
#include "kernels/pack_digits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/pack.h"

namespace fastgru {
namespace {

int classes(int digits, int row_digits) { return digits == 1 && row_digits == 1 ? 1 : 2; }

// m as digits, the first one first.
void to_digits(int m, int digits, int (&d)[2]) {
  d[0] = m;
  if (digits == 1) return;
  d[0] = (m + 128) >> 8;
  d[1] = m - 256 * d[0];
}

// One column: `depth` weights of one unit and gate.
class Column {
 public:
  Column(const float* weights, std::int64_t depth, int digits) : weights_(weights) {
    float largest = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      const float size = std::fabs(weights[k]);
      if (size > largest || std::isnan(size)) largest = size;
      if (std::isnan(largest)) break;
    }
    scale_ = column_scale(largest, digits == 1 ? kMostOneDigit : kMostTwoDigits);
  }

  float scale() const { return scale_; }
  int m(std::int64_t k) const {
    return scale_ > 0 ? static_cast<int>(std::lrint(static_cast<double>(weights_[k]) / scale_)) : 0;
  }

 private:
  const float* weights_;
  float scale_ = 0;
};

}  // namespace

float column_scale(float largest, int most) {
  if (!std::isfinite(largest)) return std::numeric_limits<float>::quiet_NaN();
  float scale = largest / static_cast<float>(most);
  std::uint32_t bits = 0;
  std::memcpy(&bits, &scale, sizeof bits);
  bits = (bits + 0xffu) & ~0xffu;  // up, so that m does not become larger than `most`
  std::memcpy(&scale, &bits, sizeof scale);
  return scale >= std::numeric_limits<float>::min() ? scale : 0.0f;
}

std::int64_t digit_rows_bytes(const DigitTable& table, std::int64_t rows, std::int64_t stride) {
  return padded_width(rows, table.tile_rows) * stride + table.block * table.digit_bytes;
}

float round_to_one_digit(const float* weights, std::int64_t n, std::int8_t* m) {
  const Column column(weights, n, 1);
  for (std::int64_t k = 0; k < n; ++k) m[k] = static_cast<std::int8_t>(column.m(k));
  return column.scale();
}

DigitSizes digit_sizes(const DigitTable& table, std::int64_t hidden, std::int64_t depth, int gates,
                       int digits) {
  DigitSizes sizes;
  sizes.depth = padded_width(depth, table.block);
  sizes.used = padded_width(depth, table.group);
  sizes.scale = gates * padded_width(hidden, table.lanes);
  sizes.start = 2 * sizes.scale;  // two classes at most
  sizes.weights = digits * sizes.scale * sizes.depth;
  return sizes;
}

void pack_digits(const DigitTable& table, const float* weight, std::int64_t hidden, std::int64_t depth,
                 int first_gate, int gates, int digits, int row_digits, const DigitParts& out) {
  const DigitSizes sizes = digit_sizes(table, hidden, depth, gates, digits);
  const std::int64_t lanes = table.lanes, group = table.group;
  const int sums = classes(digits, row_digits);
  std::fill_n(out.weights, sizes.weights, std::int8_t{0});
  std::fill_n(out.start, sizes.start, 0);
  std::fill_n(out.scale, sizes.scale, 0.0f);
  for (std::int64_t unit = 0; unit < hidden; ++unit) {
    for (int g = 0; g < gates; ++g) {
      const Column column(weight + ((first_gate + g) * hidden + unit) * depth, depth, digits);
      const std::int64_t vector = unit / lanes * gates + g, lane = unit % lanes;
      out.scale[vector * lanes + lane] = column.scale() * (digits == 2 && row_digits == 2 ? 256.0f : 1.0f);
      std::int8_t* to =
          out.weights + (unit / lanes * sizes.depth * gates + g * group) * digits * lanes + lane * group;
      std::int64_t total[2] = {0, 0};
      for (std::int64_t k = 0; k < depth; ++k) {
        int d[2];
        to_digits(column.m(k), digits, d);
        for (int j = 0; j < digits; ++j) {
          to[(k / group * gates * digits + j) * lanes * group + k % group] = static_cast<std::int8_t>(d[j]);
          total[j] += d[j];
        }
      }
      for (int i = 0; i < row_digits; ++i) {
        for (int j = 0; j < digits && i + j < sums; ++j) {
          out.start[(vector * sums + i + j) * lanes + lane] -=
              static_cast<std::int32_t>(table.offset * total[j]);
        }
      }
    }
  }
}

}  // namespace fastgru
