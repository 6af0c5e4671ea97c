// The dense head's products on every instruction set: against double, and bit by bit against single rows, one
// thread and other instruction sets.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/dense.h"
#include "kernels/dispatch.h"
#include "random.h"

namespace {

using fastgru::KernelTable;

constexpr float kGuard = 12345.0f;  // stands where nothing may be written
constexpr std::int64_t kGap = 3;    // floats between rows

struct Shape {
  std::int64_t rows, inputs, outputs;
};

const Shape kShapes[] = {{1, 1, 1},     {1, 50, 1},    {3, 7, 3},      {16, 17, 15},  {17, 16, 65},
                         {7, 65, 300},  {300, 15, 7},  {2, 300, 17},   {300, 65, 16}, {65, 300, 3},
                         {40, 3, 1000}, {530, 17, 33}, {600, 260, 270}};

// `rows` of `width` values, kGap apart, in a buffer that ends with the last value, so that AddressSanitizer
// finds reads beyond it.
struct Matrix {
  std::int64_t rows, width, stride;
  std::vector<float> values;
  Matrix(std::int64_t r, std::int64_t w, float fill)
      : rows(r), width(w), stride(w + kGap), values(static_cast<std::size_t>(r * (w + kGap) - kGap), fill) {}
  float* row(std::int64_t i) { return values.data() + i * stride; }
  const float* row(std::int64_t i) const { return values.data() + i * stride; }
  bool guarded() const {
    for (std::int64_t i = 0; i + 1 < rows; ++i) {
      for (std::int64_t j = 0; j < kGap; ++j) {
        if (row(i)[width + j] != kGuard) return false;
      }
    }
    return true;
  }
  bool operator==(const Matrix& other) const {
    return std::memcmp(values.data(), other.values.data(), values.size() * sizeof(float)) == 0;
  }
};

void fill(float* values, std::int64_t count, fastgru::testing::Random& random) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.uniform());
}

Matrix random_matrix(std::int64_t rows, std::int64_t width, fastgru::testing::Random& random) {
  Matrix m(rows, width, kGuard);
  for (std::int64_t i = 0; i < rows; ++i) fill(m.row(i), width, random);
  return m;
}

struct Case {
  Shape shape;
  Matrix x, dy;
  std::vector<float> weight, bias;
  explicit Case(const Shape& s)
      : shape(s),
        x(1, 1, 0),
        dy(1, 1, 0),
        weight(static_cast<std::size_t>(s.inputs * s.outputs)),
        bias(static_cast<std::size_t>(s.outputs)) {
    fastgru::testing::Random random(static_cast<std::uint64_t>(s.rows * 7 + s.inputs * 3 + s.outputs));
    x = random_matrix(s.rows, s.inputs, random);
    dy = random_matrix(s.rows, s.outputs, random);
    fill(weight.data(), s.inputs * s.outputs, random);
    fill(bias.data(), s.outputs, random);
  }
};

struct Result {
  Matrix y, dx, dw;
  std::vector<float> dbias;
  explicit Result(const Shape& s)
      : y(s.rows, s.outputs, kGuard),
        dx(s.rows, s.inputs, kGuard),
        dw(s.outputs, s.inputs, kGuard),
        dbias(static_cast<std::size_t>(s.outputs + 1), kGuard) {}
  bool operator==(const Result& other) const {
    return y == other.y && dx == other.dx && dw == other.dw && dbias == other.dbias;
  }
};

void forward(const KernelTable& kernels, const Case& c, std::int64_t first, std::int64_t rows, int threads,
             Matrix& y) {
  std::vector<float> packed(
      static_cast<std::size_t>(fastgru::dense_packed_size(kernels, c.shape.inputs, c.shape.outputs)));
  fastgru::DensePackArgs pack;
  pack.inputs = c.shape.inputs;
  pack.outputs = c.shape.outputs;
  pack.weight = c.weight.data();
  pack.weights = packed.data();
  fastgru::dense_pack(kernels, pack, threads);
  fastgru::DenseForwardArgs args;
  args.rows = rows;
  args.inputs = c.shape.inputs;
  args.outputs = c.shape.outputs;
  args.x = c.x.row(first);
  args.x_stride = c.x.stride;
  args.weights = packed.data();
  args.bias = c.bias.data();
  args.y = y.row(first);
  args.y_stride = y.stride;
  fastgru::dense_forward(kernels, args, threads);
}

void backward_input(const KernelTable& kernels, const Case& c, std::int64_t first, std::int64_t rows,
                    int threads, Matrix& dx) {
  std::vector<float> scratch(static_cast<std::size_t>(fastgru::dense_scratch_size(threads)));
  fastgru::DenseInputArgs args;
  args.rows = rows;
  args.inputs = c.shape.inputs;
  args.outputs = c.shape.outputs;
  args.dy = c.dy.row(first);
  args.dy_stride = c.dy.stride;
  args.weight = c.weight.data();
  args.weight_stride = c.shape.inputs;
  args.dx = dx.row(first);
  args.dx_stride = dx.stride;
  args.pack = scratch.data();
  fastgru::dense_backward_input(kernels, args, threads);
}

