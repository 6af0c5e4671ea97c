// Weight gradients in three digits: with tiles in memory, and on AMX where there is one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "gru_case.h"
#include "runs_vnni.h"
#include "runtime/aligned.h"
#include "runtime/denormals.h"

namespace fastgru {
extern const OuterKernel kOuterDigits_tiles_in_memory;
}

namespace {

using namespace fastgru::testing;
using fastgru::kBlockRows;
using fastgru::OuterKernel;
using Floats = std::vector<float>;

constexpr std::int64_t kLanes = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::int64_t padded(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Part 0: `second` with columns [first, last) of `tape`. Part 1: the tape's first columns with [from, to).
struct Operands {
  std::int64_t rows, width, depth, zeros;  // the first `zeros` rows of the second operand are null
  std::int64_t first, last, from, to, self;
  Floats tape, second;

  Operands(std::int64_t row_count, std::int64_t columns, std::int64_t d, std::int64_t null_rows = 0)
      : rows(row_count), width(columns), depth(d), zeros(null_rows), first(0), last(columns) {
    from = width / 3;
    to = width - width / 4;
    self = std::min<std::int64_t>(width, 19);
    Random random(31);
    tape = random_vector<float>(random, rows * a_stride());
    second = random_vector<float>(random, rows * b_stride());
  }
  std::int64_t a_stride() const { return width + 3; }
  std::int64_t b_stride() const { return depth + 1; }
  float& a(std::int64_t row, std::int64_t i) { return tape[static_cast<std::size_t>(row * a_stride() + i)]; }
  float& b(std::int64_t row, std::int64_t j) {
    return second[static_cast<std::size_t>(row * b_stride() + j)];
  }
  double a(std::int64_t row, std::int64_t i) const {
    return static_cast<double>(tape[static_cast<std::size_t>(row * a_stride() + i)]);
  }
  double b(std::int64_t row, std::int64_t j) const {
    return row < zeros ? 0 : static_cast<double>(second[static_cast<std::size_t>(row * b_stride() + j)]);
  }
};

// Runs of `piece` rows at most, cut at null rows and blocks.
struct Runs {
  std::vector<fastgru::RowRun> runs;
  std::vector<std::int64_t> ends;

  Runs(const Operands& o, std::int64_t piece) {
    for (std::int64_t row = 0; row < o.rows;) {
      std::int64_t end = std::min({row + piece, o.rows, (row / kBlockRows + 1) * kBlockRows});
      if (row < o.zeros) end = std::min(end, o.zeros);
      fastgru::RowRun run{};
      run.a = o.tape.data() + row * o.a_stride();
      run.a_stride = o.a_stride();
      run.rows = end - row;
      run.b[0] = row < o.zeros ? nullptr : o.second.data() + row * o.b_stride();
      run.b_stride[0] = o.b_stride();
      run.b[1] = run.a;
      run.b_stride[1] = run.a_stride;
      runs.push_back(run);
      if (end % kBlockRows == 0 || end == o.rows) ends.push_back(static_cast<std::int64_t>(runs.size()));
      row = end;
    }
  }
};

// out[j][i] of both parts and the columns' sums, for the tape's columns [first, last).
struct Sums {
  std::int64_t first, last, stride;
  Floats part[2], columns;
  float at(int p, std::int64_t i, std::int64_t j) const {
    return part[p][static_cast<std::size_t>(j * stride + i - first)];
  }
};

Sums sums_of(OuterKernel outer, const Operands& o, const Runs& rows, std::int64_t first, std::int64_t last) {
  const std::int64_t stride = padded(last - first), depths[2] = {o.depth, o.self};
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  Sums sums{first, last, stride, {}, Floats(size(stride), 0.0f)};
  fastgru::AlignedBuffer<float> pack_a, packs[2];
  REQUIRE(pack_a.reserve(kBlockRows * fastgru::kDigitVectors * kLanes));
  fastgru::OuterArgs args{};
  args.runs = rows.runs.data();
  args.block_ends = rows.ends.data();
  args.last_block = static_cast<std::int64_t>(rows.ends.size());
  args.first = first;
  args.last = last;
  args.width = o.width;
  args.sums = sums.columns.data();
  args.out_stride = stride;
  args.pack_a = pack_a.data();
  for (int p = 0; p < 2; ++p) {
    REQUIRE(packs[p].reserve(kBlockRows * padded(depths[p])));
    sums.part[p].assign(size(stride * depths[p]), 0.0f);
    args.parts[p] = {p == 0 ? o.first : o.from, p == 0 ? o.last : o.to, depths[p], sums.part[p].data(),
                     packs[p].data()};
  }
  outer(args);
  return sums;
}

// Calls f(kernel) with tiles in memory and with AMX.
template <class F>
void for_each_kernel(F f) {
  if (!runs_vnni()) {
    MESSAGE("not run: this machine has no AVX-512 VNNI");
    return;
  }
  const fastgru::FlushDenormals flush;
  f(fastgru::kOuterDigits_tiles_in_memory);
  if (amx_outer_digits() != nullptr) f(amx_outer_digits());
}

double product(const Operands& o, int part, std::int64_t i, std::int64_t j) {
  double sum = 0;
  for (std::int64_t row = 0; row < o.rows; ++row)
    sum += o.a(row, i) * (part == 0 ? o.b(row, j) : o.a(row, j));
  return sum;
}

// The largest error of each part, in units of what its columns could sum to.
double worst_error(const Operands& o, const Sums& sums) {
  double worst = 0;
  for (int p = 0; p < 2; ++p) {
    for (std::int64_t i = std::max(sums.first, p == 0 ? o.first : o.from);
         i < std::min(sums.last, p == 0 ? o.last : o.to); ++i) {
      for (std::int64_t j = 0; j < (p == 0 ? o.depth : o.self); ++j) {
        const double off = std::fabs(static_cast<double>(sums.at(p, i, j)) - product(o, p, i, j));
        if (!(off <= worst)) worst = off;
      }
    }
  }
  return worst;
}

OuterKernel float_outer() {
  const std::string before = fastgru::active_isa();
  fastgru::set_active_isa("avx512");
  const OuterKernel outer = fastgru::active_kernels().outer;
  fastgru::set_active_isa(before);
  return outer;
}

}  // namespace

TEST_CASE("outer in digits: against float64 for odd widths, depths and numbers of rows") {
  for_each_kernel([](OuterKernel outer) {
    for (const std::int64_t rows : {1, 5, 63, 64, 65, 256, 257, 700}) {
      for (const std::int64_t width : {1, 17, 50, 145}) {
        for (const std::int64_t depth : {1, 9, 16, 20}) {
          for (const std::int64_t zeros : {std::int64_t{0}, rows / 3, rows}) {
            CAPTURE(rows);
            CAPTURE(width);
            CAPTURE(depth);
            CAPTURE(zeros);
            const Operands o(rows, width, depth, zeros);
            const Sums sums = sums_of(outer, o, Runs(o, 9), 0, width);
            CHECK(worst_error(o, sums) <= 6e-8 * 16 * std::sqrt(static_cast<double>(rows)));
          }
        }
      }
    }
  });
}

TEST_CASE("outer in digits: the error is no larger than that of floats") {
  for_each_kernel([](OuterKernel outer) {
    const Operands o(2000, 70, 40);
    const Runs rows(o, 100);
    CHECK(worst_error(o, sums_of(outer, o, rows, 0, 70)) <=
          worst_error(o, sums_of(float_outer(), o, rows, 0, 70)));
  });
}

TEST_CASE("outer in digits: columns' sums have the bits of the kernel in floats") {
  for_each_kernel([](OuterKernel outer) {
    const Operands o(600, 150, 7, 40);
    const Sums digits = sums_of(outer, o, Runs(o, 50), 0, 150),
               floats = sums_of(float_outer(), o, Runs(o, 50), 0, 150);
    for (std::size_t i = 0; i < 150; ++i) CHECK(digits.columns[i] == floats.columns[i]);
  });
}

TEST_CASE("outer in digits: the same bits whatever the pieces of rows and columns, and on AMX") {
  const Operands o(600, 16 * 17 + 5, 35, 200);
  if (!runs_vnni()) {
    MESSAGE("not run: this machine has no AVX-512 VNNI");
    return;
  }
  const Sums whole = sums_of(fastgru::kOuterDigits_tiles_in_memory, o, Runs(o, 600), 0, o.width);
  std::int64_t different = 0;
  const auto compare = [&](const Sums& piece) {
    for (std::int64_t i = piece.first; i < piece.last; ++i) {
      for (std::int64_t j = 0; j < o.depth; ++j) different += piece.at(0, i, j) != whole.at(0, i, j);
      for (std::int64_t j = 0; j < o.self && o.from <= i && i < o.to; ++j) {
        different += piece.at(1, i, j) != whole.at(1, i, j);
      }
    }
  };
  for_each_kernel([&](OuterKernel outer) {
    for (const std::int64_t rows : {1, 7, 50, 256}) compare(sums_of(outer, o, Runs(o, rows), 0, o.width));
    for (const std::int64_t columns : {16, 48, 160}) {
      for (std::int64_t first = 0; first < o.width; first += columns) {
        compare(sums_of(outer, o, Runs(o, 600), first, std::min(first + columns, o.width)));
      }
    }
  });
  CHECK(different == 0);
}

TEST_CASE("outer in digits: columns of any scale are as exact as others") {
  for_each_kernel([](OuterKernel outer) {
    for (const float scale : {1e-36f, 1e-20f, 1e-6f, 1.0f, 1e6f, 1e20f, 1e36f}) {
      CAPTURE(scale);
      const Operands plain(300, 40, 20);
      Operands o = plain;
      const float inverse = 1.0f / scale;
      for (std::int64_t row = 0; row < o.rows; ++row) {
        // Of 40 columns one in three, of 20 one in two: so all pairs of scales meet.
        for (std::int64_t i = 0; i < 40; i += 3) o.a(row, i) *= scale;
        for (std::int64_t j = 0; j < 20; j += 2) o.b(row, j) *= inverse;
      }
      const Sums sums = sums_of(outer, o, Runs(o, 300), 0, 40);
      for (std::int64_t i = 0; i < 40; ++i) {
        for (std::int64_t j = 0; j < 20; ++j) {
          const double of_a = i % 3 == 0 ? static_cast<double>(scale) : 1,
                       of_b = j % 2 == 0 ? static_cast<double>(inverse) : 1;
          const double off = std::fabs(static_cast<double>(sums.at(0, i, j)) - product(o, 0, i, j));
          const double least = 2 * static_cast<double>(std::numeric_limits<float>::min());
          CHECK(off <= of_a * of_b * 2e-5 + least);
        }
      }
    }
  });
}

TEST_CASE("outer in digits: the largest float, and values at the edges of three digits") {
  for_each_kernel([](OuterKernel outer) {
    // 8355711 is the largest number of three digits; the others need a step less, or halve a rounding.
    for (const float value : {8355711.0f, 8355712.0f, 8388607.0f, 8388608.0f, 4177855.5f,
                              std::numeric_limits<float>::max(), std::numeric_limits<float>::min()}) {
      Operands o(70, 5, 3);
      std::fill(o.tape.begin(), o.tape.end(), value);
      std::fill(o.second.begin(), o.second.end(), -0.0078125f);
      const Sums sums = sums_of(outer, o, Runs(o, 70), 0, 5);
      const double wanted = product(o, 0, 0, 0),
                   least = static_cast<double>(std::numeric_limits<float>::min());
      CHECK(std::fabs(static_cast<double>(sums.at(0, 4, 2)) - wanted) <= std::fabs(wanted) * 2.5e-7 + least);
    }
  });
}

TEST_CASE("outer in digits: a value that is not finite spoils the sums of its column alone") {
  for_each_kernel([](OuterKernel outer) {
    for (const float bad : {kInfinity, -kInfinity, kNaN}) {
      const Operands plain(300, 40, 20);
      const Sums clean = sums_of(outer, plain, Runs(plain, 300), 0, 40);
      Operands o = plain;
      o.a(17, 5) = bad;
      o.b(299, 18) = bad;
      const Sums sums = sums_of(outer, o, Runs(o, 300), 0, 40);
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < 40; ++i) {
        for (std::int64_t j = 0; j < 20; ++j) {
          const float got = sums.at(0, i, j);
          wrong += i == 5 || j == 18 ? !std::isnan(got) : got != clean.at(0, i, j);
        }
      }
      CHECK(wrong == 0);
    }
  });
}
