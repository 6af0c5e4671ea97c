// Floats into three digits: rows at every step, weights when they change. Included once, before
// three_digits.inl.

namespace fastgru {
namespace {

// The largest of |x[k]| factor[k]; NaN where one is not finite.
inline float largest_product(const float* x, const float* factor, int64_t width) {
  Vec largest = zero(), bad = zero();
  for (int64_t k = 0; k < width; k += kLanes) {
    const Vec v = mul(load_upto(x + k, width - k), load(factor + k));
    largest = max(max(v, sub(zero(), v)), largest);
    bad = fma(v, zero(), bad);
  }
  return _mm512_reduce_max_ps(largest.v) + _mm512_reduce_add_ps(bad.v);
}

// v rounded to m, whose digits are the three low bytes: with 128 added to each digit the bytes do not borrow
// from each other, and then the 128 are taken off again. A rounded-up last value may be one above the largest
// m; nothing else can be.
inline IntVec digits_of(Vec v) {
  const __m512i offset = _mm512_set1_epi32(0x808080);
  const __m512i m = _mm512_min_epi32(_mm512_cvtps_epi32(v.v), _mm512_set1_epi32(kMostThreeDigits));
  return {_mm512_xor_si512(_mm512_add_epi32(m, offset), offset)};
}

// Four vectors of them, 64 values of k, into the bytes of their three digits.
FASTGRU_INLINE void store_three_digits(const IntVec (&m)[4], Digit* to) {
  // within 16 bytes: the four values' lowest bytes, the middle ones, the highest
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m512i v[4];
  for_each_of<4>([&](int i) { v[i] = _mm512_shuffle_epi8(m[i].v, order); });
  // dwords: digit 2 of eight groups of four values, then digit 1
  const __m512i low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i high = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 2, 6, 10, 14, 18, 22, 26, 30);
  const __m512i first = _mm512_permutex2var_epi32(v[0], low, v[1]);
  const __m512i second = _mm512_permutex2var_epi32(v[2], low, v[3]);
  const __m512i top = _mm512_permutex2var_epi32(v[0], high, v[1]);
  const __m512i top_second = _mm512_permutex2var_epi32(v[2], high, v[3]);
  _mm512_storeu_si512(to, _mm512_shuffle_i64x2(top, top_second, 0x44));
  _mm512_storeu_si512(to + kDigitTileBytes, _mm512_shuffle_i64x2(first, second, 0xee));
  _mm512_storeu_si512(to + 2 * kDigitTileBytes, _mm512_shuffle_i64x2(first, second, 0x44));
}

// For a row's largest value, finite and not negative: the factor has 16 significant bits and is rounded down,
// so that no m becomes too large and the scale is its inverse to half a unit. Rows below 1e-31 count as
// 1e-31: both numbers stay normal. A power of two would leave up to a bit unused (gradients 1.5 times as far
// from float64).
inline RowScale exact_row_scale(float largest) {
  const float least = 0x1p-103f;
  float factor = kMostThreeDigits / (largest > least ? largest : least);
  uint32_t bits;
  memcpy(&bits, &factor, sizeof bits);
  bits &= ~0xffu;
  memcpy(&factor, &bits, sizeof factor);
  return {1.0f / factor, factor};
}

void three_digit_split(const ThreeDigitSplitArgs& a) {
  const int64_t blocks = (a.width + kDigitBlock - 1) / kDigitBlock;
  for (int64_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + row * a.x_stride;
    const float largest = largest_product(x, a.factor, a.width);
    const RowScale s = exact_row_scale(largest);
    a.scale[row] = largest == largest ? s.scale : largest;
    Digit* to = reinterpret_cast<Digit*>(a.digits) +
                row / a.height * blocks * kThreeDigits * kDigitTileBytes + row % a.height * kDigitBlock;
    for (int64_t k = 0; k < a.width; k += kDigitBlock, to += kThreeDigits * kDigitTileBytes) {
      IntVec m[4];
      for_each_of<4>([&](int i) {
        const int64_t at = k + i * kLanes, left = a.width - at;
        const Vec v =
            left > 0 ? mul(mul(load_upto(x + at, left), load(a.factor + at)), set1(s.factor)) : zero();
        m[i] = digits_of(v);
      });
      store_three_digits(m, to);
    }
  }
}

// A power of two that is not below x, normal and at most 2^127; 1 for 0 and what is not a number.
inline float power_not_below(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  uint32_t exponent = (bits + 0x7fffffu) >> 23;
  if (exponent == 0) exponent = 127;
  if (exponent > 254) exponent = 254;
  bits = exponent << 23;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// One vector of 16 columns as values [k][16].
class Columns16 {
 public:
  Columns16(const ThreeDigitPackArgs& a, int64_t vector) : a_(a) {
    const int64_t unit = vector / a.gates * kLanes, gate = vector % a.gates;
    from_ = a.weight + (gate * a.units + unit) * a.column_stride;
    const int64_t left = a.units - unit;
    mask_ = lane_mask(static_cast<int>(left < kLanes ? left : kLanes));
    lanes_ = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                _mm512_set1_epi32(static_cast<int>(a.column_stride)));
  }
  // Of packed number k, over its factor.
  Vec at(int64_t k) const {
    int64_t source = k + a_.rotation;
    if (source >= a_.depth) source -= a_.depth;
    const float* from = from_ + source * a_.k_stride;
    const __m512 w = a_.column_stride == 1
                         ? _mm512_maskz_loadu_ps(mask_, from)
                         : _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask_, lanes_, from, 4);
    return div({w}, set1(a_.out.factor[k]));
  }

