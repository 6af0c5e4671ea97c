// The kernels on three digits with AMX (see three_digits_table.h). Included once, after digits.inl,
// three_digits_pack.inl and the definition of Tiles (see digits_amx.inl).
//
// Measured on Emerald Rapids, where these kernels were made:
// - A product of two tiles takes 16 cycles, and its sum may be used by the next one at once. Loading a tile
//   takes 8 cycles from L1 and 10 from L2. So three sums are enough, and the three digits of 16 rows stay in
//   tiles: 6 loads for 6 products.
// - Products and AVX-512 share a port. The two add up, whatever their order; what follows a product within
//   some 70 operations overlaps with it.
// - After half a microsecond without a product, the next one waits 270 ns (the unit sleeps). So the end of a
//   step is done some rows at a time between the products of the next tile: 1.25 times as fast as tile by
//   tile (batch 32, 128 units).
// - Tried and left: two tiles of rows at once where the weights fit L2 (6 % slower at 256 units), four rows
// at
//   once at the end of a step (7 % slower).

namespace fastgru {
namespace {

constexpr int64_t kClassSums = kDigitTileRows * kLanes;
constexpr int64_t kVectorSums = kThreeDigits * kClassSums;
// Rows that are finished at once.
constexpr int kEndRows = 8;

// Rows in digits: where a tile of 16 begins, and the distance to the next.
struct RowTile {
  const char* digits;
  int64_t bytes;
};

inline int64_t row_tile_bytes(const ThreeDigitMatrix& w) { return w.blocks * kThreeDigits * kDigitTileBytes; }

// The three digits of one block of 16 rows, times those of 16 columns, into tiles 0 to 2. A class is stored
// as soon as it is complete: the next product needs its tile, and would wait for the store.
FASTGRU_INLINE void block_of_one_tile(const char* rows, const int8_t* weights, int32_t* complete) {
  constexpr int64_t kBytes = kDigitTileBytes;
  Tiles::load<3>(rows, kDigitBlock);
  Tiles::load<6>(weights, kDigitBlock);
  Tiles::dot_signed<0, 3, 6>();
  if (complete != nullptr) Tiles::store<0>(complete, kLanes * 4);
  Tiles::load<4>(rows + kBytes, kDigitBlock);
  Tiles::dot_signed<1, 4, 6>();
  Tiles::load<7>(weights + kBytes, kDigitBlock);
  Tiles::dot_signed<1, 3, 7>();
  if (complete != nullptr) Tiles::store<1>(complete + kClassSums, kLanes * 4);
  Tiles::load<5>(rows + 2 * kBytes, kDigitBlock);
  Tiles::dot_signed<2, 5, 6>();
  Tiles::dot_signed<2, 4, 7>();
  Tiles::load<6>(weights + 2 * kBytes, kDigitBlock);
  Tiles::dot_signed<2, 3, 6>();
  if (complete != nullptr) Tiles::store<2>(complete + 2 * kClassSums, kLanes * 4);
}

// The same of 32 rows, into tiles 0 to 5: the weights are loaded once for both.
FASTGRU_INLINE void block_of_two_tiles(const char* rows, const char* more, const int8_t* weights,
                                       int32_t* complete, int32_t* complete_more) {
  constexpr int64_t kBytes = kDigitTileBytes;
  Tiles::load<7>(weights, kDigitBlock);
  Tiles::load<6>(rows, kDigitBlock);
  Tiles::dot_signed<0, 6, 7>();
  if (complete != nullptr) Tiles::store<0>(complete, kLanes * 4);
  Tiles::load<6>(more, kDigitBlock);
  Tiles::dot_signed<3, 6, 7>();
  if (complete != nullptr) Tiles::store<3>(complete_more, kLanes * 4);
  Tiles::load<6>(rows + 2 * kBytes, kDigitBlock);
  Tiles::dot_signed<2, 6, 7>();
  Tiles::load<6>(more + 2 * kBytes, kDigitBlock);
  Tiles::dot_signed<5, 6, 7>();
  Tiles::load<6>(more + kBytes, kDigitBlock);
  Tiles::dot_signed<4, 6, 7>();
  Tiles::load<6>(rows + kBytes, kDigitBlock);
  Tiles::dot_signed<1, 6, 7>();
  Tiles::load<7>(weights + kBytes, kDigitBlock);
  Tiles::dot_signed<2, 6, 7>();
  Tiles::load<6>(rows, kDigitBlock);
  Tiles::dot_signed<1, 6, 7>();
  if (complete != nullptr) Tiles::store<1>(complete + kClassSums, kLanes * 4);
  Tiles::load<6>(more + kBytes, kDigitBlock);
  Tiles::dot_signed<5, 6, 7>();
  Tiles::load<6>(more, kDigitBlock);
  Tiles::dot_signed<4, 6, 7>();
  if (complete != nullptr) Tiles::store<4>(complete_more + kClassSums, kLanes * 4);
  Tiles::load<7>(weights + 2 * kBytes, kDigitBlock);
  Tiles::dot_signed<5, 6, 7>();
  if (complete != nullptr) Tiles::store<5>(complete_more + 2 * kClassSums, kLanes * 4);
  Tiles::load<6>(rows, kDigitBlock);
  Tiles::dot_signed<2, 6, 7>();
  if (complete != nullptr) Tiles::store<2>(complete + 2 * kClassSums, kLanes * 4);
}

// The sums of N tiles of 16 rows and a vector of 16 columns: [class][row][column] of each tile, `apart`
// apart. between() is called after every block of k but the last.
template <int N, class Between>
FASTGRU_INLINE void tile_sums(const RowTile& tile, const ThreeDigitMatrix& w, int64_t vector, int32_t* sums,
                              int64_t apart, Between between) {
  constexpr int64_t kBytes = kThreeDigits * kDigitTileBytes;
  const char* rows = tile.digits;
  const int8_t* weights = w.weights + vector * w.blocks * kBytes;
  Tiles::zero<0>();
  Tiles::zero<1>();
  Tiles::zero<2>();
  if constexpr (N == 2) {
    Tiles::zero<3>();
    Tiles::zero<4>();
    Tiles::zero<5>();
  }
  for (int64_t left = w.blocks; left > 0; --left, rows += kBytes, weights += kBytes) {
    int32_t* complete = left == 1 ? sums : nullptr;
    if constexpr (N == 1) {
      block_of_one_tile(rows, weights, complete);
    } else {
      block_of_two_tiles(rows, rows + tile.bytes, weights, complete, complete + apart);
    }
    if (left > 1) between();
  }
}

// The sums of a row's three classes, joined.
FASTGRU_INLINE Vec joined_three(const int32_t* sums) {
  const Vec low =
      fma(to_float(load_ints(sums + kClassSums)), set1(256.0f), to_float(load_ints(sums + 2 * kClassSums)));
  return fma(to_float(load_ints(sums)), set1(65536.0f), low);
}

// Sums that wait for what is made of them: number i is of row row + i * down and column column + i * across.
// So they are `count` rows of one column (a vector of 16, or the three of a panel), or `count` columns of one
// row.
struct Sums {
  int64_t row, down, column, across, count;
  const int32_t* sums;
  int64_t height, apart;  // of the tiles: rows, and distance

