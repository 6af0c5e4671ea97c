// One time step forward, gates and state in registers. Included once per ISA, after cell_tail.inl.

namespace fastgru {
namespace {

// Up to kFewRows rows process two panels together, and a tail together with panels: one row of a tail alone
// is a single chain of FMAs, each of which waits for the last (H=50, one row: 1.23 times as long). More rows
// process the tail alone; there are enough of them to keep both FMA units busy.
constexpr int kFewRows = 2;
constexpr int kTailRows = 8;

// R rows of P panels, and with T = 1 of the tail, whose sums follow the panels' sums.
struct CellTile {
  // Biases and W x (from x, or hoisted), into r, z, n; the input side of n then moves out of the way of q.
  template <int R, int P, int T>
  static FASTGRU_INLINE void input_side(const CellForwardArgs& a, int64_t row, int64_t panel,
                                        Vec (&acc)[R][P * kGates + T], Vec (&nx)[R][P + T]) {
    const int64_t last = a.hidden / kLanes;
    for_each_of<R>([&](int r) {
      const float* start = a.gx != nullptr ? a.gx + (row + r) * a.gx_stride : a.bias;
      const int64_t stride = (a.gx != nullptr ? kGates : 4) * kLanes;
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        FASTGRU_UNROLL
        for (int g = 0; g < kGates; ++g)
          acc[r][p * kGates + g] = load(start + (panel + p) * stride + g * kLanes);
      }
      if (T == 1) acc[r][P * kGates] = load(start + last * stride);
    });
    if (a.gx == nullptr) {
      const int64_t panel_stride = a.input * kGates * kLanes;
      const float* next = next_panel(a.panels, panel, P, a.w, panel_stride);
      accumulate<R, P, kGates, T>(acc, a.x + row * a.x_stride, a.x_stride, a.w + panel * panel_stride,
                                  panel_stride, a.input, ahead_of(next, row, a.rows),
                                  a.w + last * panel_stride);
    }
    for_each_of<R>([&](int r) {
      FASTGRU_UNROLL
      for (int p = 0; p < P; ++p) {
        nx[r][p] = acc[r][p * kGates + 2];
        acc[r][p * kGates + 2] = load(a.bias + ((panel + p) * 4 + 3) * kLanes);
      }
      if (T == 1) {
        nx[r][P] = acc[r][P * kGates];
        acc[r][P * kGates] = first_of(nx[r][P], load(a.bias + (last * 4 + 3) * kLanes),
                                      static_cast<int>(2 * (a.hidden % kLanes)));
      }
    });
  }

  // From the sums of N rows and panels to their new states. Full: all lanes are units, so no load or store
  // needs a mask.
  template <bool Full, int N>
  static FASTGRU_INLINE void epilogue(const CellForwardArgs& a, const Place (&at)[N], Vec (&r)[N],
                                      Vec (&z)[N], const Vec (&q)[N], Vec (&n)[N]) {
    // Each slot is stored as soon as it is known: at the end, 16 stores at once to lines that are not in the
    // cache fill the store buffer (H=256, batch 64: 8 % of a training forward).
    gates(r, z, q, n, [&](int slot, const Vec(&v)[N]) {
      if (a.slots == nullptr) return;
      for_each_of<N>([&](int i) {
        store_columns<Full>(a.slots + at[i].row * a.slots_stride + slot * a.hidden, at[i].c, v[i]);
      });
    });
    for_each_of<N>([&](int i) {
      const Vec h = load_columns<Full>(a.h_prev + at[i].row * a.h_prev_stride, at[i].c);
      store_columns<Full>(a.h + at[i].row * a.h_stride, at[i].c, fma(z[i], sub(h, n[i]), n[i]));
    });
  }

  // The sums of one row of panel p of a tile; p = P: of the tail.
  struct Sums {
    Vec r, z, q, nx;
  };
  template <int R, int P, int T>
  static FASTGRU_INLINE Sums sums_of(const Vec (&acc)[R][P * kGates + T], const Vec (&nx)[R][P + T], int r,
                                     int p, int units) {
    const Vec(&sums)[P * kGates + T] = acc[r];
    if (T == 1 && p == P) {
      const Vec all = sums[P * kGates];
      return {all, from_lane(all, units), from_lane(all, 2 * units), from_lane(nx[r][P], 2 * units)};
    }
    return {sums[p * kGates], sums[p * kGates + 1], sums[p * kGates + 2], nx[r][p]};
  }

