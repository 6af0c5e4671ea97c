// Products on integer digits, on every instruction set: packed weights and rows say what they stand for, and
// a step agrees with the formulae in double for the rounded numbers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "each_isa.h"
#include "gru_case.h"
#include "kernels/dispatch.h"
#include "kernels/pack.h"
#include "kernels/pack_digits.h"

namespace {

using namespace fastgru::testing;
using Floats = std::vector<float>;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

const fastgru::DigitTable& table() { return *fastgru::active_digit_set().digits; }

int most(int digits) { return digits == 1 ? fastgru::kMostOneDigit : fastgru::kMostTwoDigits; }

// A matrix (gates * hidden, depth) and its packed digits.
struct Matrix {
  std::int64_t hidden, depth;
  int digits, row_digits;
  Floats values;
  fastgru::DigitSizes sizes;
  std::vector<std::int8_t> weights;
  std::vector<std::int32_t> start;
  Floats scale;

  Matrix(std::int64_t units, std::int64_t k, int of_weights, int of_rows)
      : hidden(units), depth(k), digits(of_weights), row_digits(of_rows) {
    Random random(static_cast<std::uint64_t>(units * 7 + k));
    values = random_vector<float>(random, 3 * hidden * depth, 1 / std::sqrt(static_cast<double>(depth)));
    std::fill_n(values.begin(), depth, 0.0f);  // a column of zeros
    sizes = fastgru::digit_sizes(table(), hidden, depth, 3, digits);
    weights.resize(index(sizes.weights));
    start.resize(index(sizes.start));
    scale.resize(index(sizes.scale));
    fastgru::pack_digits(table(), values.data(), hidden, depth, 0, 3, digits, row_digits,
                         {weights.data(), start.data(), scale.data()});
  }

  fastgru::DigitMatrix operand() const {
    return {sizes.depth, sizes.used, weights.data(), start.data(), scale.data()};
  }

  float column_scale(std::int64_t gate, std::int64_t unit) const {
    float largest = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      largest = std::max(largest, std::fabs(values[index((gate * hidden + unit) * depth + k)]));
    }
    return fastgru::column_scale(largest, most(digits));
  }
  // The whole number that stands for a weight.
  long m(std::int64_t gate, std::int64_t unit, std::int64_t k) const {
    const float s = column_scale(gate, unit);
    const float value = values[index((gate * hidden + unit) * depth + k)];
    return s == 0 ? 0 : std::lrint(static_cast<double>(value) / static_cast<double>(s));
  }
};

// Rows of floats in digits.
struct Split {
  std::int64_t rows, width, stride;
  int digits;
  std::vector<char> bytes;
  Floats scale;

  Split(const Floats& x, std::int64_t count, std::int64_t columns, int of, float least)
      : rows(count), width(columns), digits(of) {
    stride = digits * fastgru::padded_width(width, table().lanes) * table().digit_bytes;
    bytes.resize(index(fastgru::digit_rows_bytes(table(), rows, stride)));
    scale.resize(index(rows));
    fastgru::SplitArgs args{};
    args.rows = rows;
    args.width = width;
    args.x = x.data();
    args.x_stride = width;
    args.least = least;
    args.digits = digits;
    args.out = bytes.data();
    args.out_stride = stride;
    args.scale = scale.data();
    table().split(args);
  }

  fastgru::DigitRows operand() const { return {bytes.data(), stride, scale.data()}; }

  long digit(std::int64_t row, int which, std::int64_t k) const {
    const char* at = bytes.data() + row * stride;
    const std::int64_t i = which * fastgru::padded_width(width, table().lanes) + k;
    if (table().digit_bytes == 2) {
      std::int16_t value = 0;
      std::memcpy(&value, at + 2 * i, 2);
      return value;
    }
    return table().offset == 0 ? static_cast<signed char>(at[i]) : static_cast<unsigned char>(at[i]) - 128;
  }
  long m(std::int64_t row, std::int64_t k) const {
    return digits == 1 ? digit(row, 0, k) : 256 * digit(row, 0, k) + digit(row, 1, k);
  }
};

