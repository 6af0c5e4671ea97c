// Weight gradients: sums of outer products over (t, b) rows. Included once per ISA, after tiles.inl.
//
// Vectors run along the columns of a (the gates, which lie side by side in the tape), so that an input of one
// feature is as well off as one of a thousand. The operands of a block are packed first: the tape's rows lie
// 16 H bytes apart, and read where they stand they miss the L1 sets and the TLB at every row (H = 256: four
// times slower). All gradients that need a piece of the tape take it from the same packing; packed once per
// gradient (twice for the weights, twice for the biases) it was a seventh of a training call.

namespace fastgru {
namespace {

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
    if (vectors == 3) return run_vectors<R, 3>(a, b, rows, out, out_stride);
    if (vectors == 2) return run_vectors<R, 2>(a, b, rows, out, out_stride);
    run_vectors<R, 1>(a, b, rows, out, out_stride);
  }
};

// [row][P vectors], what lies beyond the `valid` columns filled up with zeros; adds the rows' sum to `sums`.
struct PackVectors {
  template <int P>
  static void run(const RowRun* run, const RowRun* end, int64_t column, int64_t valid, float* to,
                  float* sums) {
    Vec acc[P];
    FASTGRU_UNROLL
    for (int p = 0; p < P; ++p) acc[p] = zero();
    for (; run != end; ++run) {
      const float* a = run->a + column;
      for (int64_t i = 0; i < run->rows; ++i, a += run->a_stride, to += P * kLanes) {
        FASTGRU_UNROLL
        for (int p = 0; p < P; ++p) {
          const Vec v = p + 1 < P ? load(a + p * kLanes) : load_upto(a + p * kLanes, valid - p * kLanes);
          store(to + p * kLanes, v);
          acc[p] = add(acc[p], v);
        }
      }
    }
    FASTGRU_UNROLL
    for (int p = 0; p < P; ++p) store(sums + p * kLanes, add(load(sums + p * kLanes), acc[p]));
  }
};

// Rows of R columns, one after the other. A row is read whole before it is written: the compiler cannot know
// that the two do not overlap.
struct PackTile {
  template <int R>
  static void run(const float* from, int64_t stride, int64_t rows, float* to) {
    for (int64_t i = 0; i < rows; ++i, from += stride, to += R) {
      float row[R];
      for (int c = 0; c < R; ++c) row[c] = from[c];
      for (int c = 0; c < R; ++c) to[c] = row[c];
    }
  }
};

// Runs of one block, and how many of its rows come before them.
struct BlockRows {
  const RowRun *first, *end;
  int64_t rows, before;
};

inline int64_t count_rows(const RowRun* first, const RowRun* end) {
  int64_t rows = 0;
  for (; first != end; ++first) rows += first->rows;
  return rows;
}

// Rows packed at once. Rows that lie a multiple of 4 KiB apart share one set of L1, and a line must still be
// there for the next tile of columns.
constexpr int64_t kPackRows = 8;

// `rows` rows of a part's operand, the ones from `row` on of its `all`. from null: zeros.
inline void pack_rows(const WeightGradientPart& p, const float* from, int64_t stride, int64_t rows,
                      int64_t all, int64_t row) {
  static const float zeros[kTileRows] = {};
  for_even_parts(p.depth, kTileRows, [&](int64_t j, int64_t columns) {
    float* to = p.pack + j * all + row * columns;
    with_rows<PackTile>(columns, from == nullptr ? zeros : from + j, from == nullptr ? 0 : stride, rows, to);
  });
}

// Packs a part's operand, [tile of columns][row][column], without the rows at either end where it is zero.
inline BlockRows pack_part(const BlockRows& block, int part, const WeightGradientPart& p) {
  BlockRows there = block;
  if (p.first >= p.last) return {block.first, block.first, 0, 0};
  while (there.first != there.end && there.first->b[part] == nullptr) ++there.first;
  while (there.first != there.end && there.end[-1].b[part] == nullptr) --there.end;
  there.before = count_rows(block.first, there.first);
  there.rows = count_rows(there.first, there.end);
  int64_t row = 0;
  for (const RowRun* run = there.first; run != there.end; ++run) {
    for (int64_t i = 0; i < run->rows; i += kPackRows) {
      const int64_t rows = run->rows - i < kPackRows ? run->rows - i : kPackRows;
      const float* from = run->b[part] == nullptr ? nullptr : run->b[part] + i * run->b_stride[part];
      pack_rows(p, from, run->b_stride[part], rows, there.rows, row);
      row += rows;
    }
  }
  return there;
}

// The packed group of vectors [v, v + some) into one part.
inline void outer_part(const OuterArgs& g, const WeightGradientPart& p, const BlockRows& there, int64_t v,
                       int64_t some) {
  const int64_t begin = v * kLanes, stride = some * kLanes;
  if (there.rows == 0 || p.first >= begin + stride || p.last <= begin) return;
  const float* a = g.pack_a + there.before * stride;
  for_even_parts(p.depth, kTileRows, [&](int64_t j, int64_t columns) {
    with_rows<OuterTile>(columns, some, a, p.pack + j * there.rows, there.rows,
                         p.out + j * g.out_stride + begin - g.first, g.out_stride);
  });
}

// The next border that no group of vectors may straddle: the first vector of a part's range, or the one after
// its last.
inline int64_t next_border(const OuterArgs& g, int64_t v, int64_t last) {
  int64_t border = last;
  for (int part = 0; part < kOuterParts; ++part) {
    const WeightGradientPart& p = g.parts[part];
    const int64_t ends[] = {p.first / kLanes, panel_count(p.last)};
    for (const int64_t end : ends) {
      if (p.first < p.last && end > v && end < border) border = end;
    }
  }
  return border;
}

inline void outer_block(const OuterArgs& g, const BlockRows& block) {
  BlockRows there[kOuterParts];
  for (int part = 0; part < kOuterParts; ++part) there[part] = pack_part(block, part, g.parts[part]);
  const int64_t last = panel_count(g.last);
  for (int64_t v = g.first / kLanes; v < last;) {
    const int64_t border = next_border(g, v, last);
    for_even_parts(border - v, kOuterVectors, [&](int64_t offset, int64_t some) {
      const int64_t column = (v + offset) * kLanes;
      float* sums = g.sums + column - g.first;
      with_rows<PackVectors, kOuterVectors>(some, block.first, block.end, column, g.width - column, g.pack_a,
                                            sums);
      for (int part = 0; part < kOuterParts; ++part) {
        outer_part(g, g.parts[part], there[part], v + offset, some);
      }
    });
    v = border;
  }
}

void outer(const OuterArgs& g) {
  int64_t start = g.first_block == 0 ? 0 : g.block_ends[g.first_block - 1];
  for (int64_t k = g.first_block; k < g.last_block; ++k) {
    const RowRun *first = g.runs + start, *end = g.runs + g.block_ends[k];
    outer_block(g, {first, end, count_rows(first, end), 0});
    start = g.block_ends[k];
  }
}

}  // namespace
}  // namespace fastgru
