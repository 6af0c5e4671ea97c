// Weight gradients: sums of outer products over (t, b) rows. Included once per ISA, after gemm.inl.
//
// Vectors run along the columns of a (the gates, which lie side by side in the tape), so that an input of one
// feature is as well off as one of a thousand. Both operands of a block are packed first: the tape's rows lie
// 16 H bytes apart, and read where they stand they miss the L1 sets and the TLB at every row (H = 256: four
// times slower).

namespace fastgru {
namespace {

// Runs f(row number within the block, a row, b row) over the runs of one block; returns its number of rows.
template <class F>
FASTGRU_INLINE int64_t for_block_rows(const RowRun* run, const RowRun* end, F f) {
  int64_t count = 0;
  for (; run != end; ++run) {
    for (int64_t i = 0; i < run->rows; ++i)
      f(count++, run->a + i * run->a_stride, run->b + i * run->b_stride);
  }
  return count;
}

struct OuterTile {
  // out[r][p] += sum over rows of b[row][r] * a[row][p], both packed; out rows are out_stride apart.
  template <int R, int P>
  static void run_vectors(const float* a, const float* b, int64_t rows, float* out, int64_t out_stride) {
    Vec acc[R][P];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) acc[r][p] = zero();
    }
    for (int64_t row = 0; row < rows; ++row, a += P * kLanes, b += R) {
      Vec v[P];
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) v[p] = load(a + p * kLanes);
      FASTGRU_UNROLL
      for (int r = 0; r < R; ++r) {
        const Vec value = set1(b[r]);
        FASTGRU_UNROLL
        for (int p = 0; p < P; ++p) acc[r][p] = fma(value, v[p], acc[r][p]);
      }
    }
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        float* to = out + r * out_stride + p * kLanes;
        store(to, add(load(to), acc[r][p]));
      }
    }
  }

  template <int R>
  static void run(int64_t vectors, const float* a, const float* b, int64_t rows, float* out,
                  int64_t out_stride) {
    if constexpr (R == 1) {
      if (vectors == 8) return run_vectors<R, 8>(a, b, rows, out, out_stride);
    }
    if constexpr (R <= 2) {
      if (vectors == 4) return run_vectors<R, 4>(a, b, rows, out, out_stride);
    }
    if (vectors == 3) return run_vectors<R, 3>(a, b, rows, out, out_stride);
    if (vectors == 2) return run_vectors<R, 2>(a, b, rows, out, out_stride);
    run_vectors<R, 1>(a, b, rows, out, out_stride);
  }
};

// [row][some vectors], the last one filled up with zeros. `valid`: columns of a left from `column` on.
inline void pack_vectors(const RowRun* first, const RowRun* end, int64_t column, int64_t some, int64_t valid,
                         float* to) {
  const int64_t full = valid < some * kLanes ? valid / kLanes : some;
  for_block_rows(first, end, [&](int64_t, const float* a, const float*) {
    for (int64_t p = 0; p < full; ++p, to += kLanes) store(to, load(a + column + p * kLanes));
    if (full < some) {
      store(to, load_n(a + column + full * kLanes, static_cast<int>(valid - full * kLanes)));
      to += kLanes;
    }
  });
}

// [tile of columns][row][column]
inline void pack_tiles(const RowRun* first, const RowRun* end, int64_t rows, int64_t depth, float* to) {
  for_even_parts(depth, kTileRows, [&](int64_t j, int64_t columns) {
    float* tile = to + j * rows;
    for_block_rows(first, end, [&](int64_t, const float*, const float* b) {
      for (int64_t c = 0; c < columns; ++c) tile[c] = b[j + c];
      tile += columns;
    });
  });
}

void outer(const OuterArgs& g) {
  const int64_t vectors = panel_count(g.width);
  int64_t start = g.first_block == 0 ? 0 : g.block_ends[g.first_block - 1];
  for (int64_t block = g.first_block; block < g.last_block; ++block) {
    const RowRun* first = g.runs + start;
    const RowRun* end = g.runs + g.block_ends[block];
    start = g.block_ends[block];
    int64_t rows = 0;
    for (const RowRun* run = first; run != end; ++run) rows += run->rows;
    pack_tiles(first, end, rows, g.depth, g.pack_b);
    for (int64_t vector = 0; vector < vectors;) {
      const int64_t some = panels_at_once(g.depth, vectors - vector);
      const int64_t i = vector * kLanes;
      pack_vectors(first, end, g.first + i, some, g.width - i, g.pack_a);
      for_even_parts(g.depth, kTileRows, [&](int64_t j, int64_t columns) {
        with_rows<OuterTile>(columns, some, g.pack_a, g.pack_b + j * rows, rows, g.out + j * g.out_stride + i,
                             g.out_stride);
      });
      vector += some;
    }
  }
}

}  // namespace
}  // namespace fastgru
