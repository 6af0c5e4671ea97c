// Weight gradients (outer.inl) in three digits, with AMX. Included once, after digits.inl, columns_avx512.h
// and the definition of Tiles (digits_amx.inl), which has one function more:
//   dot_signed<C, A, B>()             C += A B: signed bytes, summed in int32
//
// In a block of rows a column has one exponent e, from its largest value: v = m 2^e, m rounded to a whole
// number of three signed bytes, |m| < 2^23. These are its digits, the highest first. Digit i of one operand
// meets digit j of the other in class i + j. Classes 0 to 3 are summed exactly, then joined in float. Class
// 4, the last digits alone, is far below the rounding of m; without class 3 the error is 2.4 times as large,
// more than that of floats.
//
// A column with a value that is not finite has the exponent NaN, which makes all its sums NaN, and no others.

namespace fastgru {
namespace {

constexpr int kValueDigits = 3;
constexpr int kClasses = 4;
constexpr int64_t kTileDepth = 64;                   // rows of both operands that one instruction takes
constexpr int64_t kTileBytes = kTileDepth * kLanes;  // of 16 columns, one digit
constexpr int64_t kDepthBytes = kTileBytes * kValueDigits;
constexpr int64_t kTileSums = kLanes * kLanes;
constexpr int64_t kMeasuredRows = 8;

// One operand's rows in a block. Null: zeros, as the rows are that fill up the last tile.
struct OperandRows {
  int64_t count = 0;
  const float* row[kBlockRows] = {};

