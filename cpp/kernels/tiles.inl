// How every kernel walks over panels and rows, and the inner products of floats. Included once per ISA, after
// simd/math.inl.
//
// Every output is one chain of FMAs in the order of k, started from what is there already: whatever the tile
// shape or the number of rows, a row's result has the same bits.

namespace fastgru {
namespace {

inline int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
inline int64_t panel_count(int64_t n) { return (n + kLanes - 1) / kLanes; }

inline Vec load_upto(const float* p, int64_t n) {
  return n >= kLanes ? load(p) : load_n(p, static_cast<int>(n));
}
inline void store_upto(float* p, Vec a, int64_t n) {
  if (n >= kLanes) {
    store(p, a);
  } else {
    store_n(p, a, static_cast<int>(n));
  }
}

// The weights of the next panels, and the share of them that this tile (one of `tiles` over the same panels)
// prefetches into L2. Null: none.
struct Ahead {
  const float* weights;
  int64_t tile, tiles;
};

constexpr Ahead kNothingAhead = {nullptr, 0, 1};

// For the tile that begins at `row` of `rows`. One or two rows prefetch nothing: the hardware's prefetcher
// keeps up with them, and a prefetch takes load ports and evicts the lines that serpentine panel order would
// find (Xeon, 480 MiB of L3; one row: H=512 7.8 -> 6.5 ms, 300 -> 384 units 3.2 -> 1.9 ms).
inline Ahead ahead_of(const float* weights, int64_t row, int64_t rows) {
  if (weights == nullptr || rows <= 2) return kNothingAhead;
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  return {weights, row * tiles / rows, tiles};
}

// acc[r][p*G + g] += sum over k of a[r][k] * w[panel p][k][g]. With T = 1 a column of vectors more:
// acc[r][P*G] += sum over k of a[r][k] * tail[k].
template <int R, int P, int G, int T, bool Fetch>
FASTGRU_INLINE void accumulate_loop(Vec (&acc)[R][P * G + T], const float* a, int64_t a_stride,
                                    const float* w, int64_t panel_stride, const float* tail, int64_t depth,
                                    const Ahead& ahead) {
  const float* next = ahead.weights;
  int64_t wait = ahead.tile;
  for (int64_t k = 0; k < depth; ++k) {
    if (Fetch) {
      if (wait == 0) {
        FASTGRU_UNROLL
        for (int i = 0; i < P * G; ++i) FASTGRU_PREFETCH_L2(next + i / G * panel_stride + i % G * kLanes);
        wait = ahead.tiles;
      }
      --wait;
      next += G * kLanes;
    }
    Vec b[P * G + T];
    FASTGRU_UNROLL
    for (int p = 0; p < P; ++p) {
      FASTGRU_UNROLL
      for (int g = 0; g < G; ++g) b[p * G + g] = load(w + p * panel_stride + g * kLanes);
    }
    if (T == 1) b[P * G] = load(tail + k * kLanes);
    FASTGRU_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec value = set1(a[r * a_stride + k]);
      FASTGRU_UNROLL
      for (int c = 0; c < P * G + T; ++c) acc[r][c] = fma(value, b[c], acc[r][c]);
    }
    w += G * kLanes;
  }
}

// A panel's tiles share its next panel's lines, those of every few k each. Without this the first tile
// of every panel waits for weights from beyond L2, which the hardware's prefetcher sees only then (Xeon, one
// thread, forward: H=1024, batch 32: 1.18 times as long, H=1536, batch 16: 1.55, H=2048, batch 32: 1.7).
// Every tile fetches its share evenly: lines asked for at every k take all of L1's fill buffers, and the tile
// waits for its own weights (three of four tiles a line a k each: H=1024 7 % slower). The products of
// backward read three panels side by side and are better off without (training at H=1024 up to 5 %, H=1536 2
// to 9 % faster).
template <int R, int P, int G, int T = 0>
FASTGRU_INLINE void accumulate(Vec (&acc)[R][P * G + T], const float* a, int64_t a_stride, const float* w,
                               int64_t panel_stride, int64_t depth, const Ahead& ahead,
                               const float* tail = nullptr) {
  if (ahead.weights != nullptr) {
    accumulate_loop<R, P, G, T, true>(acc, a, a_stride, w, panel_stride, tail, depth, ahead);
  } else {
    accumulate_loop<R, P, G, T, false>(acc, a, a_stride, w, panel_stride, tail, depth, ahead);
  }
}

// Splits `count` into the fewest parts of at most `most`, as even as can be: f(start, size) for each. 33 rows
// become 7+7+7+6+6, not four full tiles and a row alone that waits for its own FMA chain. One part takes no
// division: a streaming step of few units would notice it.
template <class F>
FASTGRU_INLINE void for_even_parts(int64_t count, int64_t most, F f) {
  const int64_t parts = count <= most ? (count > 0 ? 1 : 0) : (count + most - 1) / most;
  int64_t start = 0;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t left = parts - i;
    const int64_t size = left == 1 ? count - start : (count - start + left - 1) / left;
    f(start, size);
    start += size;
  }
}

// f(panel, count) over the range, `at_once(panels left)` at a time.
template <class AtOnce, class F>
FASTGRU_INLINE void for_panels(const PanelRange& range, AtOnce at_once, F f) {
  for (int64_t done = 0; done < range.last - range.first;) {
    const int64_t some = at_once(range.last - range.first - done);
    f(range.backwards ? range.last - done - some : range.first + done, some);
    done += some;
  }
}

inline int64_t one_at_once(int64_t) { return 1; }

// The weights of the panel after the `some` panels from `panel` on, in the order of the range; null where
// there is none or nothing need be fetched.
inline const float* next_panel(const PanelRange& range, int64_t panel, int64_t some, const float* weights,
                               int64_t panel_stride) {
  const int64_t next = range.backwards ? panel - some : panel + some;
  return range.weights_exceed_l2 && next >= range.first && next < range.last ? weights + next * panel_stride
                                                                             : nullptr;
}

// Calls Tile::template run<R>(args...) for a number of rows known at run time, from 1 to R.
template <class Tile, int R = kTileRows, class... Args>
FASTGRU_INLINE void with_rows(int64_t rows, const Args&... args) {
  if constexpr (R > 1) {
    if (rows != R) {
      with_rows<Tile, R - 1>(rows, args...);
      return;
    }
  }
  Tile::template run<R>(args...);
}

}  // namespace
}  // namespace fastgru
