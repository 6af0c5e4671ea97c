// The plain product and the input product W x on every instruction set: against double, and bit by bit
// against one chain of sums.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "each_isa.h"
#include "gru_case.h"
#include "kernels/pack.h"

namespace {

using namespace fastgru::testing;
using Floats = std::vector<float>;

constexpr float kUntouched = -7.0f;

// Whether the instruction set has FMA: products are added unrounded.
bool has_fma(const std::string& isa) { return isa != "baseline"; }

// start + sum over k of a[k] * b[k * stride], added in the order of k like the kernels.
float chain(bool fma, float start, const float* a, const float* b, std::int64_t stride, std::int64_t depth) {
  volatile float sum = start;  // no contraction of the two steps without FMA
  for (std::int64_t k = 0; k < depth; ++k) {
    if (fma) {
      sum = std::fmaf(a[k], b[k * stride], sum);
    } else {
      volatile float product = a[k] * b[k * stride];
      sum = sum + product;
    }
  }
  return sum;
}

// The same in double, with a bound of the error of a float sum.
struct Exact {
  double sum, bound;
};

Exact exact(float start, const float* a, const float* b, std::int64_t stride, std::int64_t depth) {
  double sum = static_cast<double>(start), size = std::fabs(sum);
  for (std::int64_t k = 0; k < depth; ++k) {
    const double product = static_cast<double>(a[k]) * static_cast<double>(b[k * stride]);
    sum += product;
    size += std::fabs(product);
  }
  return {sum, 6e-8 * static_cast<double>(depth + 2) * size};
}

// Rows of `width` floats, `stride` apart. The NaN between them must not be read.
Floats rows_apart(Random& random, std::int64_t rows, std::int64_t width, std::int64_t stride) {
  Floats values(static_cast<std::size_t>(rows * stride), std::numeric_limits<float>::quiet_NaN());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < width; ++i) {
      values[static_cast<std::size_t>(r * stride + i)] = static_cast<float>(random.uniform());
    }
  }
  return values;
}

struct Product {
  std::int64_t rows, depth, width, a_stride, c_stride;
  Floats a, weights, packed, start;

  Product(Random& random, std::int64_t row_count, std::int64_t d, std::int64_t w)
      : rows(row_count), depth(d), width(w), a_stride(d + 3), c_stride(w + 5) {
    a = rows_apart(random, rows, depth, a_stride);
    weights = random_vector<float>(random, depth * width);
    const std::int64_t lanes = fastgru::active_kernels().lanes;
    packed.resize(static_cast<std::size_t>(fastgru::packed_size(depth, width, 1, lanes)));
    fastgru::pack_columns(weights.data(), width, 0, depth, depth, 0, lanes, packed.data());
    start = rows_apart(random, rows, width, c_stride);
    for (float& value : start) value = std::isnan(value) ? kUntouched : value;
  }

  // Computes rows [first, first + count) in one call.
  void run(Floats& c, std::int64_t first, std::int64_t count) const {
    fastgru::GemmArgs args{};
    args.rows = count;
    args.depth = depth;
    args.width = width;
    args.a = a.data() + first * a_stride;
    args.a_stride = a_stride;
    args.weights = packed.data();
    args.c = c.data() + first * c_stride;
    args.c_stride = c_stride;
    fastgru::active_kernels().gemm(args);
  }

  // Largest error in units of its bound; infinite if the padding was touched.
  double error(const Floats& c) const {
    double worst = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t j = 0; j < c_stride; ++j) {
        const auto at = static_cast<std::size_t>(r * c_stride + j);
        if (j >= width) {
          if (c[at] != kUntouched) return std::numeric_limits<double>::infinity();
          continue;
        }
        const Exact wanted = exact(start[at], a.data() + r * a_stride, weights.data() + j, width, depth);
        const double off = std::fabs(static_cast<double>(c[at]) - wanted.sum) / wanted.bound;
        if (!(off <= worst)) worst = off;
      }
    }
    return worst;
  }
};

template <class Body>
void for_products(Body body) {
  Random random(11);
  for (std::int64_t rows = 1; rows <= 70; rows += rows < 18 ? 1 : 13) {
    for (std::int64_t width = 1; width <= 70; width += 1 + static_cast<std::int64_t>(random.below(7))) {
      for (const std::int64_t depth : {1, 2, 7, 1 + static_cast<int>(random.below(70))}) {
        CAPTURE(rows);
        CAPTURE(width);
        CAPTURE(depth);
        body(Product(random, rows, depth, width));
      }
    }
  }
}

