// The end of a forward step for a tail: the few units of a last panel whose gates share one vector (see
// kernel_table.h). Included once per ISA, after cell_parts.inl.

namespace fastgru {
namespace {

// R rows' values of a tail's `units` units, side by side, and room for a vector that reaches beyond them.
template <int R>
struct TailValues {
  static constexpr int64_t kVectors = (R * (kLanes / kGates) + kLanes - 1) / kLanes;
  float values[(kVectors + 1) * kLanes];

  // From rows that may be read for a whole vector.
  void gather(const float* from, int64_t stride, int64_t units) {
    for (int r = 0; r < R; ++r) store(values + r * units, load(from + r * stride));
  }
  void gather_exactly(const float* from, int64_t stride, int64_t units) {
    for (int r = 0; r < R; ++r) store(values + r * units, load_n(from + r * stride, static_cast<int>(units)));
  }
  void scatter(float* to, int64_t stride, int64_t units) const {
    for (int r = 0; r < R; ++r) {
      store_n(to + r * stride, load(values + r * units), static_cast<int>(units));
    }
  }
};

// From the sums of a tail, r, z and q of its units in one vector a row, and its input side to new states.
// They go through memory gate by gate, so that the units of all rows share the vectors of the activations:
// with H=50, 8 rows take one, not eight.
template <int R>
FASTGRU_INLINE void tail_epilogue(const CellForwardArgs& a, int64_t row, const Vec (&sums)[R][1],
                                  const Vec (&input)[R][1]) {
  const int64_t units = a.hidden % kLanes, first = a.hidden - units;
  float rows[(R + 1) * kLanes], input_rows[(R + 1) * kLanes];
  for_each_of<R>([&](int i) {
    store(rows + i * kLanes, sums[i][0]);
    store(input_rows + i * kLanes, input[i][0]);
  });
  store(rows + R * kLanes, zero());
  store(input_rows + R * kLanes, zero());
  TailValues<R> q, r, z, n, h;
  r.gather(rows, kLanes, units);
  z.gather(rows + units, kLanes, units);
  q.gather(rows + 2 * units, kLanes, units);
  n.gather(input_rows + 2 * units, kLanes, units);
  h.gather_exactly(a.h_prev + row * a.h_prev_stride + first, a.h_prev_stride, units);
  for (int64_t i = 0; i < R * units; i += kLanes) {
    Vec vr[1] = {load(r.values + i)}, vz[1] = {load(z.values + i)}, vn[1] = {load(n.values + i)};
    const Vec vq[1] = {load(q.values + i)};
    gates(vr, vz, vq, vn, [](int, const Vec(&)[1]) {});
    store(h.values + i, fma(vz[0], sub(load(h.values + i), vn[0]), vn[0]));
    store(r.values + i, vr[0]);
    store(z.values + i, vz[0]);
    store(n.values + i, vn[0]);
  }
  h.scatter(a.h + row * a.h_stride + first, a.h_stride, units);
  if (a.slots == nullptr) return;
  float* slots = a.slots + row * a.slots_stride + first;
  q.scatter(slots, a.slots_stride, units);
  r.scatter(slots + a.hidden, a.slots_stride, units);
  z.scatter(slots + 2 * a.hidden, a.slots_stride, units);
  n.scatter(slots + 3 * a.hidden, a.slots_stride, units);
}

}  // namespace
}  // namespace fastgru
