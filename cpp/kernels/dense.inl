// The dense head: y = x W^T + b, and its gradients. Included once per ISA, after tiles.inl and outer.inl.
//
// One tile serves the three products: sums over k of one number a row times one vector, for several rows and
// several vectors at once. What is far apart in memory is packed first, in blocks that stay in L2, where it
// is read often enough to pay for that; otherwise it is read where it lies. A sum that goes on in the next
// block starts from what the last one stored, so the blocks do not show in the bits. A logit is the sum of
// four segments of the inputs, each one chain of FMAs, whatever the tile.

namespace fastgru {
namespace {

// c[r][p] = start[r][p] + sum over k of a[r][k] * b[k][p], p counting vectors.
struct DenseProduct {
  const float* a;
  int64_t a_row, a_step;  // from row to row, from k to k
  const float* b;
  int64_t b_vector, b_step;  // from vector to vector, from k to k
  int64_t depth;
  const float* start;  // null: zeros
  int64_t start_row;
  float* c;
  int64_t c_row;
  int64_t valid;  // columns of c, and of start, from the first vector on
  bool adds;      // the sum, from zero, is added to c
  // So many k are one chain of sums; the next ones, from zero, are added to what the last ones gave.
  int64_t segment;
};

constexpr int kDenseSegments = 4;

// Of a logit. Short sums are one segment.
inline int64_t segment_of(int64_t inputs) {
  constexpr int64_t kWorthCutting = 16;
  return inputs < kWorthCutting ? inputs : (inputs + kDenseSegments - 1) / kDenseSegments;
}

// Masked: b is not padded, and only the `valid` lanes of its one vector may be read.
//
// A function of its own: inlined into the three products, GCC 12 keeps some of its pointers in memory (AVX2:
// half the speed), and they take three times the code.
template <bool Masked>
struct DenseTile {
  template <int R, int P>
  FASTGRU_NO_INLINE static void run_vectors(const DenseProduct& g) {
    float* c = g.c;  // copies: what is stored may not change them
    const int64_t c_row = g.c_row, valid = g.valid;
    bool adds = g.adds;
    Vec acc[R][P];
    const auto column = [](int p) { return static_cast<int64_t>(p) * kLanes; };
    if (g.start == nullptr) {
      for_each_of<R * P>([&](int i) { acc[i / P][i % P] = zero(); });
    } else {
      for_each_of<R * P>([&](int i) {
        acc[i / P][i % P] = load_upto(g.start + i / P * g.start_row + column(i % P), valid - column(i % P));
      });
    }
    const float *a = g.a, *b = g.b;
    const int64_t a_row = g.a_row, a_step = g.a_step, b_vector = g.b_vector, b_step = g.b_step;
    const int64_t segment = g.segment;
    for (int64_t left = g.depth; left >= 0; left -= segment) {
      const int64_t depth = left < segment ? left : segment;
      for (int64_t k = 0; k < depth; ++k, a += a_step, b += b_step) {
        Vec v[P];
        for_each_of<P>([&](int p) { v[p] = Masked ? load_upto(b, valid) : load(b + p * b_vector); });
        FASTGRU_UNROLL
        for (int r = 0; r < R; ++r) {
          const Vec value = set1(a[r * a_row]);
          for_each_of<P>([&](int p) { acc[r][p] = fma(value, v[p], acc[r][p]); });
        }
      }
      FASTGRU_UNROLL
      for (int r = 0; r < R; ++r) {
        for_each_of<P>([&](int p) {
          float* to = c + r * c_row + column(p);
          const int64_t n = valid - column(p);
          store_upto(to, adds ? add(load_upto(to, n), acc[r][p]) : acc[r][p], n);
        });
      }
      if (left <= segment) return;
      adds = true;
      for_each_of<R * P>([&](int i) { acc[i / P][i % P] = zero(); });
    }
  }

  // One row of one vector: its segments side by side, because each is a chain that waits for itself (64
  // inputs: one chain takes 63 ns, four take 20).
  static void run_segments(const DenseProduct& g) {
    Vec acc[kDenseSegments];
    for_each_of<kDenseSegments>([&](int s) { acc[s] = zero(); });
    if (g.start != nullptr) acc[0] = load_upto(g.start, g.valid);
    const int64_t last = g.depth - (kDenseSegments - 1) * g.segment;  // the last one may be shorter
    const auto step = [&](int s, int64_t k) {
      const float* b = g.b + (s * g.segment + k) * g.b_step;
      const Vec v = Masked ? load_upto(b, g.valid) : load(b);
      acc[s] = fma(set1(g.a[(s * g.segment + k) * g.a_step]), v, acc[s]);
    };
    for (int64_t k = 0; k < last; ++k) for_each_of<kDenseSegments>([&](int s) { step(s, k); });
    for (int64_t k = last; k < g.segment; ++k) for_each_of<kDenseSegments - 1>([&](int s) { step(s, k); });
    for (int s = 1; s < kDenseSegments; ++s) acc[0] = add(acc[0], acc[s]);
    store_upto(g.c, acc[0], g.valid);
  }

