// One time step backward: the recurrent product, then the gradients of the gates, in place in the tape.
// Included once per ISA, after cell_parts.inl.
//
// The product is summed into carry tile by tile, and what follows from a tile is done while it is still in
// L1.

namespace fastgru {
namespace {

inline GemmArgs carry_product(const CellBackwardArgs& a) {
  GemmArgs g{};
  g.rows = a.rows;
  g.depth = a.depth;
  // Carry is padded to whole vectors: no store needs a mask.
  g.width = (a.panels.last - a.panels.first) * kLanes;
  g.a = a.a;
  g.a_stride = a.a_stride;
  g.weights = a.weights + a.panels.first * kLanes * a.depth;
  g.c = a.carry + a.panels.first * kLanes;
  g.c_stride = a.carry_stride;
  return g;
}

// Calls Piece::run<Full>(args, row, columns) for each row and panel of a finished tile, whose columns are
// counted from the first panel on. Rows outer: a row's slots of neighbouring panels are neighbours (the other
// way round cost 2 % of a training call).
template <class Piece>
FASTGRU_INLINE void for_pieces(const CellBackwardArgs& a, int64_t row, int64_t rows, int64_t from,
                               int64_t columns) {
  const int64_t column = a.panels.first * kLanes + from;
  for (int64_t r = row; r < row + rows; ++r) {
    int64_t c = column;
    for (; c < column + columns && c + kLanes <= a.hidden; c += kLanes) {
      Piece::template run<true>(a, r, {c, kLanes});
    }
    if (c < column + columns && c < a.hidden) Piece::template run<false>(a, r, {c, a.hidden - c});
  }
}

struct StepGradients {
  Vec dn, dz, carry;  // of the candidate's and the update gate's pre-activation, and dh * z
};

// dh = carry + dy; da_n = dh (1-z) (1-n^2); da_z = dh (h-n) z (1-z)
template <bool Full>
FASTGRU_INLINE StepGradients step_gradients(const CellBackwardArgs& a, int64_t row, Columns c, Vec z, Vec n) {
  const Vec one = set1(1.0f);
  Vec dh = load(a.carry + row * a.carry_stride + c.first);
  if (a.dy != nullptr) dh = add(dh, load_columns<Full>(a.dy + row * a.dy_stride, c));
  const Vec h = load_columns<Full>(a.h_prev + row * a.h_prev_stride, c);
  const Vec keep = sub(one, z);
  const Vec dn = mul(mul(dh, keep), fnma(n, n, one));
  const Vec dz = mul(mul(dh, sub(h, n)), mul(z, keep));
  return {dn, dz, mul(dh, z)};
}

struct ResetAfterPiece {
  template <bool Full>
  static FASTGRU_INLINE void run(const CellBackwardArgs& a, int64_t row, Columns c) {
    float* slots = a.slots + row * a.slots_stride;
    const Vec q = load_columns<Full>(slots, c);
    const Vec r = load_columns<Full>(slots + a.hidden, c);
    const Vec z = load_columns<Full>(slots + 2 * a.hidden, c);
    const Vec n = load_columns<Full>(slots + 3 * a.hidden, c);
    const StepGradients g = step_gradients<Full>(a, row, c, z, n);
    const Vec dq = mul(g.dn, r);                         // dq = da_n r
    const Vec dr = mul(mul(dq, q), sub(set1(1.0f), r));  // da_r = da_n q r (1-r)
    store_slots<Full>(slots, a.hidden, c, dq, dr, g.dz, g.dn);
    store(a.carry + row * a.carry_stride + c.first, g.carry);
  }
};

struct ResetBeforePiece {
  template <bool Full>
  static FASTGRU_INLINE void run(const CellBackwardArgs& a, int64_t row, Columns c) {
    float* slots = a.slots + row * a.slots_stride;
    const Vec z = load_columns<Full>(slots + 2 * a.hidden, c);
    const Vec n = load_columns<Full>(slots + 3 * a.hidden, c);
    const StepGradients g = step_gradients<Full>(a, row, c, z, n);
    store_columns<Full>(slots + 2 * a.hidden, c, g.dz);
    store_columns<Full>(slots + 3 * a.hidden, c, g.dn);
    store(a.carry + row * a.carry_stride + c.first, g.carry);
  }
};

void backward_reset_after(const CellBackwardArgs& a) {
  gemm_tiles(carry_product(a), [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    for_pieces<ResetAfterPiece>(a, row, rows, column, columns);
  });
}

void backward_reset_before(const CellBackwardArgs& a) {
  gemm_tiles(carry_product(a), [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    for_pieces<ResetBeforePiece>(a, row, rows, column, columns);
  });
}

// d(r*h) = U_n^T da_n for R rows of one panel; then da_r = d(r*h) h r (1-r) and carry += d(r*h) r.
struct ResetTile {
  template <int R>
  static void run(const CellBackwardArgs& a, int64_t row, int64_t panel) {
    Vec acc[R][1];
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) acc[r][0] = zero();
    accumulate<R, 1, 1>(acc, a.a + row * a.a_stride, a.a_stride, a.weights + panel * a.depth * kLanes, 0,
                        a.depth, kNothingAhead);
    const Columns c = panel_columns(panel, a.hidden);
    for (int i = 0; i < R; ++i) {
      float* slot = a.slots + (row + i) * a.slots_stride + a.hidden + c.first;
      float* carry = a.carry + (row + i) * a.carry_stride + c.first;
      const Vec r = load_upto(slot, c.n);
      const Vec h = load_upto(a.h_prev + (row + i) * a.h_prev_stride + c.first, c.n);
      const Vec through = mul(acc[i][0], r);
      store_upto(slot, mul(mul(through, h), sub(set1(1.0f), r)), c.n);
      store(carry, add(load(carry), through));
    }
  }
};

void backward_reset_before_pass2(const CellBackwardArgs& a) {
  for (int64_t panel = a.panels.first; panel < a.panels.last; ++panel) {
    for_even_parts(a.rows, kTileRows,
                   [&](int64_t row, int64_t rows) { with_rows<ResetTile>(rows, a, row, panel); });
  }
}

}  // namespace
}  // namespace fastgru