  int64_t tiles() const { return (count + kTileDepth - 1) / kTileDepth; }
  int64_t vector_bytes() const { return tiles() * kDepthBytes; }
};

inline OperandRows first_rows(const RowRun* run, const RowRun* end) {
  OperandRows rows;
  for (; run != end; ++run) {
    for (int64_t i = 0; i < run->rows; ++i) rows.row[rows.count++] = run->a + i * run->a_stride;
  }
  return rows;
}

inline OperandRows second_rows(const RowRun* run, const RowRun* end, int part) {
  OperandRows rows;
  for (; run != end; ++run) {
    const float* b = run->b[part];
    for (int64_t i = 0; i < run->rows; ++i) {
      rows.row[rows.count++] = b == nullptr ? nullptr : b + i * run->b_stride[part];
    }
  }
  return rows;
}

// What one pass over a few vectors of columns finds: the columns' exponents (on the way, the bits of their
// largest values), and the rows' sums.
struct ColumnScales {
  alignas(64) float exponents[kDigitVectors * kLanes];
  float sums[kDigitVectors * kLanes];
};

template <bool Sums, int R>
FASTGRU_INLINE void measure_rows(const float* const* rows, int64_t column, int64_t width, ColumnScales& to) {
  for (int64_t j = 0; j < width; j += kLanes) {
    IntVec most = load_bits(to.exponents + j);
    Vec sum = load(to.sums + j);
    for_each_of<R>([&](int r) {
      if (!Sums && rows[r] == nullptr) return;
      const Vec v = load_upto(rows[r] + column + j, width - j);
      most = larger_bits(most, v);
      if (Sums) sum = add(sum, v);
    });
    store_bits(to.exponents + j, most);
    store(to.sums + j, sum);
  }
}

// Row by row: down a column, rows far apart are new pages, and no prefetcher helps (packing took twice as
// long).
template <bool Sums>
inline void measure(const OperandRows& rows, int64_t column, int64_t width, ColumnScales& to) {
  for (int64_t j = 0; j < width; j += kLanes) {
    store_bits(to.exponents + j, zero_ints());
    store(to.sums + j, zero());
  }
  int64_t i = 0;
  for (; i + kMeasuredRows <= rows.count; i += kMeasuredRows) {
    measure_rows<Sums, kMeasuredRows>(rows.row + i, column, width, to);
  }
  for (; i < rows.count; ++i) measure_rows<Sums, 1>(rows.row + i, column, width, to);
  for (int64_t j = 0; j < width; j += kLanes) {
    store(to.exponents + j, column_exponents(load_bits(to.exponents + j)));
  }
}

// A vector of columns, of which `valid` are there, into digits: [tile][digit][row / 4][column][row % 4].
inline void split_columns(const OperandRows& rows, int64_t column, int64_t valid, Vec exponent, char* to) {
  const Vec up = sub(zero(), exponent);
  const int columns = static_cast<int>(valid < kLanes ? valid : kLanes);
  const auto number = [&](const float* row) {
    return row == nullptr ? zero_ints() : round_to_int(scaled(load_n(row + column, columns), up));
  };
  for (int64_t tile = 0; tile < rows.tiles(); ++tile, to += kDepthBytes) {
    const float* const* from = rows.row + tile * kTileDepth;
    for (int64_t row = 0; row < kTileDepth; row += 4) {
      IntVec m[4], lines[kValueDigits];
      for_each_of<4>([&](int i) { m[i] = number(from[row + i]); });
      split_four_rows(m, lines);
      for_each_of<kValueDigits>([&](int d) { store_bits(to + d * kTileBytes + row * kLanes, lines[d]); });
    }
  }
}

// A packed operand: of each vector of columns tiles of three digits, and the columns' exponents.
struct PackedColumns {
  const char* digits = nullptr;
  const float* exponents = nullptr;
};

// f(column, width) for at most kDigitVectors vectors of columns at a time.
template <class F>
FASTGRU_INLINE void for_groups(int64_t first, int64_t last, F f) {
  constexpr int64_t kMost = kDigitVectors * kLanes;
  for (int64_t column = first; column < last; column += kMost) {
    f(column, last - column < kMost ? last - column : kMost);
  }
}

// The operand b of a part: tiles of 16 columns by 64 rows.
inline PackedColumns pack_second(const OperandRows& rows, const WeightGradientPart& p) {
  const int64_t bytes = rows.vector_bytes();
  float* exponents = p.pack;
  char* to = reinterpret_cast<char*>(p.pack + padded(p.depth));
  const PackedColumns packed = {to, exponents};
  for_groups(0, p.depth, [&](int64_t column, int64_t width) {
    ColumnScales scales;
    measure<false>(rows, column, width, scales);
    for (int64_t j = 0; j < width; j += kLanes, to += bytes) {
      const Vec exponent = load(scales.exponents + j);
      store(exponents + column + j, exponent);
      alignas(64) char lines[kBlockRows * kLanes * kValueDigits];
      split_columns(rows, column + j, width - j, exponent, lines);
      for (int64_t tile = 0; tile < bytes; tile += kTileBytes) transpose_words(lines + tile, to + tile);
    }
  });
  return packed;
}

// Sums of products of 16 columns of b with 16 of a. Tiles 0 to 3 are the classes, 4 to 6 the digits of b.
struct ClassSums {
  static FASTGRU_INLINE void begin() {
    Tiles::zero<0>();
    Tiles::zero<1>();
    Tiles::zero<2>();
    Tiles::zero<3>();
  }
  static FASTGRU_INLINE void add(const char* b, const char* a) {
    Tiles::load<7>(a, kLanes * 4);
    Tiles::load<4>(b, kTileDepth);
    Tiles::dot_signed<0, 4, 7>();
    Tiles::load<5>(b + kTileBytes, kTileDepth);
    Tiles::dot_signed<1, 5, 7>();
    Tiles::load<6>(b + 2 * kTileBytes, kTileDepth);
    Tiles::dot_signed<2, 6, 7>();
    Tiles::load<7>(a + kTileBytes, kLanes * 4);
    Tiles::dot_signed<1, 4, 7>();
    Tiles::dot_signed<2, 5, 7>();
    Tiles::dot_signed<3, 6, 7>();
    Tiles::load<7>(a + 2 * kTileBytes, kLanes * 4);
    Tiles::dot_signed<2, 4, 7>();
    Tiles::dot_signed<3, 5, 7>();
  }
  static FASTGRU_INLINE void store(int32_t* to) {
    Tiles::store<0>(to, kLanes * 4);
    Tiles::store<1>(to + kTileSums, kLanes * 4);
    Tiles::store<2>(to + 2 * kTileSums, kLanes * 4);
    Tiles::store<3>(to + 3 * kTileSums, kLanes * 4);
  }
};

// A tile's sums on their way into the result, a few rows at a time while AMX makes the next tile.
struct WaitingSums {
  const int32_t* sums = nullptr;  // [class][row][16]
  int64_t row = 0, rows = 0;
  float* out = nullptr;
  int64_t out_stride = 0;
  const float* row_exponents = nullptr;
  Vec exponents = zero();

