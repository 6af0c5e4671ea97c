// One time step forward, gates and state in registers. Included once per ISA, after gemm.inl.

namespace fastgru {
namespace {

// A state or slot row's piece of one panel: `n` valid lanes.
struct Columns {
  int64_t first, n;
};

inline Columns panel_columns(int64_t panel, int64_t hidden) {
  const int64_t first = panel * kLanes;
  return {first, hidden - first};
}

template <bool Full>
FASTGRU_INLINE Vec load_columns(const float* row, Columns c) {
  return Full ? load(row + c.first) : load_n(row + c.first, static_cast<int>(c.n));
}
template <bool Full>
FASTGRU_INLINE void store_columns(float* row, Columns c, Vec v) {
  if (Full) {
    store(row + c.first, v);
  } else {
    store_n(row + c.first, v, static_cast<int>(c.n));
  }
}

template <bool Full>
FASTGRU_INLINE void store_slots(float* slots, int64_t hidden, Columns c, Vec q, Vec r, Vec z, Vec n) {
  store_columns<Full>(slots, c, q);
  store_columns<Full>(slots + hidden, c, r);
  store_columns<Full>(slots + 2 * hidden, c, z);
  store_columns<Full>(slots + 3 * hidden, c, n);
}

struct CellTile {
  // Biases and W x (from x, or hoisted), into r, z, n; the input side of n then moves out of the way of q.
  template <int R, int P>
  static FASTGRU_INLINE void input_side(const CellForwardArgs& a, int64_t row, int64_t panel,
                                        Vec (&acc)[R][P * kGates], Vec (&nx)[R][P]) {
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        const float* start = a.gx != nullptr ? a.gx + (row + r) * a.gx_stride + (panel + p) * kGates * kLanes
                                             : a.bias + (panel + p) * 4 * kLanes;
        FASTGRU_UNROLL
        for (int g = 0; g < kGates; ++g) acc[r][p * kGates + g] = load(start + g * kLanes);
      }
    }
    if (a.gx == nullptr) {
      const int64_t panel_stride = a.input * kGates * kLanes;
      const float* next = next_panel(a.panels, panel, P, a.w, panel_stride);
      accumulate<R, P, kGates>(acc, a.x + row * a.x_stride, a.x_stride, a.w + panel * panel_stride,
                               panel_stride, a.input, ahead_of(next, row, a.rows));
    }
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        nx[r][p] = acc[r][p * kGates + 2];
        acc[r][p * kGates + 2] = load(a.bias + ((panel + p) * 4 + 3) * kLanes);
      }
    }
  }

  // From N rows' sums of one panel to their new states. Full: all lanes are units, so no load or store needs
  // a mask.
  template <bool Full, int N>
  static FASTGRU_INLINE void epilogue(const CellForwardArgs& a, int64_t row, Columns c, Vec (&r)[N],
                                      Vec (&z)[N], const Vec (&q)[N], const Vec (&nx)[N]) {
    Vec n[N];
    // Each slot is stored as soon as it is known: at the end, 16 stores at once to lines that are not in the
    // cache fill the store buffer (H=256, batch 64: 8 % of a training forward).
    const auto keep = [&](int slot, const Vec(&v)[N]) {
      if (a.slots == nullptr) return;
      for_each_of<N>([&](int i) {
        store_columns<Full>(a.slots + (row + i) * a.slots_stride + slot * a.hidden, c, v[i]);
      });
    };
    keep(0, q);
    sigmoid(r);
    keep(1, r);
    for_each_of<N>([&](int i) { n[i] = fma(r[i], q[i], nx[i]); });
    sigmoid(z);
    keep(2, z);
    tanh(n);
    keep(3, n);
    for_each_of<N>([&](int i) {
      const Vec h = load_columns<Full>(a.h_prev + (row + i) * a.h_prev_stride, c);
      store_columns<Full>(a.h + (row + i) * a.h_stride, c, fma(z[i], sub(h, n[i]), n[i]));
    });
  }

  // Row by row from `First` on, kEpilogueRows at once.
  template <int First, int R, int P>
  static FASTGRU_INLINE void epilogues(const CellForwardArgs& a, int64_t row, int p, Columns c,
                                       const Vec (&acc)[R][P * kGates], const Vec (&nx)[R][P]) {
    if constexpr (First < R) {
      constexpr int N = R - First < kEpilogueRows ? R - First : kEpilogueRows;
      Vec r[N], z[N], q[N], x[N];
      for_each_of<N>([&](int i) {
        r[i] = acc[First + i][p * kGates];
        z[i] = acc[First + i][p * kGates + 1];
        q[i] = acc[First + i][p * kGates + 2];
        x[i] = nx[First + i][p];
      });
      if (c.n >= kLanes) {
        epilogue<true>(a, row + First, c, r, z, q, x);
      } else {
        epilogue<false>(a, row + First, c, r, z, q, x);
      }
      epilogues<First + N>(a, row, p, c, acc, nx);
    }
  }

  template <int R, int P>
  static void run_panels(const CellForwardArgs& a, int64_t row, int64_t panel) {
    Vec acc[R][P * kGates];
    Vec nx[R][P];
    input_side<R, P>(a, row, panel, acc, nx);
    const int64_t panel_stride = a.hidden * kGates * kLanes;
    const float* next = next_panel(a.panels, panel, P, a.u, panel_stride);
    accumulate<R, P, kGates>(acc, a.h_prev + row * a.h_prev_stride, a.h_prev_stride,
                             a.u + panel * panel_stride, panel_stride, a.hidden, ahead_of(next, row, a.rows));
    FASTGRU_UNROLL
    for (int p = 0; p < P; ++p) epilogues<0>(a, row, p, panel_columns(panel + p, a.hidden), acc, nx);
  }

  template <int R>
  static void run(const CellForwardArgs& a, int64_t row, int64_t panel, int64_t panels) {
    if constexpr (R <= 2) {
      if (panels == 2) return run_panels<R, 2>(a, row, panel);
    }
    run_panels<R, 1>(a, row, panel);
  }
};

