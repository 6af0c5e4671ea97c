// The plain products. Included once per ISA, after tiles.inl.

namespace fastgru {
namespace {

// c += a * w for R rows and P panels. `valid`: columns left from the first panel on.
struct GemmTile {
  template <int R, int P>
  FASTGRU_NO_INLINE static void run_panels(const float* a, int64_t a_stride, const float* w, int64_t depth,
                                           float* c, int64_t c_stride, int64_t valid) {
    Vec acc[R][P];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) acc[r][p] = load_upto(c + r * c_stride + p * kLanes, valid - p * kLanes);
    }
    accumulate<R, P, 1>(acc, a, a_stride, w, depth * kLanes, depth, kNothingAhead);
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        store_upto(c + r * c_stride + p * kLanes, acc[r][p], valid - p * kLanes);
      }
    }
  }

  template <int R>
  static void run(int64_t panels, const float* a, int64_t a_stride, const float* w, int64_t depth, float* c,
                  int64_t c_stride, int64_t valid) {
    if constexpr (R == 1) {
      if (panels == 8) return run_panels<R, 8>(a, a_stride, w, depth, c, c_stride, valid);
    }
    if constexpr (R <= 2) {
      if (panels == 4) return run_panels<R, 4>(a, a_stride, w, depth, c, c_stride, valid);
    }
    if (panels == 3) return run_panels<R, 3>(a, a_stride, w, depth, c, c_stride, valid);
    if (panels == 2) return run_panels<R, 2>(a, a_stride, w, depth, c, c_stride, valid);
    run_panels<R, 1>(a, a_stride, w, depth, c, c_stride, valid);
  }
};

// How many panels to take at once: three, but enough for a handful of FMA chains when there are few rows.
inline int64_t panels_at_once(int64_t rows, int64_t panels_left) {
  if (rows == 1 && panels_left >= 8) return 8;
  if (rows <= 2 && panels_left >= 4) return 4;
  if (panels_left == 4) return 2;
  return panels_left < 3 ? panels_left : 3;
}

// Tiles the whole product; after each tile calls done(row, rows, column, columns).
template <class Done>
FASTGRU_INLINE void gemm_tiles(const GemmArgs& g, Done done) {
  const int64_t panels = panel_count(g.width);
  for (int64_t panel = 0; panel < panels;) {
    const int64_t some = panels_at_once(g.rows, panels - panel);
    const int64_t column = panel * kLanes;
    for_even_parts(g.rows, kTileRows, [&](int64_t row, int64_t rows) {
      if (g.depth > 0) {
        with_rows<GemmTile>(rows, some, g.a + row * g.a_stride, g.a_stride,
                            g.weights + panel * g.depth * kLanes, g.depth, g.c + row * g.c_stride + column,
                            g.c_stride, g.width - column);
      }
      done(row, rows, column, some * kLanes);
    });
    panel += some;
  }
}

void gemm(const GemmArgs& g) {
  gemm_tiles(g, [](int64_t, int64_t, int64_t, int64_t) {});
}

// G vectors of one panel: its three gates, or the one that a tail's gates share.
template <int G>
struct InputTile {
  template <int R>
  static void run(const InputGemmArgs& g, int64_t row, int64_t panel) {
    Vec acc[R][G];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int c = 0; c < G; ++c) acc[r][c] = load(g.bias + (panel * 4 + c) * kLanes);
    }
    const int64_t panel_stride = g.input * kGates * kLanes;
    const float* next = next_panel(g.panels, panel, 1, g.w, panel_stride);
    accumulate<R, 1, G>(acc, g.x + row * g.x_stride, g.x_stride, g.w + panel * panel_stride, 0, g.input,
                        ahead_of(next, row, g.rows));
    float* out = g.gx + row * g.gx_stride + panel * kGates * kLanes;
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int c = 0; c < G; ++c) store(out + r * g.gx_stride + c * kLanes, acc[r][c]);
    }
  }
};

// The panels without a tail whose gates share a vector (tail_units of pack.h), and whether such a tail
// follows them.
struct TailSplit {
  PanelRange panels;
  bool tail;
};

inline TailSplit split_tail(PanelRange panels, int64_t hidden) {
  const int64_t units = hidden % kLanes;
  if (units == 0 || kGates * units > kLanes || panels.last * kLanes <= hidden) return {panels, false};
  --panels.last;
  return {panels, true};
}

void input_gemm(const InputGemmArgs& g) {
  const TailSplit split = g.shared_tail ? split_tail(g.panels, g.hidden) : TailSplit{g.panels, false};
  if (split.tail) {
    for_even_parts(g.rows, kTileRows, [&](int64_t row, int64_t rows) {
      with_rows<InputTile<1>>(rows, g, row, split.panels.last);
    });
  }
  for_panels(split.panels, one_at_once, [&](int64_t panel, int64_t) {
    for_even_parts(g.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<InputTile<kGates>>(rows, g, row, panel); });
  });
}

}  // namespace
}  // namespace fastgru
