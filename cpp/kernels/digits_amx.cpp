// The kernels on digits for AMX (tile, int8) beside AVX-512 with VNNI.
//
// Not run on a CPU with AMX yet: the tests run these kernels with tiles in memory, and dispatch.cpp uses them
// only where they give the bits of AVX-512 VNNI.
//
// GCC 12 warns about the undefined operands inside its own AVX-512 intrinsics (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "kernels/digit_table.h"
#include "simd/vec_avx512.h"
#include "simd/dot_avx512_vnni.h"
#include "simd/tiles_amx.h"

#include "kernels/digits.inl"
#include "kernels/digits_amx.inl"

namespace fastgru {

extern const DigitTable kDigits_amx;
const DigitTable kDigits_amx = make_amx_table("amx");

}  // namespace fastgru