// W x of one layer for some rows, with W and the biases unpacked.
struct InputProduct {
  std::int64_t rows, input, hidden, lanes, panels, x_stride, gx_stride;
  bool shared;
  Floats x, weight, bias_ih, bias_hh, packed, packed_bias;

  InputProduct(Random& random, std::int64_t row_count, std::int64_t i, std::int64_t h, bool share)
      : rows(row_count), input(i), hidden(h), lanes(fastgru::active_kernels().lanes), shared(share) {
    panels = fastgru::panel_count(hidden, lanes);
    x_stride = input + 2;
    gx_stride = panels * 3 * lanes + 7;
    x = rows_apart(random, rows, input, x_stride);
    weight = random_vector<float>(random, 3 * hidden * input);
    bias_ih = random_vector<float>(random, 3 * hidden);
    bias_hh = random_vector<float>(random, 3 * hidden);
    packed.resize(static_cast<std::size_t>(fastgru::packed_size(input, hidden, 3, lanes)));
    fastgru::pack_gates(weight.data(), hidden, input, 0, 3, lanes, shared, packed.data());
    packed_bias.resize(static_cast<std::size_t>(panels * 4 * lanes));
    fastgru::pack_bias(bias_ih.data(), bias_hh.data(), hidden, shared, lanes, packed_bias.data());
  }

  Floats untouched() const { return Floats(static_cast<std::size_t>(rows * gx_stride), kUntouched); }

  void run(Floats& gx, fastgru::PanelRange range, std::int64_t first, std::int64_t count) const {
    fastgru::InputGemmArgs args{};
    args.panels = range;
    args.shared_tail = shared;
    args.rows = count;
    args.input = input;
    args.hidden = hidden;
    args.x = x.data() + first * x_stride;
    args.x_stride = x_stride;
    args.w = packed.data();
    args.bias = packed_bias.data();
    args.gx = gx.data() + first * gx_stride;
    args.gx_stride = gx_stride;
    fastgru::active_kernels().input_gemm(args);
  }

  std::int64_t place(std::int64_t gate, std::int64_t unit) const {
    const std::int64_t tail = shared ? fastgru::tail_units(hidden, lanes) : 0;
    const std::int64_t step = unit >= hidden - tail ? tail : lanes;
    return unit / lanes * 3 * lanes + gate * step + unit % lanes;
  }

  float start(std::int64_t gate, std::int64_t unit) const {
    const auto at = static_cast<std::size_t>(gate * hidden + unit);
    return gate == 2 && shared ? bias_ih[at] : bias_ih[at] + bias_hh[at];
  }

  // Calls value(got, gate, unit, row of x, row of W) for every entry of the result except padding.
  template <class Value>
  void each(const Floats& gx, Value value) const {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t gate = 0; gate < 3; ++gate) {
        for (std::int64_t unit = 0; unit < hidden; ++unit) {
          value(gx[static_cast<std::size_t>(r * gx_stride + place(gate, unit))], start(gate, unit),
                x.data() + r * x_stride, weight.data() + (gate * hidden + unit) * input);
        }
      }
    }
  }
};

template <class Body>
void for_input_products(Body body) {
  Random random(12);
  for (const std::int64_t hidden : {1, 2, 3, 5, 8, 16, 17, 18, 20, 21, 31, 33, 50, 64, 70}) {
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 8, 9, 13, 16, 17, 33}) {
      const std::int64_t input = 1 + static_cast<std::int64_t>(random.below(70));
      for (const bool shared : {true, false}) {
        CAPTURE(hidden);
        CAPTURE(rows);
        CAPTURE(input);
        CAPTURE(shared);
        body(InputProduct(random, rows, input, hidden, shared));
      }
    }
  }
}

}  // namespace

TEST_CASE("gemm adds a * weights to c, at any strides, and touches nothing beyond the width") {
  for_each_isa([](const std::string&) {
    for_products([](const Product& p) {
      Floats c = p.start;
      p.run(c, 0, p.rows);
      CHECK(p.error(c) <= 1.0);
    });
  });
}

