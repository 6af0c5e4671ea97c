// The kernels for AVX-512 (F, DQ, BW, VL).
//
// GCC 12 warns about the undefined operands inside its own AVX-512 intrinsics (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "kernels/kernel_table.h"
#include "simd/vec_avx512.h"

#include "kernels/isa.inl"

namespace fastgru {

extern const KernelTable kTable_avx512;
const KernelTable kTable_avx512 = make_table("avx512");

}  // namespace fastgru