void backward_weights(const KernelTable& kernels, const Case& c, int threads, Result& to) {
  std::vector<float> scratch(static_cast<std::size_t>(fastgru::dense_scratch_size(threads)));
  fastgru::DenseWeightArgs args;
  args.rows = c.shape.rows;
  args.inputs = c.shape.inputs;
  args.outputs = c.shape.outputs;
  args.x = c.x.row(0);
  args.x_stride = c.x.stride;
  args.dy = c.dy.row(0);
  args.dy_stride = c.dy.stride;
  args.dw = to.dw.row(0);
  args.dw_stride = to.dw.stride;
  args.dbias = to.dbias.data();
  args.pack = scratch.data();
  fastgru::dense_backward_weights(kernels, args, threads);
}

Result run(const KernelTable& kernels, const Case& c, int threads) {
  Result result(c.shape);
  forward(kernels, c, 0, c.shape.rows, threads, result.y);
  backward_input(kernels, c, 0, c.shape.rows, threads, result.dx);
  backward_weights(kernels, c, threads, result);
  return result;
}

// The results with the sums of their absolute terms, which bound the error: a float sum of n terms is off by
// at most about n/2 roundings of that sum.
struct Exact {
  double value = 0, size = 0;
  void add(float a, float b) {
    const double term = static_cast<double>(a) * static_cast<double>(b);
    value += term;
    size += std::fabs(term);
  }
  // The error in units of its bound: correct below 1.
  double error(float got, std::int64_t terms) const {
    const double allowed = 1.2e-7 * size * (0.5 * static_cast<double>(terms) + 1.0) + 1e-30;
    return std::fabs(static_cast<double>(got) - value) / allowed;
  }
};

double worst_forward(const Case& c, const Result& got) {
  double worst = 0;
  for (std::int64_t b = 0; b < c.shape.rows; ++b) {
    for (std::int64_t o = 0; o < c.shape.outputs; ++o) {
      Exact sum;
      sum.add(c.bias[static_cast<std::size_t>(o)], 1.0f);
      for (std::int64_t k = 0; k < c.shape.inputs; ++k) {
        sum.add(c.x.row(b)[k], c.weight[static_cast<std::size_t>(o * c.shape.inputs + k)]);
      }
      worst = std::max(worst, sum.error(got.y.row(b)[o], c.shape.inputs + 1));
    }
  }
  return worst;
}

double worst_input(const Case& c, const Result& got) {
  double worst = 0;
  for (std::int64_t b = 0; b < c.shape.rows; ++b) {
    for (std::int64_t k = 0; k < c.shape.inputs; ++k) {
      Exact sum;
      for (std::int64_t o = 0; o < c.shape.outputs; ++o) {
        sum.add(c.dy.row(b)[o], c.weight[static_cast<std::size_t>(o * c.shape.inputs + k)]);
      }
      worst = std::max(worst, sum.error(got.dx.row(b)[k], c.shape.outputs));
    }
  }
  return worst;
}

double worst_weights(const Case& c, const Result& got) {
  double worst = 0;
  for (std::int64_t o = 0; o < c.shape.outputs; ++o) {
    Exact bias;
    for (std::int64_t b = 0; b < c.shape.rows; ++b) bias.add(c.dy.row(b)[o], 1.0f);
    worst = std::max(worst, bias.error(got.dbias[static_cast<std::size_t>(o)], c.shape.rows));
    for (std::int64_t k = 0; k < c.shape.inputs; ++k) {
      Exact sum;
      for (std::int64_t b = 0; b < c.shape.rows; ++b) sum.add(c.dy.row(b)[o], c.x.row(b)[k]);
      worst = std::max(worst, sum.error(got.dw.row(o)[k], c.shape.rows));
    }
  }
  return worst;
}

// Calls f(kernels, isa) on every instruction set.
template <class F>
void on_every_isa(F f) {
  const std::string before = fastgru::active_isa();
  for (const std::string& isa : fastgru::isa_names()) {
    REQUIRE(fastgru::set_active_isa(isa));
    CAPTURE(isa);
    f(fastgru::active_kernels(), isa);
  }
  REQUIRE(fastgru::set_active_isa(before));
}

}  // namespace

TEST_CASE("the dense head's products against double, and nothing written beside them") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const Shape& shape : kShapes) {
      CAPTURE(shape.rows);
      CAPTURE(shape.inputs);
      CAPTURE(shape.outputs);
      const Case c(shape);
      const Result got = run(kernels, c, 1);
      CHECK(worst_forward(c, got) < 1.0);
      CHECK(worst_input(c, got) < 1.0);
      CHECK(worst_weights(c, got) < 1.0);
      CHECK(got.y.guarded());
      CHECK(got.dx.guarded());
      CHECK(got.dw.guarded());
      CHECK(got.dbias.back() == kGuard);
    }
  });
}

