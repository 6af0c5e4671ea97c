// The kernels on digits (see digit_table.h). Included once per ISA, after its vec_<isa>.h and dot_<isa>.h.

#include <string.h>

#include "simd/math.inl"
#include "kernels/tiles.inl"
#include "kernels/cell_parts.inl"

namespace fastgru {
namespace {

// A row's scale, and the factor from values to m.
struct RowScale {
  float scale, factor;
};

// For the least power of two that is not below x: x finite and not negative. `most` is the largest m.
// Both numbers are normal for every x: the power stays above 2^-112, and the two are made without it, as it
// may be 2^128.
inline RowScale row_scale(float x, float most) {
  constexpr uint32_t kShift = 15;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t exponent = (bits + 0x7fffffu) >> 23;  // rounded up
  if (exponent <= kShift) exponent = kShift + 1;
  const uint32_t up = (exponent - kShift) << 23, down = (254 + kShift - exponent) << 23;
  float power, inverse;  // times 2^-15, and 2^15
  memcpy(&power, &up, sizeof power);
  memcpy(&inverse, &down, sizeof inverse);
  return {power * (32768.0f / most), inverse * (most / 32768.0f)};
}

// The largest absolute value of a row; NaN where one is not finite.
inline float largest_of(const float* x, int64_t width) {
  Vec largest = zero(), bad = zero();
  for (int64_t k = 0; k < width; k += kLanes) {
    const Vec v = load_upto(x + k, width - k);
    largest = max(max(v, sub(zero(), v)), largest);
    bad = fma(v, zero(), bad);
  }
  float lanes[2][kLanes];
  store(lanes[0], largest);
  store(lanes[1], bad);
  float most = 0, nan = 0;
  for (int i = 0; i < kLanes; ++i) {
    most = lanes[0][i] > most ? lanes[0][i] : most;
    nan += lanes[1][i];
  }
  return most + nan;
}

template <int D>
FASTGRU_INLINE void split_row(const SplitArgs& a, int64_t row) {
  constexpr float kMost = D == 1 ? kMostOneDigit : kMostTwoDigits;
  const float* x = a.x + row * a.x_stride;
  const float largest = largest_of(x, a.width);
  const RowScale s = row_scale(largest > a.least ? largest : a.least, kMost);
  a.scale[row] = largest == largest ? s.scale : largest;
  Digit* first = reinterpret_cast<Digit*>(a.out + row * a.out_stride);
  Digit* second = first + padded(a.width);
  for (int64_t k = 0; k < a.width; k += kLanes) {
    const Vec v = mul(load_upto(x + k, a.width - k), set1(s.factor));
    const IntVec m = round_to_int(clamp(v, -kMost, kMost));
    if constexpr (D == 1) {
      store_digits(first + k, m);
    } else {  // the second digit is the low byte of m as a signed number
      store_digits(first + k, first_digit(m));
      store_digits(second + k, m);
    }
  }
}

void split(const SplitArgs& a) {
  for (int64_t row = 0; row < a.rows; ++row) {
    if (a.digits == 1) {
      split_row<1>(a, row);
    } else {
      split_row<2>(a, row);
    }
  }
}

// The float that the sums of one or two weight classes stand for.
template <int Classes>
FASTGRU_INLINE Vec joined(IntVec first, IntVec second) {
  if constexpr (Classes == 1) return to_float(first);
  return fma(to_float(first), set1(256.0f), to_float(second));
}

// The sums of R rows and the three gates of a panel, joined: A digits a row, W digits a weight. Kept in
// memory: so the end of a step is compiled once for all R.
template <int A, int W>
struct DigitTile {
  static constexpr int kClasses = A == 1 && W == 1 ? 1 : 2;
  static constexpr int kRows = kDigitRows / kClasses;

