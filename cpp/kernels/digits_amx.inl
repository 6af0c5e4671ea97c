// The kernels on digits with AMX: tiles of 16 rows by 16 sums, 64 digits deep. Included once, after
// digits.inl and the definition of Tiles, with eight tiles of 16 rows of 64 bytes:
//   configure(), release()            the state of the tiles, of this thread
//   zero<T>(), load<T>(p, stride), store<T>(p, stride)
//   dot<C, A, B>()                    C += A B: unsigned by signed bytes, summed in int32
// Packed weights and rows are those of AVX-512 VNNI: a panel's weights of one gate and digit are rows of 64
// bytes (16 units by 4 values of k), one for each 4 values of k, which is the layout that AMX wants of its
// second operand.
//
// A tile instruction takes 16 cycles, and 52 until its sum can be used again: 3 sums in turn wait a little.

namespace fastgru {
namespace {

constexpr int kAmxRows = 16;
constexpr int kAmxDepth = 64;
// Fewer rows are left to AVX-512 VNNI, which does not pay for the rows that are not there.
constexpr int kAmxLeastRows = 8;

// The sums of 16 rows and a panel, as DigitTile makes them of a few.
template <int A, int W>
struct AmxTile {
  static constexpr int kClasses = DigitTile<A, W>::kClasses;
  static constexpr int kSums = kGates * kClasses;
  static constexpr int kRow = 6, kWeight = 7;  // tiles; the sums are in those before

  static void run(const DigitRows& rows, int64_t row, int64_t digit_stride, const DigitMatrix& w,
                  int64_t panel, int64_t count, float* sums) {
    zero<0>();
    const int8_t* weights = w.weights + panel * w.depth * kGates * W * kLanes;
    const char* first = rows.digits + row * rows.stride;
    for (int64_t k = 0; k < w.depth; k += kAmxDepth, weights += kAmxDepth * kGates * W * kLanes) {
      row_digit<0>(first + k, rows.stride, digit_stride, weights);
    }
    int32_t acc[kSums][kAmxRows * kLanes];
    store<0>(acc);
    join(w, panel, count, acc, sums);
  }

 private:
  template <int S>
  static FASTGRU_INLINE void zero() {
    if constexpr (S < kSums) {
      Tiles::zero<S>();
      zero<S + 1>();
    }
  }

  template <int S>
  static FASTGRU_INLINE void store(int32_t (&acc)[kSums][kAmxRows * kLanes]) {
    if constexpr (S < kSums) {
      Tiles::store<S>(acc[S], kLanes * 4);
      store<S + 1>(acc);
    }
  }

  // Digit I of the rows and those after it, times the weights' digits that they meet.
  template <int I>
  static FASTGRU_INLINE void row_digit(const char* digits, int64_t stride, int64_t digit_stride,
                                       const int8_t* weights) {
    if constexpr (I < A) {
      Tiles::load<kRow>(digits, stride);
      products<I, 0, 0>(weights);
      row_digit<I + 1>(digits + digit_stride, stride, digit_stride, weights);
    }
  }

  // For digit J of the weights and those after it, and gate G and those after it.
  template <int I, int J, int G>
  static FASTGRU_INLINE void products(const int8_t* weights) {
    if constexpr (G == kGates) {
      products<I, J + 1, 0>(weights);
    } else if constexpr (J < W && I + J < kClasses) {
      constexpr int64_t line = kLanes * kGroup;
      Tiles::load<kWeight>(weights + (G * W + J) * line, kGates * W * line);
      Tiles::dot<G * kClasses + I + J, kRow, kWeight>();
      products<I, J, G + 1>(weights);
    }
  }

  static void join(const DigitMatrix& w, int64_t panel, int64_t count,
                   const int32_t (&acc)[kSums][kAmxRows * kLanes], float* sums) {
    const int32_t* start = w.start + panel * kSums * kLanes;
    for (int64_t r = 0; r < count; ++r) {
      for_each_of<kGates>([&](int g) {
        const auto sum = [&](int s) {
          return add(load_ints(acc[s] + r * kLanes), load_ints(start + s * kLanes));
        };
        fastgru::store(sums + (r * kGates + g) * kLanes,
                       joined<kClasses>(sum(g * kClasses), sum(g * kClasses + kClasses - 1)));
      });
    }
  }
};

// f(row, rows, panel, sums) for every tile, panels outer: a panel's weights stay in L1 for all rows.
template <class Tile, class F>
FASTGRU_INLINE void amx_tiles(const PanelRange& panels, int64_t rows, const DigitRows& a,
                              const DigitMatrix& w, int64_t digit_stride, F f) {
  float sums[kAmxRows * kGates * kLanes];
  Tiles::configure();
  for_panels(panels, one_at_once, [&](int64_t panel, int64_t) {
    for (int64_t row = 0; row < rows; row += kAmxRows) {
      const int64_t some = rows - row < kAmxRows ? rows - row : kAmxRows;
      Tile::run(a, row, digit_stride, w, panel, some, sums);
      f(row, some, panel, sums);
    }
  });
  Tiles::release();
}

void amx_input(const DigitInputArgs& a) {
  if (a.rows < kAmxLeastRows) return digit_input(a);
  amx_tiles<AmxTile<2, 1>>(a.panels, a.rows, a.a, a.w, padded(a.width),
                           [&](int64_t row, int64_t rows, int64_t panel, const float* sums) {
                             store_input(a, row, rows, panel, sums);
                           });
}

template <int D>
void amx_cell(const DigitCellArgs& a) {
  if (a.rows < kAmxLeastRows) return digit_cell<D>(a);
  amx_tiles<AmxTile<D, D>>(a.panels, a.rows, a.a, a.u, padded(a.hidden),
                           [&](int64_t row, int64_t rows, int64_t panel, const float* sums) {
                             digit_epilogues(a, row, rows, panel, sums);
                           });
}

constexpr DigitTable make_amx_table(const char* name) {
  return {name,    kLanes, kGroup, kAmxDepth, kAmxRows,    static_cast<int>(sizeof(Digit)),
          kOffset, kFast,  split,  amx_input, amx_cell<1>, amx_cell<2>};
}

}  // namespace
}  // namespace fastgru