// Panels at once: with one or two rows, two. Four would make 12 FMA chains of a single row, but going to and
// fro wants small groups: a step then finds more of the last one's weights in L1 (Zen 5, one row: 64 -> 64
// units 616 against 465 ns a step, H=128 1.36 against 1.22 us, and nothing lost at H=32 and 64).
inline int64_t gate_panels_at_once(int64_t rows, int64_t panels_left) {
  if (rows <= 2 && panels_left >= 2) return 2;
  return 1;
}

void cell_forward(const CellForwardArgs& a) {
  const auto at_once = [&](int64_t left) { return gate_panels_at_once(a.rows, left); };
  for_panels(a.panels, at_once, [&](int64_t panel, int64_t some) {
    for_even_parts(a.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<CellTile>(rows, a, row, panel, some); });
  });
}

// reset_after=false, first pass: r and z of all units, and r*h.
struct ResetBeforeRzTile {
  template <int R>
  static void run(const ResetBeforeForwardArgs& a, int64_t row, int64_t panel) {
    Vec acc[R][2];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      const float* gx = a.gx + (row + r) * a.gx_stride + panel * kGates * kLanes;
      acc[r][0] = load(gx);
      acc[r][1] = load(gx + kLanes);
    }
    accumulate<R, 1, 2>(acc, a.h_prev + row * a.h_prev_stride, a.h_prev_stride,
                        a.u_rz + panel * a.hidden * 2 * kLanes, 0, a.hidden,
                        ahead_of(next_panel(a.panels, panel, 1, a.u_rz, a.hidden * 2 * kLanes), row, a.rows));
    const Columns c = panel_columns(panel, a.hidden);
    for (int r = 0; r < R; ++r) {
      sigmoid(acc[r]);
      const Vec reset = acc[r][0];
      const Vec h = load_upto(a.h_prev + (row + r) * a.h_prev_stride + c.first, c.n);
      store(a.z + (row + r) * a.scratch_stride + c.first, acc[r][1]);
      store(a.rh + (row + r) * a.scratch_stride + c.first, mul(reset, h));
      if (a.slots != nullptr) {
        store_upto(a.slots + (row + r) * a.slots_stride + a.hidden + c.first, reset, c.n);
      }
    }
  }
};

void reset_before_rz(const ResetBeforeForwardArgs& a) {
  for_panels(a.panels, one_at_once, [&](int64_t panel, int64_t) {
    for_even_parts(a.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<ResetBeforeRzTile>(rows, a, row, panel); });
  });
}

// Second pass: n from r*h, and the new state.
struct ResetBeforeNTile {
  template <int R>
  static void run(const ResetBeforeForwardArgs& a, int64_t row, int64_t panel) {
    Vec acc[R][1];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      acc[r][0] = load(a.gx + (row + r) * a.gx_stride + (panel * kGates + 2) * kLanes);
    }
    accumulate<R, 1, 1>(acc, a.rh + row * a.scratch_stride, a.scratch_stride,
                        a.u_n + panel * a.hidden * kLanes, 0, a.hidden,
                        ahead_of(next_panel(a.panels, panel, 1, a.u_n, a.hidden * kLanes), row, a.rows));
    const Columns c = panel_columns(panel, a.hidden);
    for (int r = 0; r < R; ++r) {
      tanh(acc[r]);
      const Vec n = acc[r][0];
      const Vec z = load(a.z + (row + r) * a.scratch_stride + c.first);
      const Vec h = load_upto(a.h_prev + (row + r) * a.h_prev_stride + c.first, c.n);
      store_upto(a.h + (row + r) * a.h_stride + c.first, fma(z, sub(h, n), n), c.n);
      if (a.slots == nullptr) continue;
      float* slots = a.slots + (row + r) * a.slots_stride;
      store_upto(slots + c.first, load(a.rh + (row + r) * a.scratch_stride + c.first), c.n);
      store_upto(slots + 2 * a.hidden + c.first, z, c.n);
      store_upto(slots + 3 * a.hidden + c.first, n, c.n);
    }
  }
};

void reset_before_n(const ResetBeforeForwardArgs& a) {
  for_panels(a.panels, one_at_once, [&](int64_t panel, int64_t) {
    for_even_parts(a.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<ResetBeforeNTile>(rows, a, row, panel); });
  });
}

}  // namespace
}  // namespace fastgru