  // Panel by panel and row by row, from place `First` on, kEpilogueRows places at once; the tail is the last
  // panel.
  template <int First, int R, int P, int T>
  static FASTGRU_INLINE void epilogues(const CellForwardArgs& a, int64_t row, int64_t panel,
                                       const Vec (&acc)[R][P * kGates + T], const Vec (&nx)[R][P + T]) {
    if constexpr (First < R * (P + T)) {
      constexpr int N = R * (P + T) - First < kEpilogueRows ? R * (P + T) - First : kEpilogueRows;
      Place at[N];
      Vec r[N], z[N], q[N], x[N];
      for_each_of<N>([&](int i) {
        const int tile_row = (First + i) % R, p = (First + i) / R;
        at[i] = {row + tile_row, panel_columns(p == P ? a.hidden / kLanes : panel + p, a.hidden)};
        const Sums sums = sums_of<R, P, T>(acc, nx, tile_row, p, static_cast<int>(a.hidden % kLanes));
        r[i] = sums.r;
        z[i] = sums.z;
        q[i] = sums.q;
        x[i] = sums.nx;
      });
      if (T == 0 && at[N - 1].c.n == kLanes) {
        epilogue<true>(a, at, r, z, q, x);
      } else {
        epilogue<false>(a, at, r, z, q, x);
      }
      epilogues<First + N, R, P, T>(a, row, panel, acc, nx);
    }
  }

  template <int R, int P, int T>
  static void run_panels(const CellForwardArgs& a, int64_t row, int64_t panel) {
    Vec acc[R][P * kGates + T];
    Vec nx[R][P + T];
    input_side<R, P, T>(a, row, panel, acc, nx);
    const int64_t panel_stride = a.hidden * kGates * kLanes;
    const float* next = next_panel(a.panels, panel, P, a.u, panel_stride);
    accumulate<R, P, kGates, T>(acc, a.h_prev + row * a.h_prev_stride, a.h_prev_stride,
                                a.u + panel * panel_stride, panel_stride, a.hidden,
                                ahead_of(next, row, a.rows), a.u + a.hidden / kLanes * panel_stride);
    if constexpr (T == 1 && R > kFewRows) {
      tail_epilogue(a, row, acc, nx);
    } else {
      epilogues<0, R, P, T>(a, row, panel, acc, nx);
    }
  }

  template <int R>
  static void run(const CellForwardArgs& a, int64_t row, int64_t panel, int64_t panels, bool tail) {
    if constexpr (R <= kFewRows) {
      if (panels == 2) return tail ? run_panels<R, 2, 1>(a, row, panel) : run_panels<R, 2, 0>(a, row, panel);
      if (panels == 1 && tail) return run_panels<R, 1, 1>(a, row, panel);
    }
    run_panels<R, 1, 0>(a, row, panel);
  }
};

// The tail alone.
struct CellTailTile {
  template <int R>
  static void run(const CellForwardArgs& a, int64_t row) {
    CellTile::run_panels<R, 0, 1>(a, row, 0);
  }
};

// Panels at once: with one or two rows, two. Four would make 12 FMA chains of a single row, but serpentine
// panel order needs small groups: a step then finds more of the last step's weights in L1 (Zen 5, one row: 64
// -> 64 units 616 against 465 ns a step, H=128 1.36 against 1.22 us, and nothing lost at H=32 and 64).
inline int64_t gate_panels_at_once(int64_t rows, int64_t panels_left) {
  if (rows <= kFewRows && panels_left >= 2) return 2;
  return 1;
}

void cell_forward(const CellForwardArgs& a) {
  const auto at_once = [&](int64_t left) { return gate_panels_at_once(a.rows, left); };
  const TailSplit split = split_tail(a.panels, a.hidden);
  bool tail = split.tail;
  if (tail && (a.rows > kFewRows || split.panels.first == split.panels.last)) {
    for_even_parts(a.rows, kTailRows,
                   [&](int64_t row, int64_t rows) { with_rows<CellTailTile, kTailRows>(rows, a, row); });
    tail = false;
  }
  for_panels(split.panels, at_once, [&](int64_t panel, int64_t some) {
    for_even_parts(a.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<CellTile>(rows, a, row, panel, some, tail); });
    tail = false;
  });
}

}  // namespace
}  // namespace fastgru