  template <int R>
  static void run(int64_t vectors, const DenseProduct& g) {
    if constexpr (R == 1) {
      if (vectors == 1 && g.segment < g.depth) return run_segments(g);
    }
    if constexpr (!Masked && R <= kTileRows) {
      if constexpr (R == 1) {
        if (vectors == 8) return run_vectors<R, 8>(g);
      }
      if constexpr (R <= 2) {
        if (vectors == 4) return run_vectors<R, 4>(g);
      }
      if (vectors == 3) return run_vectors<R, 3>(g);
      if (vectors == 2) return run_vectors<R, 2>(g);
    }
    run_vectors<R, 1>(g);
  }
};

// Rows of a tile of one vector: a chain each, enough of them to keep two FMA units busy.
constexpr int kNarrowRows = 8;
static_assert(kNarrowRows >= kTileRows, "run() knows no wider tile of so many rows");
// Rows of a wider tile.
constexpr int kWideRows = kTileRows >= 8 ? 8 : kTileRows >= 4 ? 4 : 2;

// Parts of `most` rows, a power of two, then the rest in halves: visit(first, count). Tiles of 8, 4, 2 and 1
// rows are half the code of tiles of every number of rows up to 8.
template <class Visit>
FASTGRU_INLINE void for_halved_parts(int64_t rows, int64_t most, Visit visit) {
  for (int64_t row = 0; row < rows;) {
    while (most > rows - row) most /= 2;
    visit(row, most);
    row += most;
  }
}

template <class Tile, int R, class... Args>
FASTGRU_INLINE void with_halved_rows(int64_t rows, const Args&... args) {
  if constexpr (R > 1) {
    if (rows < R) return with_halved_rows<Tile, R / 2>(rows, args...);
  }
  Tile::template run<R>(args...);
}

// Goes through the tiles of `rows` by `width`, vectors outside, rows inside: at(row, vector) is the product
// of the tile that begins there. Where b is not padded the last, partly filled vector is masked.
template <class At>
FASTGRU_INLINE void dense_tiles(int64_t rows, int64_t width, bool padded_b, At at) {
  const int64_t vectors = padded_b ? panel_count(width) : width / kLanes;
  for (int64_t v = 0; v < vectors;) {
    const int64_t some = panels_at_once(rows, vectors - v);
    for_halved_parts(rows, some == 1 ? kNarrowRows : kWideRows, [&](int64_t row, int64_t count) {
      with_halved_rows<DenseTile<false>, kNarrowRows>(count, some, at(row, v));
    });
    v += some;
  }
  if (vectors * kLanes >= width) return;
  for_halved_parts(rows, kNarrowRows, [&](int64_t row, int64_t count) {
    with_halved_rows<DenseTile<true>, kNarrowRows>(count, int64_t{1}, at(row, vectors));
  });
}

// So many rows of `depth` floats stay in L2 beside a group of panels; whole tiles.
inline int64_t rows_in_cache(int64_t rows_wanted, int64_t depth) {
  if (rows_wanted <= kTileRows) return kTileRows;
  const int64_t rows = kDenseBlock * kDenseBlock / depth / kTileRows * kTileRows;
  return rows > kTileRows ? rows : kTileRows;
}

// Fewer rows than this are not worth packing what they meet (the gradient by the input of 32 rows,
// 256 inputs and 20000 outputs, AVX-512, packed: 1.2 times as long).
constexpr int64_t kRowsWorthPacking = 48;
constexpr int64_t kOutputsWorthPacking = 2 * kTileRows + 1;  // of a gradient by the weights

// to[vector][k][L] = from[k][column], filled up with zeros. Four vectors of a row at once: the lines of a row
// lie side by side.
inline void pack_block(const float* from, int64_t stride, int64_t depth, int64_t width, float* to) {
  for (int64_t first = 0; first < width; first += 4 * kLanes) {
    const int64_t last = first + 4 * kLanes < width ? first + 4 * kLanes : width;
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t column = first; column < last; column += kLanes) {
        store(to + column * depth + k * kLanes, load_upto(from + k * stride + column, width - column));
      }
    }
  }
}

