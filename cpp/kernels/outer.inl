// Weight gradients: sums of outer products over (t, b) rows. Included once per ISA, after gemm.inl.
//
// Vectors run along the columns of a (the gates, which lie side by side in the tape), so that an input of one feature is as
// well off as one of a thousand.

namespace fastgru {
namespace {

struct OuterTile {
  // R columns of b from `j`, P vectors of a from column `i`; `valid`: columns of a left from i on.
  template <int R, int P>
  static void run_vectors(const OuterArgs& g, const RowRun* run, const RowRun* end, int64_t i, int64_t j,
                          int64_t valid) {
    Vec acc[R][P];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) acc[r][p] = zero();
    }
    const int last = static_cast<int>(valid - (P - 1) * kLanes);  // lanes of the last vector, if it is cut short
    for (; run != end; ++run) {
      const float* a = run->a + g.first + i;
      const float* b = run->b + j;
      for (int64_t row = 0; row < run->rows; ++row, a += run->a_stride, b += run->b_stride) {
        Vec v[P];
        FASTGRU_UNROLL
        for (int p = 0; p < P - 1; ++p) v[p] = load(a + p * kLanes);
        v[P - 1] = last >= kLanes ? load(a + (P - 1) * kLanes) : load_n(a + (P - 1) * kLanes, last);
        FASTGRU_UNROLL
        for (int r = 0; r < R; ++r) {
          const Vec value = set1(b[r]);
          FASTGRU_UNROLL
          for (int p = 0; p < P; ++p) acc[r][p] = fma(value, v[p], acc[r][p]);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      float* out = g.out + (j + r) * g.out_stride + i;
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        const int64_t n = valid - p * kLanes;
        store_upto(out + p * kLanes, add(load_upto(out + p * kLanes, n), acc[r][p]), n);
      }
    }
  }

  template <int R>
  static void run(const OuterArgs& g, const RowRun* first, const RowRun* end, int64_t i, int64_t j,
                  int64_t vectors, int64_t valid) {
    if constexpr (R == 1) {
      if (vectors == 8) return run_vectors<R, 8>(g, first, end, i, j, valid);
    }
    if constexpr (R <= 2) {
      if (vectors == 4) return run_vectors<R, 4>(g, first, end, i, j, valid);
    }
    if (vectors == 3) return run_vectors<R, 3>(g, first, end, i, j, valid);
    if (vectors == 2) return run_vectors<R, 2>(g, first, end, i, j, valid);
    run_vectors<R, 1>(g, first, end, i, j, valid);
  }
};

void outer(const OuterArgs& g) {
  const int64_t vectors = panel_count(g.width);
  int64_t start = 0;
  for (int64_t block = 0; block < g.blocks; ++block) {
    const RowRun* first = g.runs + start;
    const RowRun* end = g.runs + g.block_ends[block];
    start = g.block_ends[block];
    for (int64_t vector = 0; vector < vectors;) {
      const int64_t some = panels_at_once(g.depth, vectors - vector);
      const int64_t i = vector * kLanes;
      for_even_parts(g.depth, kTileRows, [&](int64_t j, int64_t columns) {
        with_rows<OuterTile>(columns, g, first, end, i, j, some, g.width - i);
      });
      vector += some;
    }
  }
}

}  // namespace
}  // namespace fastgru