TEST_CASE("the dense head's bits are chains of FMAs, on every instruction set that has them") {
  for (const Shape& shape :
       {Shape{9, 65, 37}, Shape{1, 65, 37}, Shape{1, 64, 1}, Shape{2, 17, 3}, Shape{3, 15, 2}}) {
    const Case c(shape);
    // A logit is the sum of four segments of the inputs, a gradient by an input one chain.
    const std::int64_t segment = shape.inputs < 16 ? shape.inputs : (shape.inputs + 3) / 4;
    on_every_isa([&](const KernelTable& kernels, const std::string& isa) {
      if (isa == "baseline") return;  // rounds products before they are added
      const Result got = run(kernels, c, 1);
      bool same = true;
      for (std::int64_t b = 0; b < c.shape.rows; ++b) {
        for (std::int64_t o = 0; o < c.shape.outputs; ++o) {
          float logit = 0, sum = c.bias[static_cast<std::size_t>(o)];
          for (std::int64_t k = 0; k < c.shape.inputs; ++k) {
            if (k > 0 && k % segment == 0) {
              logit = k == segment ? sum : logit + sum;
              sum = 0;
            }
            sum = std::fma(c.x.row(b)[k], c.weight[static_cast<std::size_t>(o * c.shape.inputs + k)], sum);
          }
          sum = c.shape.inputs > segment ? logit + sum : sum;
          same = same && sum == got.y.row(b)[o];
        }
        for (std::int64_t k = 0; k < c.shape.inputs; ++k) {
          float sum = 0;
          for (std::int64_t o = 0; o < c.shape.outputs; ++o) {
            sum = std::fma(c.dy.row(b)[o], c.weight[static_cast<std::size_t>(o * c.shape.inputs + k)], sum);
          }
          same = same && sum == got.dx.row(b)[k];
        }
      }
      CHECK(same);
    });
  }
}

TEST_CASE("the dense head gives the same bits on AVX2 and AVX-512") {
  for (const Shape& shape : kShapes) {
    const Case c(shape);
    std::vector<Result> results;
    on_every_isa([&](const KernelTable& kernels, const std::string& isa) {
      if (isa != "baseline") results.push_back(run(kernels, c, 1));
    });
    for (const Result& result : results) CHECK(result == results.front());
  }
}

TEST_CASE("a row of the dense head has the same bits alone, in part of a batch and in all of it") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const Shape& shape : kShapes) {
      const Case c(shape);
      const Result whole = run(kernels, c, 1);
      for (const std::int64_t some : {std::int64_t{1}, std::int64_t{2}, std::int64_t{5}, std::int64_t{18}}) {
        Result parts(shape);
        for (std::int64_t first = 0; first < shape.rows; first += some) {
          const std::int64_t rows = std::min(some, shape.rows - first);
          forward(kernels, c, first, rows, 1, parts.y);
          backward_input(kernels, c, first, rows, 1, parts.dx);
        }
        CHECK(parts.y == whole.y);
        CHECK(parts.dx == whole.dx);
      }
    }
  });
}

TEST_CASE("the dense head gives the same bits on any number of threads") {
  const Shape shapes[] = {{600, 260, 270}, {20, 300, 5000}, {1200, 130, 290}, {2000, 300, 20}};
  on_every_isa([&](const KernelTable& kernels, const std::string&) {
    for (const Shape& shape : shapes) {
      const Case c(shape);
      const Result one = run(kernels, c, 1);
      for (const int threads : {2, 3, 5}) CHECK(run(kernels, c, threads) == one);
    }
  });
}

TEST_CASE("a gradient of rows is the sum of its blocks") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    const Shape shape{fastgru::kBlockRows + 44, 33, 21};
    const Case c(shape);
    const Result whole = run(kernels, c, 1);
    Case first = c, second = c;
    first.shape.rows = fastgru::kBlockRows;
    second.shape.rows = 44;
    std::copy_n(c.x.row(fastgru::kBlockRows), 44 * c.x.stride - kGap, second.x.row(0));
    std::copy_n(c.dy.row(fastgru::kBlockRows), 44 * c.dy.stride - kGap, second.dy.row(0));
    const Result a = run(kernels, first, 1), b = run(kernels, second, 1);
    bool same = true;
    for (std::int64_t o = 0; o < shape.outputs; ++o) {
      const auto at = static_cast<std::size_t>(o);
      same = same && whole.dbias[at] == a.dbias[at] + b.dbias[at];
      for (std::int64_t k = 0; k < shape.inputs; ++k) {
        same = same && whole.dw.row(o)[k] == a.dw.row(o)[k] + b.dw.row(o)[k];
      }
    }
    CHECK(same);
  });
}

TEST_CASE("the dense head passes on what is not a number, within its row") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    Case c({5, 20, 9});
    c.x.row(2)[4] = std::numeric_limits<float>::quiet_NaN();
    Result got(c.shape);
    forward(kernels, c, 0, 5, 1, got.y);
    for (std::int64_t o = 0; o < 9; ++o) {
      CHECK(std::isnan(got.y.row(2)[o]));
      CHECK(std::isfinite(got.y.row(1)[o]));
      CHECK(std::isfinite(got.y.row(3)[o]));
    }
  });
}