// The outputs of a last panel that fill no more than half a vector; 0: there is no such panel. Its weights
// are packed without padding, [k][outputs], and whole vectors are read, of which the other lanes are
// unspecified: padded, the 64 weights of a single output are 4 KiB, which drive a GRU's own weights out of L1
// (one row of 64 units: 6 % of a step).
inline int64_t narrow_outputs(int64_t outputs) {
  const int64_t valid = outputs % kLanes;
  return 2 * valid <= kLanes ? valid : 0;
}

inline void pack_narrow(const float* from, int64_t inputs, int64_t outputs, float* to) {
  for (int64_t k = 0; k < inputs; ++k) {
    for (int64_t o = 0; o < outputs; ++o) to[k * outputs + o] = from[o * inputs + k];
  }
  for (int64_t lane = 0; lane < kLanes - outputs; ++lane) to[inputs * outputs + lane] = 0.0f;
}

void dense_pack(const DensePackArgs& g) {
  const int64_t narrow = narrow_outputs(g.outputs), wide = g.outputs - narrow;
  if (narrow > 0) pack_narrow(g.weight + wide * g.inputs, g.inputs, narrow, g.weights + wide * g.inputs);
  for (int64_t panel = 0; panel < panel_count(wide); ++panel) {
    const int64_t left = wide - panel * kLanes, valid = left < kLanes ? left : kLanes;
    const float* from = g.weight + panel * kLanes * g.inputs;
    float* to = g.weights + panel * kLanes * g.inputs;
    const int64_t whole_k = g.inputs / 4 * 4, whole_lanes = valid / 4 * 4;
    for (int64_t k = 0; k < whole_k; k += 4) {
      for (int64_t lane = 0; lane < whole_lanes; lane += 4) {
        transpose_4x4(from + lane * g.inputs + k, g.inputs, to + k * kLanes + lane, kLanes);
      }
    }
    for (int64_t k = 0; k < g.inputs; ++k) {
      int64_t lane = k < whole_k ? whole_lanes : 0;
      for (; lane < valid; ++lane) to[k * kLanes + lane] = from[lane * g.inputs + k];
      for (; lane < kLanes; ++lane) to[k * kLanes + lane] = 0.0f;
    }
  }
}

void dense_forward(const DenseForwardArgs& g) {
  const int64_t narrow = narrow_outputs(g.outputs), wide = g.outputs - narrow;
  for_even_parts(g.rows, rows_in_cache(g.rows, g.inputs), [&](int64_t first, int64_t rows) {
    const auto at = [&](int64_t row, int64_t panel) {
      const int64_t column = panel * kLanes;
      DenseProduct p;
      p.a = g.x + (first + row) * g.x_stride;
      p.a_row = g.x_stride;
      p.a_step = 1;
      p.b = g.weights + column * g.inputs;
      p.b_vector = g.inputs * kLanes;
      p.b_step = column < wide ? kLanes : narrow;
      p.depth = g.inputs;
      p.start = g.bias == nullptr ? nullptr : g.bias + column;
      p.start_row = 0;
      p.c = g.y + (first + row) * g.y_stride + column;
      p.c_row = g.y_stride;
      p.valid = g.outputs - column;
      p.adds = false;
      p.segment = segment_of(g.inputs);
      return p;
    };
    dense_tiles(rows, wide, true, at);
    if (narrow == 0) return;
    for_even_parts(rows, kNarrowRows, [&](int64_t row, int64_t count) {
      with_rows<DenseTile<false>, kNarrowRows>(count, int64_t{1}, at(row, wide / kLanes));
    });
  });
}

// Where the vectors that a product meets are found: in `width` columns of rows of a matrix, or packed.
struct DenseBlock {
  const float* b;
  int64_t depth, width;
  int64_t stride;
  bool packed;
};

inline DenseBlock dense_block(const float* from, int64_t stride, int64_t depth, int64_t width, float* pack) {
  if (pack == nullptr) return {from, depth, width, stride, false};
  pack_block(from, stride, depth, width, pack);
  return {pack, depth, width, 0, true};
}

inline void set_block(DenseProduct& p, const DenseBlock& block, int64_t vector) {
  p.b_vector = block.packed ? block.depth * kLanes : kLanes;
  p.b_step = block.packed ? kLanes : block.stride;
  p.b = block.b + vector * p.b_vector;
  p.depth = p.segment = block.depth;
  p.valid = block.width - vector * kLanes;
}