// A row times a column, of the digits that the kernels multiply.
double product(const Split& a, std::int64_t row, const Matrix& w, std::int64_t gate, std::int64_t unit) {
  double sum = 0;
  for (std::int64_t k = 0; k < a.width; ++k) {
    const auto m_a = static_cast<double>(a.m(row, k)), m_w = static_cast<double>(w.m(gate, unit, k));
    sum += m_a * m_w;
    if (a.digits == 1 || w.digits == 1) continue;
    const double last = m_w - 256 * std::floor((m_w + 128) / 256);
    sum -= static_cast<double>(a.digit(row, 1, k)) * last;  // left out
  }
  return sum * static_cast<double>(a.scale[index(row)]) * static_cast<double>(w.column_scale(gate, unit));
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("digits: a column rounded to one digit comes out of another rounding as it is") {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const double size = std::exp2(80 * random.uniform());
    const Floats column = random_vector<float>(random, 9, size);
    std::vector<std::int8_t> m(9), again(9);
    const float scale = fastgru::round_to_one_digit(column.data(), 9, m.data());
    Floats rounded(9);
    for (std::size_t k = 0; k < 9; ++k) {
      rounded[k] = static_cast<float>(m[k]) * scale;
      CHECK(static_cast<double>(rounded[k]) == m[k] * static_cast<double>(scale));  // exactly
      CHECK(std::fabs(static_cast<double>(rounded[k]) - static_cast<double>(column[k])) <=
            0.5000001 * static_cast<double>(scale));
    }
    CHECK(*std::max_element(m.begin(), m.end(), [](int a, int b) { return std::abs(a) < std::abs(b); }) != 0);
    CHECK(fastgru::round_to_one_digit(rounded.data(), 9, again.data()) == scale);
    CHECK(again == m);
  }
  CHECK(fastgru::column_scale(0.0f, 127) == 0.0f);
  CHECK(std::isnan(fastgru::column_scale(std::numeric_limits<float>::infinity(), 127)));
  CHECK(std::isnan(fastgru::column_scale(std::nanf(""), 127)));
  for (const std::size_t at : {std::size_t{0}, std::size_t{4}, std::size_t{8}}) {
    Floats column(9, 0.5f);
    column[at] = std::nanf("");
    std::vector<std::int8_t> m(9);
    CHECK(std::isnan(fastgru::round_to_one_digit(column.data(), 9, m.data())));
  }
}

TEST_CASE("digits: a row's numbers stand for its values, whatever their size") {
  for_each_isa([](const std::string&) {
    Random random(4);
    for (const std::int64_t width : {1, 3, 16, 21, 50}) {
      for (const double size : {1e-30, 1e-6, 0.3, 1.0, 7.0, 1e6, 3.4e38}) {
        for (const int digits : {1, 2}) {
          const Floats x = random_vector<float>(random, 3 * width, size);
          const Split split(x, 3, width, digits, 0.0f);
          for (std::int64_t row = 0; row < 3; ++row) {
            float largest = 0;
            for (std::int64_t k = 0; k < width; ++k)
              largest = std::max(largest, std::fabs(x[index(row * width + k)]));
            // The least power of two above the largest value, over the largest number.
            const double scale = split.scale[index(row)] * static_cast<double>(most(digits));
            CHECK(scale >= static_cast<double>(largest) * 0.9999999);
            CHECK(scale <= 2.0000001 * static_cast<double>(largest));
            for (std::int64_t k = 0; k < width; ++k) {
              CHECK(std::labs(split.m(row, k)) <= most(digits));
              const double off = static_cast<double>(split.m(row, k)) * split.scale[index(row)] -
                                 static_cast<double>(x[index(row * width + k)]);
              // Half a number, 0.001 for the float that is rounded to it, 0.002 for the rounded scale times
              // m.
              CHECK(std::fabs(off) <= 0.503 * static_cast<double>(split.scale[index(row)]));
            }
          }
        }
      }
    }
    // States: the scale of 1, and NaN for a row that is not finite.
    Floats h(40, 0.25f);
    h[11] = std::numeric_limits<float>::infinity();
    h[25] = std::nanf("");
    h[31] = -1.5f;
    const Split states(h, 4, 10, 2, 1.0f);
    CHECK(states.scale[0] == 1.0f / 32639.0f);
    CHECK(std::isnan(states.scale[1]));
    CHECK(std::isnan(states.scale[2]));
    CHECK(states.scale[3] == 2.0f / 32639.0f);
    const Split zeros(Floats(10, 0.0f), 1, 10, 1, 0.0f);
    CHECK(std::isfinite(zeros.scale[0]));
    CHECK(zeros.m(0, 9) == 0);
  });
}