 private:
  const ThreeDigitPackArgs& a_;
  const float* from_;
  __mmask16 mask_;
  __m512i lanes_;
};

// factor[k]: a power of two that is not below the largest weight of k.
inline void pack_factors(const ThreeDigitPackArgs& a) {
  const int64_t columns = a.units * a.gates;
  for (int64_t k = 0; k < a.out.blocks * kDigitBlock; ++k) a.out.factor[k] = 1;
  for (int64_t k = 0; k < a.depth; ++k) {
    int64_t source = k + a.rotation;
    if (source >= a.depth) source -= a.depth;
    const float* from = a.weight + source * a.k_stride;
    float most = 0;
    if (a.column_stride == 1) {
      most = largest_of(from, columns);
    } else {
      for (int64_t c = 0; c < columns; ++c) {
        const float size = __builtin_fabsf(from[c * a.column_stride]);
        most = size > most ? size : most;
      }
    }
    a.out.factor[k] = power_not_below(most);
  }
}

// Scales have 16 significant bits: a quotient is rounded once.
inline Vec column_scales(Vec largest) {
  const Vec scale = div(largest, set1(static_cast<float>(kMostThreeDigits)));
  const __m512i bits = _mm512_add_epi32(_mm512_castps_si512(scale.v), _mm512_set1_epi32(0xff));
  return {_mm512_castsi512_ps(_mm512_andnot_si512(_mm512_set1_epi32(0xff), bits))};
}

// The digits of values [k, k + 4) of a vector's columns, a line of 64 bytes for each digit.
FASTGRU_INLINE void pack_lines(const Columns16& columns, int64_t k, int64_t depth, Vec divisor,
                               __m512i (&lines)[kThreeDigits]) {
  for_each_of<kThreeDigits>([&](int d) { lines[d] = _mm512_setzero_si512(); });
  for (int64_t i = 0; i < 4 && k + i < depth; ++i) {
    const IntVec m = digits_of(div(columns.at(k + i), divisor));
    const __m128i to_byte = _mm_cvtsi64_si128(8 * i);
    for_each_of<kThreeDigits>([&](int d) {
      const __m512i digit = _mm512_srli_epi32(m.v, static_cast<unsigned>(16 - 8 * d));
      const __m512i byte = _mm512_and_si512(digit, _mm512_set1_epi32(0xff));
      lines[d] = _mm512_or_si512(lines[d], _mm512_sll_epi32(byte, to_byte));
    });
  }
}

inline void pack_vector(const ThreeDigitPackArgs& a, int64_t vector) {
  const Columns16 columns(a, vector);
  Vec largest = zero();
  for (int64_t k = 0; k < a.depth; ++k) {
    const Vec w = columns.at(k);
    largest = max(max(w, sub(zero(), w)), largest);
  }
  const Vec scale = column_scales(largest);
  const Vec divisor = max(scale, set1(1e-30f));  // a column of zeros
  __m512i totals[kThreeDigits] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  int8_t* to = a.out.weights + vector * a.out.blocks * kThreeDigits * kDigitTileBytes;
  for (int64_t block = 0; block < a.out.blocks; ++block, to += kThreeDigits * kDigitTileBytes) {
    for (int64_t k = 0; k < kDigitBlock; k += 4) {
      __m512i lines[kThreeDigits];
      pack_lines(columns, block * kDigitBlock + k, a.depth, divisor, lines);
      for_each_of<kThreeDigits>([&](int d) {
        totals[d] = _mm512_dpbusd_epi32(totals[d], _mm512_set1_epi8(1), lines[d]);
        _mm512_storeu_si512(to + d * kDigitTileBytes + k * kLanes, lines[d]);
      });
    }
  }
  store(a.out.scale + vector * kLanes, mul(scale, set1(65536.0f)));
  // Class c holds the products of the row's digits with the weights' digits 0 to c.
  __m512i sum = _mm512_setzero_si512();
  for_each_of<kThreeDigits>([&](int c) {
    sum = _mm512_add_epi32(sum, totals[c]);
    _mm512_storeu_si512(a.out.start + (vector * kThreeDigits + c) * kLanes,
                        _mm512_mullo_epi32(sum, _mm512_set1_epi32(-128)));
  });
}

void three_digit_pack(const ThreeDigitPackArgs& a) {
  pack_factors(a);
  for (int64_t vector = 0; vector < a.out.vectors; ++vector) pack_vector(a, vector);
}

}  // namespace
}  // namespace fastgru