  template <int R>
  static void run(const DigitRows& rows, int64_t row, int64_t digit_stride, const DigitMatrix& w,
                  int64_t panel, float* sums) {
    IntVec acc[R][kGates * kClasses];
    for_each_of<R>([&](int r) {
      for_each_of<kGates * kClasses>(
          [&](int c) { acc[r][c] = load_ints(w.start + (panel * kGates * kClasses + c) * kLanes); });
    });
    const int8_t* weights = w.weights + panel * w.depth * kGates * W * kLanes;
    const char* first = rows.digits + row * rows.stride;
    for (int64_t k = 0; k < w.used; k += kGroup, weights += kGates * W * kLanes * kGroup) {
      decltype(load_weights(weights)) b[kGates * W];
      for_each_of<kGates * W>([&](int i) { b[i] = load_weights(weights + i * kLanes * kGroup); });
      for_each_of<R>([&](int r) {
        for_each_of<A>([&](int i) {
          const Digit* digits = reinterpret_cast<const Digit*>(first + r * rows.stride) + i * digit_stride;
          const auto a = broadcast(digits + k);
          for_each_of<kGates * W>([&](int c) {
            const int g = c / W, j = c % W;
            if (i + j < kClasses) acc[r][g * kClasses + i + j] = dot(acc[r][g * kClasses + i + j], a, b[c]);
          });
        });
      });
    }
    for_each_of<R>([&](int r) {
      for_each_of<kGates>([&](int g) {
        const IntVec(&classes)[kGates * kClasses] = acc[r];
        const Vec sum = joined<kClasses>(classes[g * kClasses], classes[g * kClasses + kClasses - 1]);
        store(sums + (r * kGates + g) * kLanes, sum);
      });
    });
  }
};

// Rows of sums of one tile at most.
constexpr int kSumRows = DigitTile<1, 1>::kRows;

// f(row, rows, panel, sums) for every tile.
template <class Tile, class F>
FASTGRU_INLINE void digit_tiles(const PanelRange& panels, int64_t rows, const DigitRows& a,
                                const DigitMatrix& w, int64_t digit_stride, F f) {
  float sums[kSumRows * kGates * kLanes];
  for_panels(panels, one_at_once, [&](int64_t panel, int64_t) {
    for_even_parts(rows, Tile::kRows, [&](int64_t row, int64_t some) {
      with_rows<Tile, Tile::kRows>(some, a, row, digit_stride, w, panel, static_cast<float*>(sums));
      f(row, some, panel, sums);
    });
  });
}

FASTGRU_NO_INLINE void store_input(const DigitInputArgs& a, int64_t row, int64_t rows, int64_t panel,
                                   const float* sums) {
  for (int64_t i = 0; i < rows; ++i) {
    const Vec scale = set1(a.a.scale[row + i]);
    float* out = a.gx + (row + i) * a.gx_stride + panel * kGates * kLanes;
    for_each_of<kGates>([&](int g) {
      const Vec both = mul(scale, load(a.w.scale + (panel * kGates + g) * kLanes));
      const Vec bias = load(a.bias + (panel * 4 + g) * kLanes);
      store(out + g * kLanes, fma(load(sums + (i * kGates + g) * kLanes), both, bias));
    });
  }
}

void digit_input(const DigitInputArgs& a) {
  using Tile = DigitTile<2, 1>;
  digit_tiles<Tile>(a.panels, a.rows, a.a, a.w, padded(a.width),
                    [&](int64_t row, int64_t rows, int64_t panel, const float* sums) {
                      store_input(a, row, rows, panel, sums);
                    });
}

// The new states of N rows of a panel from their sums. Columns are always loaded and stored with a mask: a
// second copy for full panels would double the code and saves nothing that shows.
template <int N>
FASTGRU_INLINE void digit_epilogue(const DigitCellArgs& a, int64_t row, int64_t panel, const float* sums) {
  const Columns c = panel_columns(panel, a.hidden);
  Vec gate[kGates][N], n[N];
  for_each_of<kGates>([&](int g) {
    const Vec column = load(a.u.scale + (panel * kGates + g) * kLanes);
    for_each_of<N>([&](int i) {
      const float* gx = a.gx + (row + i) * a.gx_stride + (panel * kGates + g) * kLanes;
      const Vec start = g == 2 ? load(a.bias + (panel * 4 + 3) * kLanes) : load(gx);
      if (g == 2) n[i] = load(gx);
      gate[g][i] = fma(load(sums + (i * kGates + g) * kLanes), mul(set1(a.a.scale[row + i]), column), start);
    });
  });
  gates(gate[0], gate[1], gate[2], n, [&](int slot, const Vec(&v)[N]) {
    if (a.slots == nullptr) return;
    for_each_of<N>([&](int i) {
      store_columns<false>(a.slots + (row + i) * a.slots_stride + slot * a.hidden, c, v[i]);
    });
  });
  for_each_of<N>([&](int i) {
    const Vec h = load_columns<false>(a.h_prev + (row + i) * a.h_prev_stride, c);
    store_columns<false>(a.h + (row + i) * a.h_stride, c, fma(gate[1][i], sub(h, n[i]), n[i]));
  });
}

FASTGRU_NO_INLINE void digit_epilogues(const DigitCellArgs& a, int64_t row, int64_t rows, int64_t panel,
                                       const float* sums) {
  int64_t i = 0;
  for (; i + kDigitRows <= rows; i += kDigitRows) {
    digit_epilogue<kDigitRows>(a, row + i, panel, sums + i * kGates * kLanes);
  }
  for (; i + kDigitRows / 2 <= rows; i += kDigitRows / 2) {
    digit_epilogue<kDigitRows / 2>(a, row + i, panel, sums + i * kGates * kLanes);
  }
  if constexpr (kDigitRows > 2) {
    for (; i < rows; ++i) digit_epilogue<1>(a, row + i, panel, sums + i * kGates * kLanes);
  }
}

template <int D>
void digit_cell(const DigitCellArgs& a) {
  digit_tiles<DigitTile<D, D>>(a.panels, a.rows, a.a, a.u, padded(a.hidden),
                               [&](int64_t row, int64_t rows, int64_t panel, const float* sums) {
                                 digit_epilogues(a, row, rows, panel, sums);
                               });
}

constexpr DigitTable make_digit_table(const char* name) {
  return {name,    kLanes, kGroup, kGroup,      kDigitRows,    static_cast<int>(sizeof(Digit)),
          kOffset, kFast,  split,  digit_input, digit_cell<1>, digit_cell<2>};
}

}  // namespace
}  // namespace fastgru
