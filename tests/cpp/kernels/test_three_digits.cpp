// Products on three digits: packed weights and rows say what they stand for, products agree with float64 as
// well as float32 chains do, and a row's bits are those it has alone. With tiles in memory wherever there is
// AVX-512 VNNI, and with AMX where there is that.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gru_case.h"
#include "kernels/dispatch.h"
#include "kernels/pack.h"
#include "runtime/aligned.h"

namespace fastgru {
extern const ThreeDigitTable kThreeDigits_tiles_in_memory;
}

namespace {

using namespace fastgru::testing;
using fastgru::ThreeDigitTable;
using Floats = std::vector<float>;

constexpr std::int64_t kLanes = 16, kBlock = fastgru::kDigitBlock;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

bool runs(const std::string& isa) {
  const std::vector<std::string> names = fastgru::isa_names();
  return std::find(names.begin(), names.end(), isa) != names.end();
}

// f(table) for tiles in memory, and for those of the CPU.
template <class F>
void for_each_table(F f) {
  const std::string before = fastgru::active_isa();
  if (!runs("avx512")) {
    MESSAGE("not run: this machine has no AVX-512");
    return;
  }
  fastgru::set_active_isa("avx512");
  const fastgru::DigitTable* digits = fastgru::active_kernel_set().digits;
  if (digits != nullptr && digits->group == 4) f(fastgru::kThreeDigits_tiles_in_memory);
  if (runs("amx")) {
    fastgru::set_active_isa("amx");
    f(*fastgru::active_kernel_set().three_digits);
  }
  fastgru::set_active_isa(before);
}

// A matrix (gates * units, depth), packed.
struct Matrix {
  std::int64_t units, gates, depth, rotation;
  Floats values;
  fastgru::ThreeDigitMatrix packed;
  fastgru::AlignedBuffer<char> bytes;
  std::vector<std::int32_t> start;
  Floats scale, factor;

  // `values` row by row, or with `columns_first` the transposed matrix.
  Matrix(const ThreeDigitTable& table, std::int64_t n, std::int64_t g, std::int64_t k, Floats of,
         bool columns_first = false, std::int64_t turn = 0)
      : units(n), gates(g), depth(k), rotation(turn), values(std::move(of)) {
    packed.blocks = (depth + kBlock - 1) / kBlock;
    packed.vectors = gates * fastgru::panel_count(units, kLanes);
    REQUIRE(bytes.reserve(packed.vectors * packed.blocks * 3 * fastgru::kDigitTileBytes));
    start.resize(index(packed.vectors * 3 * kLanes));
    scale.resize(index(packed.vectors * kLanes));
    factor.resize(index(packed.blocks * kBlock));
    packed.weights = reinterpret_cast<std::int8_t*>(bytes.data());
    packed.start = start.data();
    packed.scale = scale.data();
    packed.factor = factor.data();
    fastgru::ThreeDigitPackArgs args{};
    args.weight = values.data();
    args.column_stride = columns_first ? 1 : depth;
    args.k_stride = columns_first ? units * gates : 1;
    args.units = units;
    args.gates = gates;
    args.depth = depth;
    args.rotation = rotation;
    args.out = packed;
    table.pack(args);
    if (!columns_first) return;
    Floats rows(values.size());
    for (std::int64_t c = 0; c < units * gates; ++c) {
      for (std::int64_t i = 0; i < depth; ++i)
        rows[index(c * depth + i)] = values[index(i * units * gates + c)];
    }
    values = rows;
  }

  // What the packed digits of number k of a column stand for.
  double packed_value(std::int64_t gate, std::int64_t unit, std::int64_t k) const {
    const std::int64_t vector = unit / kLanes * gates + gate, lane = unit % kLanes;
    const std::int8_t* at = packed.weights +
                            (vector * packed.blocks + k / kBlock) * 3 * fastgru::kDigitTileBytes +
                            k % kBlock / 4 * 64 + lane * 4 + k % 4;
    double m = 0;
    for (int d = 0; d < 3; ++d) m = 256 * m + at[d * fastgru::kDigitTileBytes];
    return m * static_cast<double>(scale[index(vector * kLanes + lane)]) / 65536 *
           static_cast<double>(factor[index(k)]);
  }
  double value(std::int64_t gate, std::int64_t unit, std::int64_t k) const {
    return static_cast<double>(values[index((gate * units + unit) * depth + (k + rotation) % depth)]);
  }
};

// Rows of a matrix in digits.
struct Rows {
  std::int64_t count;
  Floats values, scale;
  fastgru::AlignedBuffer<char> bytes;
  fastgru::ThreeDigitRows digits;