  FASTGRU_INLINE void join(int64_t some) {
    for (; some > 0 && row < rows; --some, ++row) {
      const auto sum = [&](int i) { return to_float(load_ints(sums + i * kTileSums + row * kLanes)); };
      const Vec low = fma(sum(2), set1(256.0f), sum(3));
      const Vec joined = fma(sum(0), set1(16777216.0f), fma(sum(1), set1(65536.0f), low));
      float* to = out + row * out_stride;
      store(to, add(load(to), scaled(joined, add(exponents, set1(row_exponents[row] + 8.0f)))));
    }
  }
};

// One block of rows into all parts.
class DigitBlock {
 public:
  DigitBlock(const OuterArgs& g, const RowRun* run, const RowRun* end) : g_(g), a_(first_rows(run, end)) {
    digits_ = reinterpret_cast<char*>(g.pack_a);
    for (int part = 0; part < kOuterParts; ++part) {
      const WeightGradientPart& p = g.parts[part];
      if (p.first < p.last) second_[part] = pack_second(second_rows(run, end, part), p);
    }
  }

  void run() {
    for_groups(g_.first, padded(g_.last), [&](int64_t column, int64_t width) {
      pack(column, width);
      begin_prefetch(column, width);
      for (int part = 0; part < kOuterParts; ++part) multiply(part, column, width);
    });
    waiting_.join(kLanes);
  }

 private:
  void pack(int64_t column, int64_t width) {
    const int64_t valid = g_.width - column < width ? g_.width - column : width;
    measure<true>(a_, column, valid, scales_);
    float* sums = g_.sums + column - g_.first;
    for (int64_t i = 0; i < width; i += kLanes) {
      store(sums + i, add(load(sums + i), load(scales_.sums + i)));
      char* to = digits_ + i / kLanes * a_.vector_bytes();
      split_columns(a_, column + i, valid - i, load(scales_.exponents + i), to);
    }
  }

  // Whether the vector from `column` on has columns of the part.
  static bool meets(const WeightGradientPart& p, int64_t column) {
    return p.first < column + kLanes && p.last > column;
  }

  void multiply(int part, int64_t column, int64_t width) {
    const WeightGradientPart& p = g_.parts[part];
    const int64_t bytes = a_.vector_bytes();
    for (int64_t j = 0; j < p.depth; j += kLanes) {
      for (int64_t i = 0; i < width; i += kLanes) {
        if (!meets(p, column + i)) continue;
        multiply_tile(second_[part].digits + j / kLanes * bytes, digits_ + i / kLanes * bytes);
        waiting_.rows = p.depth - j < kLanes ? p.depth - j : kLanes;
        waiting_.out = p.out + j * g_.out_stride + column + i - g_.first;
        waiting_.out_stride = g_.out_stride;
        waiting_.row_exponents = second_[part].exponents + j;
        waiting_.exponents = load(scales_.exponents + i);
      }
    }
  }

  // The sums before these are joined meanwhile.
  FASTGRU_INLINE void multiply_tile(const char* b, const char* a) {
    ClassSums::begin();
    WaitingSums waiting = waiting_;
    for (int64_t tile = 0; tile < a_.tiles(); ++tile, a += kDepthBytes, b += kDepthBytes) {
      ClassSums::add(b, a);
      waiting.join(kLanes / (kBlockRows / kTileDepth));
      prefetch();
    }
    waiting.join(kLanes);
    int32_t* sums = sums_[which_ ^= 1];
    ClassSums::store(sums);
    waiting_.sums = sums;
    waiting_.row = 0;
  }

  // The next group's rows come into L2 while AMX works on this one.
  void begin_prefetch(int64_t column, int64_t width) {
    next_ = column + width;
    next_end_ =
        padded(g_.last) - next_ < kDigitVectors * kLanes ? padded(g_.last) : next_ + kDigitVectors * kLanes;
    next_row_ = next_ < next_end_ ? 0 : a_.count;
  }
  FASTGRU_INLINE void prefetch() {
    if (next_row_ == a_.count) return;
    const float* row = a_.row[next_row_++];
    for (int64_t i = next_; i < next_end_; i += kLanes) FASTGRU_PREFETCH_L2(row + i);
  }

  const OuterArgs& g_;
  const OperandRows a_;
  PackedColumns second_[kOuterParts];
  ColumnScales scales_;
  char* digits_;  // of the group of a's vectors
  WaitingSums waiting_;
  int64_t next_ = 0, next_end_ = 0, next_row_ = 0;
  int which_ = 0;
  alignas(64) int32_t sums_[2][kClasses * kTileSums];
};

void outer_digits(const OuterArgs& g) {
  Tiles::configure();
  int64_t start = g.first_block == 0 ? 0 : g.block_ends[g.first_block - 1];
  for (int64_t k = g.first_block; k < g.last_block; ++k) {
    DigitBlock(g, g.runs + start, g.runs + g.block_ends[k]).run();
    start = g.block_ends[k];
  }
  Tiles::release();
}

}  // namespace
}  // namespace fastgru
