// Runs the kernels on digits of two tables on the same numbers.
#include "digit_check.h"

#include <vector>

#include "kernels/pack.h"
#include "kernels/pack_digits.h"

namespace fastgru {
namespace {

using Floats = std::vector<float>;

// Numbers in [-1, 1], always the same ones.
Floats numbers(std::int64_t count, std::uint32_t seed) {
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<std::int32_t>(seed) >> 8) / 8388608.0f;
  }
  return values;
}

class Problem {
 public:
  Problem(const DigitTable& table, std::int64_t rows, std::int64_t input, std::int64_t hidden)
      : table_(table),
        rows_(rows),
        input_(input),
        hidden_(hidden),
        panels_(panel_count(hidden, table.lanes)) {}

  // gx, and the new states and slots of both steps.
  Floats results() {
    Floats all(static_cast<std::size_t>(rows_ * panels_ * 3 * table_.lanes));
    run_input(all.data());
    for (const int digits : {1, 2}) {
      const std::size_t at = all.size();
      all.resize(at + static_cast<std::size_t>(5 * rows_ * hidden_));
      run_cell(digits, numbers(rows_ * panels_ * 3 * table_.lanes, 5), all.data() + at);
    }
    return all;
  }

 private:
  DigitMatrix pack(std::int64_t depth, int digits, int row_digits) {
    const DigitSizes sizes = digit_sizes(table_, hidden_, depth, kGates, digits);
    weights_.resize(static_cast<std::size_t>(sizes.weights));
    start_.resize(static_cast<std::size_t>(sizes.start));
    scale_.resize(static_cast<std::size_t>(sizes.scale));
    pack_digits(table_, numbers(kGates * hidden_ * depth, 1).data(), hidden_, depth, 0, kGates, digits,
                row_digits, {weights_.data(), start_.data(), scale_.data()});
    return {sizes.depth, sizes.used, weights_.data(), start_.data(), scale_.data()};
  }

  DigitRows split(const Floats& x, std::int64_t width, int digits) {
    SplitArgs s{};
    s.rows = rows_;
    s.width = width;
    s.x = x.data();
    s.x_stride = width;
    s.digits = digits;
    s.out_stride = digits * padded_width(width, table_.lanes) * table_.digit_bytes;
    digits_.resize(static_cast<std::size_t>(digit_rows_bytes(table_, rows_, s.out_stride)));
    row_scale_.resize(static_cast<std::size_t>(rows_));
    s.out = digits_.data();
    s.scale = row_scale_.data();
    table_.split(s);
    return {s.out, s.out_stride, s.scale};
  }

  void run_input(float* gx) {
    const Floats bias = numbers(panels_ * 4 * table_.lanes, 2);
    DigitInputArgs a{};
    a.panels.last = panels_;
    a.rows = rows_;
    a.width = input_;
    a.a = split(numbers(rows_ * input_, 3), input_, 2);
    a.w = pack(input_, 1, 2);
    a.bias = bias.data();
    a.gx = gx;
    a.gx_stride = panels_ * kGates * table_.lanes;
    table_.input(a);
  }

  void run_cell(int digits, const Floats& gx, float* out) {
    const Floats bias = numbers(panels_ * 4 * table_.lanes, 2), h = numbers(rows_ * hidden_, 4);
    DigitCellArgs a{};
    a.panels.last = panels_;
    a.rows = rows_;
    a.hidden = hidden_;
    a.a = split(h, hidden_, digits);
    a.u = pack(hidden_, digits, digits);
    a.bias = bias.data();
    a.gx = gx.data();
    a.gx_stride = panels_ * kGates * table_.lanes;
    a.h_prev = h.data();
    a.h_prev_stride = a.h_stride = hidden_;
    a.h = out;
    a.slots = out + rows_ * hidden_;
    a.slots_stride = kSlots * hidden_;
    (digits == 1 ? table_.cell_one : table_.cell_two)(a);
  }

  const DigitTable& table_;
  const std::int64_t rows_, input_, hidden_, panels_;
  std::vector<std::int8_t> weights_;
  std::vector<std::int32_t> start_;
  Floats scale_, row_scale_;
  std::vector<char> digits_;
};

}  // namespace

bool same_bits(const DigitTable& a, const DigitTable& b, std::int64_t rows, std::int64_t input,
               std::int64_t hidden) {
  return Problem(a, rows, input, hidden).results() == Problem(b, rows, input, hidden).results();
}

}  // namespace fastgru