  const int32_t* at(int64_t i) const {
    return i < height ? sums + i * kLanes : sums + apart + (i - height) * kLanes;
  }
};

struct SumPlace {
  int64_t row, column;
  SumPlace(const Sums& sums, int64_t i)
      : row(sums.row + i * sums.down), column(sums.column + i * sums.across) {}
};

// Does the waiting sums some at a time: End::run<N>(args, sums, first) for N of them. Not inlined: copies at
// every call made the kernels twice as large, and no faster.
template <class End, class Args>
class Pending {
 public:
  explicit Pending(const Args& args) : args_(args) {}

  void put(const Sums& sums) {
    sums_ = sums;
    done_ = 0;
  }
  FASTGRU_NO_INLINE void some() {
    if (done_ + kEndRows > sums_.count) return;
    End::template run<kEndRows>(args_, sums_, done_);
    done_ += kEndRows;
  }
  FASTGRU_NO_INLINE void all() {
    while (done_ + kEndRows <= sums_.count) some();
    for (; done_ + 2 <= sums_.count; done_ += 2) End::template run<2>(args_, sums_, done_);
    if (done_ < sums_.count) End::template run<1>(args_, sums_, done_++);
  }

 private:
  const Args& args_;
  Sums sums_{};
  int64_t done_ = 0;
};

// Tiles of rows [row, rows) of one column, N at once: a vector, or a panel of three. While the products of a
// tile are made, the one before it is finished. Returns the row that comes next.
template <int N, int Gates, class Waiting>
FASTGRU_INLINE int64_t run_tiles(int64_t column, int64_t row, int64_t rows, const ThreeDigitRows& a,
                                 const ThreeDigitMatrix& w, int32_t* (&turns)[2], Waiting& pending) {
  constexpr int64_t kApart = Gates * kVectorSums;
  const int64_t bytes = row_tile_bytes(w), step = N * a.height;
  for (; rows - row > step - a.height; row += step) {
    const RowTile tile = {a.digits + row / a.height * bytes, bytes};
    for (int gate = 0; gate < Gates; ++gate) {
      tile_sums<N>(tile, w, column * Gates + gate, turns[0] + gate * kVectorSums, kApart,
                   [&] { pending.some(); });
    }
    pending.all();
    pending.put({row, 1, column, 0, rows - row < step ? rows - row : step, turns[0], a.height, kApart});
    int32_t* used = turns[0];
    turns[0] = turns[1];
    turns[1] = used;
  }
  return row;
}

// The sums of one row and V vectors of columns with AVX-512 VNNI, where a tile's would go; vectors are
// `apart` apart there. For one row a tile's products take as long as for six. VNNI wants unsigned digits in
// the row: they are stored plus 128 here, and w.start takes that back. A class has as many sums as products,
// so that none waits for the one before.
template <int V>
FASTGRU_INLINE void row_sums(const char* row, const ThreeDigitMatrix& w, int64_t vector, int32_t* sums,
                             int64_t apart) {
  constexpr int64_t kBytes = kDigitTileBytes;
  constexpr int kProducts = 6;
  constexpr int kRowDigit[kProducts] = {0, 0, 1, 0, 1, 2}, kWeightDigit[kProducts] = {0, 1, 0, 2, 1, 0};
  const __m512i offset = _mm512_set1_epi8(-128);
  const int64_t vector_bytes = w.blocks * kThreeDigits * kBytes;
  const int8_t* weights = w.weights + vector * vector_bytes;
  IntVec acc[V][kProducts];
  for_each_of<V>(
      [&](int v) { for_each_of<kProducts>([&](int p) { acc[v][p] = {_mm512_setzero_si512()}; }); });
  for (int64_t block = 0; block < w.blocks; ++block) {
    for (int64_t k = 0; k < kDigitBlock; k += 4, weights += 4 * kLanes) {
      IntVec a[kThreeDigits];
      for_each_of<kThreeDigits>([&](int d) {
        a[d] = {_mm512_xor_si512(broadcast(reinterpret_cast<const Digit*>(row) + d * kBytes + k).v, offset)};
      });
      for_each_of<V>([&](int v) {
        IntVec b[kThreeDigits];
        for_each_of<kThreeDigits>(
            [&](int d) { b[d] = load_weights(weights + v * vector_bytes + d * kBytes); });
        for_each_of<kProducts>(
            [&](int p) { acc[v][p] = dot(acc[v][p], a[kRowDigit[p]], b[kWeightDigit[p]]); });
      });
    }
    row += kThreeDigits * kBytes;
    weights += (kThreeDigits - 1) * kBytes;
  }
  for_each_of<V>([&](int v) {
    const int32_t* start = w.start + (vector + v) * kThreeDigits * kLanes;
    int32_t* to = sums + v * apart;
    const auto put = [&](int c, IntVec sum) {
      _mm512_storeu_si512(to + c * kClassSums, add(sum, load_ints(start + c * kLanes)).v);
    };
    put(0, acc[v][0]);
    put(1, add(acc[v][1], acc[v][2]));
    put(2, add(acc[v][3], add(acc[v][4], acc[v][5])));
  });
}

// The columns of a range for one row: some sums, then their end. Column by column, each would wait for the
// chain of the end before it (256 units: 1.6 times as long).
template <int Gates, class End, class Args>
FASTGRU_NO_INLINE void run_columns_of_row(const PanelRange& columns, const ThreeDigitRows& a,
                                          const ThreeDigitMatrix& w, const Args& args) {
  int32_t sums[Gates * kVectorSums];
  Pending<End, Args> pending(args);
  constexpr int64_t kAtOnce = Gates == 3 ? kEndRows : 6;
  const auto at_once = [](int64_t left) { return left < kAtOnce ? left : kAtOnce; };
  for_panels(columns, at_once, [&](int64_t column, int64_t some) {
    for (int64_t i = 0; i < some;) {
      int32_t* to = sums + i * kLanes;
      if (Gates == 3) {
        row_sums<3>(a.digits, w, (column + i) * 3, to, kVectorSums);
        ++i;
      } else if (i + 3 <= some) {
        row_sums<3>(a.digits, w, column + i, to, kLanes);
        i += 3;
      } else {
        row_sums<1>(a.digits, w, column + i, to, 0);
        ++i;
      }
    }
    pending.put({0, 0, column, 1, some, sums, kDigitTileRows, 0});
    pending.all();
  });
}

// The columns of a range, all rows of each: its weights stay in L1 or L2. Where all weights together do not
// stay in L2, two tiles of rows share what is loaded (batch 32, 1024 units: 1.2 times as fast).
template <int Gates, class End, class Args>
FASTGRU_INLINE void run_columns(const PanelRange& columns, int64_t rows, const ThreeDigitRows& a,
                                const ThreeDigitMatrix& w, const Args& args) {
  if (rows == 1) return run_columns_of_row<Gates, End>(columns, a, w, args);
  alignas(64) int32_t sums[2][2 * Gates * kVectorSums];
  int32_t* turns[2] = {sums[0], sums[1]};
  Pending<End, Args> pending(args);
  const bool pairs = columns.weights_exceed_l2 && rows > a.height;
  Tiles::configure(pairs ? kDigitTileRows : a.height);
  for_panels(columns, one_at_once, [&](int64_t column, int64_t) {
    int64_t row = 0;
    if (pairs) row = run_tiles<2, Gates>(column, row, rows, a, w, turns, pending);
    run_tiles<1, Gates>(column, row, rows, a, w, turns, pending);
  });
  pending.all();
  Tiles::release();
}

struct ProductEnd {
  template <int N>
  static FASTGRU_INLINE void run(const ThreeDigitProductArgs& a, const Sums& sums, int64_t first) {
    for_each_of<N>([&](int i) {
      const SumPlace at(sums, first + i);
      const int64_t column = at.column * kLanes, left = a.width - column;
      float* out = a.out + at.row * a.out_stride + column;
      const Vec from = a.bias != nullptr ? load(a.bias + column) : load_upto(out, left);
      const Vec both = mul(set1(a.a.scale[at.row]), load(a.w.scale + column));
      store_upto(out, fma(joined_three(sums.at(first + i)), both, from), left);
    });
  }
};

void three_digit_product(const ThreeDigitProductArgs& a) {
  run_columns<1, ProductEnd>(a.vectors, a.rows, a.a, a.w, a);
}

// The new states of N rows of a panel, or N panels of a row, from the sums of their gates: sum(gate, i, from)
// adds them to `from`. Gate by gate, so that the values of eight stay in registers.
template <int N, class Sum>
FASTGRU_INLINE void end_of_step(const ThreeDigitCellArgs& a, const Sums& sums, int64_t first, Sum sum) {
  const auto input = [&](int gate, int i) {
    const SumPlace at(sums, first + i);
    return load(a.gx + at.row * a.gx_stride + (at.column * kGates + gate) * kLanes);
  };
  const auto keep = [&](int slot, const Vec(&v)[N]) {
    if (a.slots == nullptr) return;
    for_each_of<N>([&](int i) {
      const SumPlace at(sums, first + i);
      float* to = a.slots + at.row * a.slots_stride + slot * a.hidden;
      store_columns<false>(to, panel_columns(at.column, a.hidden), v[i]);
    });
  };
  Vec n[N], q[N], z[N];
  for_each_of<N>([&](int i) { n[i] = sum(0, i, input(0, i)); });  // r at first
  sigmoid(n);
  keep(1, n);
  for_each_of<N>(
      [&](int i) { q[i] = sum(2, i, load(a.bias + (SumPlace(sums, first + i).column * 4 + 3) * kLanes)); });
  keep(0, q);
  for_each_of<N>([&](int i) { n[i] = fma(n[i], q[i], input(2, i)); });
  tanh(n);
  keep(3, n);
  for_each_of<N>([&](int i) { z[i] = sum(1, i, input(1, i)); });
  sigmoid(z);
  keep(2, z);
  for_each_of<N>([&](int i) {
    const SumPlace at(sums, first + i);
    const Columns c = panel_columns(at.column, a.hidden);
    const Vec h = load_columns<false>(a.h_prev + at.row * a.h_prev_stride, c);
    store_columns<false>(a.h + at.row * a.h_stride, c, fma(z[i], sub(h, n[i]), n[i]));
  });
}

struct CellEnd {
  template <int N>
  static FASTGRU_INLINE void run(const ThreeDigitCellArgs& a, const Sums& sums, int64_t first) {
    end_of_step<N>(a, sums, first, [&](int gate, int i, Vec from) {
      const SumPlace at(sums, first + i);
      const Vec column = load(a.u.scale + (at.column * kGates + gate) * kLanes);
      return fma(joined_three(sums.at(first + i) + gate * kVectorSums), mul(set1(a.a.scale[at.row]), column),
                 from);
    });
  }
};

void three_digit_cell(const ThreeDigitCellArgs& a) {
  run_columns<kGates, CellEnd>(a.panels, a.rows, a.a, a.u, a);
}

void three_digit_cell_end(const ThreeDigitCellArgs& a, const float* sums) {
  for_panels(a.panels, one_at_once, [&](int64_t panel, int64_t) {
    for (int64_t row = 0; row < a.rows; ++row) {
      const float* of_panel = sums + row * a.gx_stride + panel * kGates * kLanes;
      end_of_step<1>(a, {row, 1, panel, 0, 1, nullptr, 1, 0}, 0,
                     [&](int gate, int, Vec from) { return add(load(of_panel + gate * kLanes), from); });
    }
  });
}

constexpr ThreeDigitTable make_three_digit_table() {
  return {three_digit_pack, three_digit_split, three_digit_product, three_digit_cell, three_digit_cell_end};
}

}  // namespace
}  // namespace fastgru