TEST_CASE("digits: W x of one-digit weights agrees with double") {
  for_each_isa([](const std::string&) {
    for (const std::int64_t hidden : {1, 16, 21, 50}) {
      for (const std::int64_t input : {1, 5, 64}) {
        for (const std::int64_t rows : {1, 2, 3, 4, 7, 13}) {
          const Matrix w(hidden, input, 1, 2);
          Random random(5);
          const Split a(random_vector<float>(random, rows * input, 3.0), rows, input, 2, 0.0f);
          const std::int64_t panels = fastgru::panel_count(hidden, table().lanes), lanes = table().lanes;
          const Floats bias = random_vector<float>(random, panels * 4 * lanes);
          Floats gx(index(rows * panels * 3 * lanes), -7.0f);
          fastgru::DigitInputArgs args{};
          args.panels.last = panels;
          args.rows = rows;
          args.width = input;
          args.a = a.operand();
          args.w = w.operand();
          args.bias = bias.data();
          args.gx = gx.data();
          args.gx_stride = panels * 3 * lanes;
          table().input(args);
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t gate = 0; gate < 3; ++gate) {
              for (std::int64_t unit = 0; unit < hidden; ++unit) {
                const std::int64_t panel = unit / lanes, lane = unit % lanes;
                const double wanted = product(a, row, w, gate, unit) +
                                      static_cast<double>(bias[index((panel * 4 + gate) * lanes + lane)]);
                const float got = gx[index(row * args.gx_stride + (panel * 3 + gate) * lanes + lane)];
                CHECK(static_cast<double>(got) == doctest::Approx(wanted).epsilon(1e-6).scale(1));
              }
            }
          }
        }
      }
    }
  });
}

namespace {

struct Step {
  std::int64_t rows, hidden, lanes, panels;
  int digits;
  Matrix u;
  Floats h, gx, bias;

  Step(std::int64_t count, std::int64_t units, int of)
      : rows(count),
        hidden(units),
        lanes(table().lanes),
        panels(fastgru::panel_count(units, table().lanes)),
        digits(of),
        u(units, units, of, of) {
    Random random(static_cast<std::uint64_t>(units));
    h = random_vector<float>(random, rows * hidden);
    gx = random_vector<float>(random, rows * panels * 3 * lanes);
    bias = random_vector<float>(random, panels * 4 * lanes);
  }

  void run(std::int64_t first, std::int64_t count, Floats& out, Floats& slots, bool backwards = false) const {
    const Floats part(h.begin() + first * hidden, h.begin() + (first + count) * hidden);
    const Split a(part, count, hidden, digits, 1.0f);
    fastgru::DigitCellArgs args{};
    args.panels = {0, panels, backwards, false};
    args.rows = count;
    args.hidden = hidden;
    args.a = a.operand();
    args.u = u.operand();
    args.bias = bias.data();
    args.gx_stride = panels * 3 * lanes;
    args.gx = gx.data() + first * args.gx_stride;
    args.h_prev = part.data();
    args.h = out.data() + first * hidden;
    args.h_prev_stride = args.h_stride = hidden;
    args.slots_stride = 4 * hidden;
    args.slots = slots.empty() ? nullptr : slots.data() + first * args.slots_stride;
    (digits == 1 ? table().cell_one : table().cell_two)(args);
  }
};

}  // namespace

