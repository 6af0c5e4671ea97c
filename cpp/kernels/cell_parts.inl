// What the cells of both directions and variants are made of. Included once per ISA, after tiles.inl.

namespace fastgru {
namespace {

// A state or slot row's piece of one panel: `n` valid lanes.
struct Columns {
  int64_t first, n;
};

inline Columns panel_columns(int64_t panel, int64_t hidden) {
  const int64_t first = panel * kLanes, left = hidden - first;
  return {first, left < kLanes ? left : kLanes};
}

struct Place {
  int64_t row;
  Columns c;
};

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

// r, z and n from the sums of the gates, N vectors at once; on entry n holds its input side. keep(slot,
// values) is called for every slot as soon as it is known.
template <int N, class Keep>
FASTGRU_INLINE void gates(Vec (&r)[N], Vec (&z)[N], const Vec (&q)[N], Vec (&n)[N], Keep keep) {
  keep(0, q);
  sigmoid(r);
  keep(1, r);
  for_each_of<N>([&](int i) { n[i] = fma(r[i], q[i], n[i]); });
  sigmoid(z);
  keep(2, z);
  tanh(n);
  keep(3, n);
}

}  // namespace
}  // namespace fastgru
