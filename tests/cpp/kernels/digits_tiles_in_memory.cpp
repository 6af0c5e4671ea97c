// The kernels for AMX with tiles that are arrays: what the instructions do, as Intel's manual defines it, so
// that the kernels can be tested where no CPU has them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "kernels/digit_table.h"
#include "simd/vec_avx512.h"
#include "simd/dot_avx512_vnni.h"

namespace fastgru {
namespace {

struct MemoryTile {
  uint8_t bytes[16][64];
};

thread_local MemoryTile held[8];
thread_local bool configured = false;
thread_local int tile_rows = 0;  // of all tiles but the last two

// Faults where the CPU would.
void must(bool holds) {
  if (!holds) __builtin_trap();
}

struct Tiles {
  static void configure(int64_t rows = 16) {
    must(!configured && rows >= 1 && rows <= 16);
    configured = true;
    tile_rows = static_cast<int>(rows);
  }
  static int rows_of(int tile) { return tile >= 6 ? 16 : tile_rows; }
  static void release() {
    must(configured);
    configured = false;
  }
  template <int T>
  static void zero() {
    must(configured);
    __builtin_memset(&held[T], 0, sizeof(MemoryTile));
  }
  template <int T>
  static void load(const void* from, int64_t stride) {
    must(configured);
    for (int r = 0; r < rows_of(T); ++r) {
      __builtin_memcpy(held[T].bytes[r], static_cast<const char*>(from) + r * stride, 64);
    }
  }
  template <int T>
  static void store(void* to, int64_t stride) {
    must(configured);
    for (int r = 0; r < rows_of(T); ++r) {
      __builtin_memcpy(static_cast<char*>(to) + r * stride, held[T].bytes[r], 64);
    }
  }
  template <int C, int A, int B>
  static void dot() {
    add_products<C, A, B, uint8_t>();
  }
  template <int C, int A, int B>
  static void dot_signed() {
    add_products<C, A, B, int8_t>();
  }

 private:
  template <int C, int A, int B, class Row>
  static void add_products() {
    must(configured && rows_of(C) == rows_of(A) && rows_of(B) == 16);
    for (int m = 0; m < rows_of(C); ++m) {
      for (int n = 0; n < 16; ++n) {
        int32_t sum;
        __builtin_memcpy(&sum, &held[C].bytes[m][4 * n], 4);
        for (int k = 0; k < 64; ++k) {
          sum += static_cast<int32_t>(static_cast<Row>(held[A].bytes[m][k])) *
                 static_cast<int32_t>(static_cast<int8_t>(held[B].bytes[k / 4][4 * n + k % 4]));
        }
        __builtin_memcpy(&held[C].bytes[m][4 * n], &sum, 4);
      }
    }
  }
};

}  // namespace
}  // namespace fastgru

#include "kernels/digits.inl"
#include "kernels/digits_amx.inl"
#include "kernels/three_digits_table.h"
#include "kernels/three_digits_pack.inl"
#include "kernels/three_digits.inl"
#include "simd/columns_avx512.h"
#include "kernels/outer_digits.inl"

namespace fastgru {

extern const DigitTable kDigits_tiles_in_memory;
const DigitTable kDigits_tiles_in_memory = make_amx_table("tiles in memory");
extern const ThreeDigitTable kThreeDigits_tiles_in_memory;
const ThreeDigitTable kThreeDigits_tiles_in_memory = make_three_digit_table();
extern const OuterKernel kOuterDigits_tiles_in_memory;
const OuterKernel kOuterDigits_tiles_in_memory = outer_digits;

}  // namespace fastgru