TEST_CASE(
    "digits: a step agrees with double, and its bits do not depend on the batch, the order or the tape") {
  for_each_isa([](const std::string&) {
    for (const int digits : {1, 2}) {
      for (const std::int64_t hidden : {1, 16, 21, 50, 66}) {
        for (const std::int64_t rows : {1, 2, 3, 4, 5, 8, 13}) {
          const Step step(rows, hidden, digits);
          Floats h(index(rows * hidden), -7.0f), slots(index(rows * 4 * hidden), -7.0f);
          step.run(0, rows, h, slots);
          Floats apart(h.size()), none, again(h.size());
          for (std::int64_t row = 0; row < rows; ++row) step.run(row, 1, apart, none);
          CHECK(same_bits(h, apart));
          step.run(0, rows, again, none, true);
          CHECK(same_bits(h, again));
          const Split a(step.h, rows, hidden, digits, 1.0f);
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t unit = 0; unit < hidden; ++unit) {
              const std::int64_t panel = unit / step.lanes, lane = unit % step.lanes;
              const auto x = [&](std::int64_t gate) {
                const std::int64_t at =
                    row * step.panels * 3 * step.lanes + (panel * 3 + gate) * step.lanes + lane;
                return static_cast<double>(step.gx[index(at)]);
              };
              const double r = sigmoid(x(0) + product(a, row, step.u, 0, unit));
              const double z = sigmoid(x(1) + product(a, row, step.u, 1, unit));
              const double q = product(a, row, step.u, 2, unit) +
                               static_cast<double>(step.bias[index((panel * 4 + 3) * step.lanes + lane)]);
              const double n = std::tanh(x(2) + r * q);
              const double before = step.h[index(row * hidden + unit)];
              const auto slot = [&](int which) {
                return static_cast<double>(slots[index((row * 4 + which) * hidden + unit)]);
              };
              CHECK(static_cast<double>(h[index(row * hidden + unit)]) ==
                    doctest::Approx(n + z * (before - n)).epsilon(1e-6).scale(1));
              CHECK(slot(0) == doctest::Approx(q).epsilon(1e-6).scale(1));
              CHECK(slot(1) == doctest::Approx(r).epsilon(1e-6).scale(1));
              CHECK(slot(2) == doctest::Approx(z).epsilon(1e-6).scale(1));
              CHECK(slot(3) == doctest::Approx(n).epsilon(1e-6).scale(1));
            }
          }
        }
      }
    }
  });
}

namespace {

// The same step on vectors of any width: W x and bias belong to a gate and a unit, wherever they lie.
Step placed_step(std::int64_t rows, std::int64_t hidden, int digits) {
  Step step(rows, hidden, digits);
  Random random(11);
  for (std::int64_t gate = 0; gate < 4; ++gate) {
    for (std::int64_t unit = 0; unit < hidden; ++unit) {
      const std::int64_t panel = unit / step.lanes, lane = unit % step.lanes;
      step.bias[index((panel * 4 + gate) * step.lanes + lane)] = static_cast<float>(random.uniform());
      for (std::int64_t row = 0; row < rows && gate < 3; ++row) {
        const std::int64_t at = (row * step.panels + panel) * 3 + gate;
        step.gx[index(at * step.lanes + lane)] = static_cast<float>(random.uniform());
      }
    }
  }
  return step;
}

}  // namespace

// Hashes stored here, because NEON and AVX run on different machines. "high" takes two digits where they are
// fast; here they run everywhere.
TEST_CASE("digits: a step has the same bits on all instruction sets with fused multiply-add") {
  for_each_isa([](const std::string& isa) {
    if (isa == "baseline") return;  // multiplies and adds apart
    for (const int digits : {1, 2}) {
      std::uint64_t hash = kFirstHash;
      for (const std::int64_t hidden : {1, 21, 66}) {
        const std::int64_t rows = 7;
        const Step step = placed_step(rows, hidden, digits);
        Floats h(index(rows * hidden)), slots(index(rows * 4 * hidden));
        step.run(0, rows, h, slots);
        hash = hash_of(slots, hash_of(h, hash));
      }
      CAPTURE(isa);
      CAPTURE(digits);
      CHECK(hash == (digits == 1 ? 16189222801124455029u : 1010620686294400601u));
    }
  });
}