// The block of the outputs from `first` on and of the columns from `column` on, over all rows.
inline void add_input_block(const DenseInputArgs& g, const DenseBlock& block, int64_t first, int64_t column) {
  for_even_parts(g.rows, kDenseBlock, [&](int64_t begin, int64_t rows) {
    dense_tiles(rows, block.width, block.packed, [&](int64_t row, int64_t vector) {
      DenseProduct p;
      set_block(p, block, vector);
      p.a = g.dy + (begin + row) * g.dy_stride + first;
      p.a_row = g.dy_stride;
      p.a_step = 1;
      p.c = g.dx + (begin + row) * g.dx_stride + column + vector * kLanes;
      p.c_row = g.dx_stride;
      p.start = first == 0 ? nullptr : p.c;
      p.start_row = p.c_row;
      p.adds = false;
      return p;
    });
  });
}

// f(first, size) for the blocks of kDenseBlock, the last one shorter.
template <class F>
FASTGRU_INLINE void for_blocks(int64_t count, F f) {
  for (int64_t first = 0; first < count; first += kDenseBlock) {
    f(first, count - first < kDenseBlock ? count - first : kDenseBlock);
  }
}

void dense_input_gradient(const DenseInputArgs& g) {
  float* pack = g.rows < kRowsWorthPacking ? nullptr : g.pack;
  for_blocks(g.outputs, [&](int64_t first, int64_t depth) {
    for_blocks(g.inputs, [&](int64_t column, int64_t width) {
      const float* from = g.weight + first * g.weight_stride + column;
      add_input_block(g, dense_block(from, g.weight_stride, depth, width, pack), first, column);
    });
  });
}

// sums[p] (+)= sum of the rows, P vectors side by side.
struct ColumnSums {
  template <int P>
  FASTGRU_NO_INLINE static void run(const float* from, int64_t stride, int64_t rows, int64_t valid, bool adds,
                                    float* sums) {
    Vec acc[P];
    for_each_of<P>([&](int p) { acc[p] = zero(); });
    for (int64_t i = 0; i < rows; ++i, from += stride) {
      for_each_of<P>([&](int p) {
        const int64_t column = p * kLanes;
        acc[p] = add(acc[p], p + 1 < P ? load(from + column) : load_upto(from + column, valid - column));
      });
    }
    for_each_of<P>([&](int p) {
      const int64_t column = p * kLanes, n = p + 1 < P ? kLanes : valid - column;
      const Vec before = adds ? load_upto(sums + column, n) : zero();
      store_upto(sums + column, add(before, acc[p]), n);
    });
  }
};

// The outputs of which a block's rows are read at once: their lines stay in L2 for the tiles.
constexpr int64_t kOutputsAtOnce = kTileRows * kLanes;

// One block of rows, from `row` on, and its columns from `column` on, for `outputs` outputs from `first` on.
inline void add_weight_block(const DenseWeightArgs& g, const DenseBlock& block, int64_t row, int64_t column,
                             int64_t first, int64_t outputs) {
  const float* dy = g.dy + row * g.dy_stride + first;
  if (column == 0 && g.dbias != nullptr) {
    with_rows<ColumnSums>(panel_count(outputs), dy, g.dy_stride, block.depth, outputs, g.adds || row > 0,
                          g.dbias + first);
  }
  float* pack_dy = g.pack + kDenseBlock * kDenseBlock;
  for_halved_parts(outputs, kWideRows, [&](int64_t o, int64_t count) {
    if (block.packed) with_rows<PackTile>(count, dy + o, g.dy_stride, block.depth, pack_dy);
    dense_tiles(count, block.width, block.packed, [&](int64_t output, int64_t vector) {
      DenseProduct p;
      set_block(p, block, vector);
      p.a = (block.packed ? pack_dy : dy + o) + output;
      p.a_row = 1;
      p.a_step = block.packed ? count : g.dy_stride;
      p.c = g.dw + (first + o + output) * g.dw_stride + column + vector * kLanes;
      p.c_row = g.dw_stride;
      p.start = nullptr;
      p.start_row = 0;
      p.adds = g.adds || row > 0;
      return p;
    });
  });
}

void dense_weight_gradient(const DenseWeightArgs& g) {
  static_assert(kDenseBlock == kBlockRows, "a block of a gradient's sum is packed at once");
  float* pack = g.outputs < kOutputsWorthPacking ? nullptr : g.pack;
  for_blocks(g.rows, [&](int64_t row, int64_t depth) {
    for_blocks(g.inputs, [&](int64_t column, int64_t width) {
      const float* from = g.x + row * g.x_stride + column;
      const DenseBlock block = dense_block(from, g.x_stride, depth, width, pack);
      for (int64_t o = 0; o < g.outputs; o += kOutputsAtOnce) {
        const int64_t left = g.outputs - o;
        add_weight_block(g, block, row, column, o, left < kOutputsAtOnce ? left : kOutputsAtOnce);
      }
    });
  });
}

}  // namespace
}  // namespace fastgru
