// One time step forward with reset_after=false, in two passes. Included once per ISA, after cell_forward.inl.

namespace fastgru {
namespace {

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