TEST_CASE("gemm: a row's bits do not depend on how many rows come with it") {
  for_each_isa([](const std::string&) {
    for_products([](const Product& p) {
      Floats together = p.start, alone = p.start, pairs = p.start;
      p.run(together, 0, p.rows);
      for (std::int64_t r = 0; r < p.rows; ++r) p.run(alone, r, 1);
      for (std::int64_t r = 0; r < p.rows; r += 2) p.run(pairs, r, std::min<std::int64_t>(2, p.rows - r));
      CHECK(same_bits(together, alone));
      CHECK(same_bits(together, pairs));
    });
  });
}

TEST_CASE("gemm: every sum is one chain in the order of k, begun at what is there") {
  for_each_isa([](const std::string& isa) {
    Random random(13);
    for (const std::int64_t width : {1, 19, 50}) {
      const Product p(random, 9, 40, width);
      Floats c = p.start;
      p.run(c, 0, p.rows);
      for (std::int64_t r = 0; r < p.rows; ++r) {
        for (std::int64_t j = 0; j < width; ++j) {
          const auto at = static_cast<std::size_t>(r * p.c_stride + j);
          CHECK(c[at] == chain(has_fma(isa), p.start[at], p.a.data() + r * p.a_stride, p.weights.data() + j,
                               width, p.depth));
        }
      }
    }
  });
}

TEST_CASE("gemm: nothing to sum, nothing changes") {
  for_each_isa([](const std::string&) {
    Random random(14);
    const Product none(random, 5, 0, 20);
    Floats c = none.start;
    none.run(c, 0, 5);
    CHECK(same_bits(c, none.start));
  });
}

TEST_CASE("input_gemm gives bias + x W at every gate's place, tail shared or not") {
  for_each_isa([](const std::string&) {
    for_input_products([](const InputProduct& p) {
      Floats gx = p.untouched();
      p.run(gx, {0, p.panels, false, false}, 0, p.rows);
      double worst = 0;
      p.each(gx, [&](float got, float start, const float* x, const float* w) {
        const Exact wanted = exact(start, x, w, 1, p.input);
        const double off = std::fabs(static_cast<double>(got) - wanted.sum) / wanted.bound;
        if (!(off <= worst)) worst = off;
      });
      CHECK(worst <= 1.0);
      for (std::int64_t r = 0; r < p.rows; ++r) {  // what lies between two rows
        for (std::int64_t i = p.gx_stride - 7; i < p.gx_stride; ++i) {
          CHECK(gx[static_cast<std::size_t>(r * p.gx_stride + i)] == kUntouched);
        }
      }
    });
  });
}

TEST_CASE(
    "input_gemm: panels one by one, backwards, with the next ones fetched, rows one by one: same bits") {
  for_each_isa([](const std::string&) {
    for_input_products([](const InputProduct& p) {
      Floats whole = p.untouched(), pieces = whole, back = whole, fetching = whole, alone = whole;
      p.run(whole, {0, p.panels, false, false}, 0, p.rows);
      for (std::int64_t panel = 0; panel < p.panels; ++panel) {
        const Floats before = pieces;
        p.run(pieces, {panel, panel + 1, false, false}, 0, p.rows);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(pieces.size()); ++i) {
          if (i % p.gx_stride / (3 * p.lanes) == panel) continue;  // of other panels nothing is written
          CHECK(pieces[static_cast<std::size_t>(i)] == before[static_cast<std::size_t>(i)]);
        }
      }
      p.run(back, {0, p.panels, true, false}, 0, p.rows);
      p.run(fetching, {0, p.panels, false, true}, 0, p.rows);
      for (std::int64_t r = 0; r < p.rows; ++r) p.run(alone, {0, p.panels, false, false}, r, 1);
      CHECK(same_bits(whole, pieces));
      CHECK(same_bits(whole, back));
      CHECK(same_bits(whole, fetching));
      CHECK(same_bits(whole, alone));
    });
  });
}

TEST_CASE("input_gemm: every sum is one chain in the order of k, begun at the bias") {
  for_each_isa([](const std::string& isa) {
    Random random(15);
    for (const std::int64_t hidden : {2, 18, 40}) {
      for (const bool shared : {true, false}) {
        const InputProduct p(random, 7, 30, hidden, shared);
        Floats gx = p.untouched();
        p.run(gx, {0, p.panels, false, false}, 0, p.rows);
        p.each(gx, [&](float got, float start, const float* x, const float* w) {
          CHECK(got == chain(has_fma(isa), start, x, w, 1, p.input));
        });
      }
    }
  });
}