  Rows(const ThreeDigitTable& table, const Matrix& w, std::int64_t n, Floats of)
      : count(n), values(std::move(of)), scale(index(n)) {
    const std::int64_t tiles = (n + 15) / 16, height = (n + tiles - 1) / tiles;
    REQUIRE(bytes.reserve(tiles * w.packed.blocks * 3 * fastgru::kDigitTileBytes));
    fastgru::ThreeDigitSplitArgs args{};
    args.rows = n;
    args.width = w.depth;
    args.height = height;
    args.x = values.data();
    args.x_stride = w.depth;
    args.factor = w.packed.factor;
    args.digits = bytes.data();
    args.scale = scale.data();
    table.split(args);
    digits = {bytes.data(), scale.data(), height};
  }
};

Floats product(const ThreeDigitTable& table, const Matrix& w, const Rows& a, const float* bias,
               const Floats& start, bool exceed = false) {
  Floats out = start;
  fastgru::ThreeDigitProductArgs args{};
  args.vectors.last = w.packed.vectors;
  args.vectors.weights_exceed_l2 = exceed;
  args.rows = a.count;
  args.width = w.units;
  args.a = a.digits;
  args.w = w.packed;
  args.bias = bias;
  args.out = out.data();
  args.out_stride = w.units;
  table.product(args);
  return out;
}

// The largest error of a product against float64, over the largest sum of absolute products.
double product_error(const Matrix& w, const Rows& a, const Floats& got, bool chain = false) {
  double worst = 0, largest = 0;
  for (std::int64_t r = 0; r < a.count; ++r) {
    for (std::int64_t c = 0; c < w.units; ++c) {
      double sum = 0, size = 0;
      float floats = 0;
      for (std::int64_t k = 0; k < w.depth; ++k) {
        const float x = a.values[index(r * w.depth + k)], weight = static_cast<float>(w.value(0, c, k));
        const double term = static_cast<double>(x) * static_cast<double>(weight);
        sum += term;
        size += std::fabs(term);
        floats = std::fma(x, weight, floats);
      }
      const double value = static_cast<double>(chain ? floats : got[index(r * w.units + c)]);
      worst = std::max(worst, std::fabs(value - sum));
      largest = std::max(largest, size);
    }
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("three digits: weights are packed to 24 bits of their column's largest, from either order") {
  for_each_table([](const ThreeDigitTable& table) {
    Random random(5);
    for (const std::int64_t depth : {1, 3, 64, 65, 200}) {
      for (const std::int64_t units : {1, 16, 21}) {
        for (const bool columns_first : {false, true}) {
          CAPTURE(depth);
          CAPTURE(units);
          const Matrix w(table, units, 3, depth, random_vector<float>(random, 3 * units * depth, 0.3),
                         columns_first, columns_first ? depth / 3 : 0);
          double worst = 0;
          for (std::int64_t g = 0; g < 3; ++g) {
            for (std::int64_t unit = 0; unit < units; ++unit) {
              double largest = 0;
              for (std::int64_t k = 0; k < depth; ++k) {
                const double factor = static_cast<double>(w.factor[index(k)]);
                CHECK(std::fabs(w.value(g, unit, k)) <= factor);
                largest = std::max(largest, std::fabs(w.value(g, unit, k)) / factor);
              }
              for (std::int64_t k = 0; k < depth; ++k) {
                const double error = std::fabs(w.packed_value(g, unit, k) - w.value(g, unit, k));
                worst = std::max(worst, error / (largest * static_cast<double>(w.factor[index(k)])));
              }
            }
          }
          CHECK(worst <= std::exp2(-23));
        }
      }
    }
  });
}

TEST_CASE("three digits: a product is as exact as a chain of float32, and has the same bits in any company") {
  for_each_table([](const ThreeDigitTable& table) {
    Random random(6);
    for (const std::int64_t depth : {1, 50, 64, 130, 600}) {
      for (const std::int64_t units : {1, 16, 33, 128}) {
        const double size = 1 / std::sqrt(static_cast<double>(depth));
        const Matrix w(table, units, 1, depth, random_vector<float>(random, units * depth, size));
        const Floats bias = random_vector<float>(random, w.packed.vectors * kLanes, 1);
        const Floats values = random_vector<float>(random, 40 * depth, 1);
        Floats alone;  // row by row, from VNNI
        for (std::int64_t r = 0; r < 40; ++r) {
          const Rows one(table, w, 1, Floats(values.begin() + r * depth, values.begin() + (r + 1) * depth));
          const Floats out = product(table, w, one, bias.data(), Floats(index(units)));
          alone.insert(alone.end(), out.begin(), out.end());
        }
        for (const std::int64_t rows : {2, 7, 15, 16, 17, 32, 33, 40}) {
          CAPTURE(depth);
          CAPTURE(units);
          CAPTURE(rows);
          const Rows some(table, w, rows, Floats(values.begin(), values.begin() + rows * depth));
          const Floats wanted(alone.begin(), alone.begin() + rows * units), zeros(index(rows * units));
          CHECK(product(table, w, some, bias.data(), zeros) == wanted);
          CHECK(product(table, w, some, bias.data(), zeros, true) == wanted);
          const Floats plain = product(table, w, some, nullptr, zeros);
          // One product alone may be 2^-22 of itself away: digits 1 and 2 do not meet.
          const double bound = std::max(1.5 * product_error(w, some, {}, true), 1e-7);
          CHECK(product_error(w, some, plain) <= (depth == 1 ? std::exp2(-22) : bound));
          const Floats added = product(table, w, some, nullptr, plain);
          for (std::size_t i = 0; i < plain.size(); ++i) {
            CHECK(std::fabs(added[i] - 2 * plain[i]) <= 1e-6f * (1 + std::fabs(plain[i])));
          }
        }
      }
    }
  });
}

TEST_CASE("three digits: sizes of any kind keep 24 bits, and what is not finite is said by the row's scale") {
  for_each_table([](const ThreeDigitTable& table) {
    Random random(7);
    constexpr float kInf = std::numeric_limits<float>::infinity();
    for (const double size : {1e-25, 1e-6, 1e6, 1e30}) {
      CAPTURE(size);
      const Matrix w(table, 20, 1, 70, random_vector<float>(random, 20 * 70, 1));
      const Rows a(table, w, 3, random_vector<float>(random, 3 * 70, size));
      CHECK(product_error(w, a, product(table, w, a, nullptr, Floats(60))) <= 1e-7);
      const Matrix scaled(table, 20, 1, 70, random_vector<float>(random, 20 * 70, size));
      const Rows b(table, scaled, 3, random_vector<float>(random, 3 * 70, 1));
      CHECK(product_error(scaled, b, product(table, scaled, b, nullptr, Floats(60))) <= 1e-7);
    }
    // Features of very different sizes, with weights that fit them.
    Floats weights = random_vector<float>(random, 20 * 70, 1), rows = random_vector<float>(random, 3 * 70, 1);
    for (std::int64_t k = 0; k < 70; ++k) {
      const auto size = static_cast<float>(std::exp2(40.0 * random.uniform()));
      for (std::int64_t c = 0; c < 20; ++c) weights[index(c * 70 + k)] *= size;
      for (std::int64_t r = 0; r < 3; ++r) rows[index(r * 70 + k)] /= size;
    }
    const Matrix w(table, 20, 1, 70, weights);
    const Rows a(table, w, 3, rows);
    CHECK(product_error(w, a, product(table, w, a, nullptr, Floats(60))) <= 1e-7);
    for (const float bad : {kInf, -kInf, std::nanf("")}) {
      Floats one = rows;
      one[70 + 3] = bad;
      const Rows c(table, w, 3, one);
      CHECK(c.scale[0] == a.scale[0]);
      CHECK(std::isnan(c.scale[1]));
      CHECK(c.scale[2] == a.scale[2]);
    }
  });
}

#if defined(__x86_64__) && defined(__GNUC__)
TEST_CASE("three digits: a kernel leaves the tiles of its thread unconfigured") {
  const std::string before = fastgru::active_isa();
  if (!fastgru::set_active_isa("amx")) {
    MESSAGE("not run: this machine has no AMX, or the system does not grant it");
    return;
  }
  const ThreeDigitTable& table = *fastgru::active_kernel_set().three_digits;
  fastgru::set_active_isa(before);
  Random random(8);
  const Matrix w(table, 20, 1, 70, random_vector<float>(random, 20 * 70, 1));
  const Rows a(table, w, 9, random_vector<float>(random, 9 * 70, 1));
  product(table, w, a, nullptr, Floats(9 * 20));
  unsigned low = 0, high = 0;  // XGETBV(1): the parts of the state that are in use
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  CHECK((low & (1u << 17)) == 0);  // configuration
  CHECK((low & (1u << 18)) == 0);  // data
}
#endif
