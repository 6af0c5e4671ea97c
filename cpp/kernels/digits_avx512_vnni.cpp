// The kernels on digits for AVX-512 with VNNI.
//
// GCC 12 warns about the undefined operands inside its own AVX-512 intrinsics (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "kernels/digit_table.h"
#include "simd/vec_avx512.h"
#include "simd/dot_avx512_vnni.h"

#include "kernels/digits.inl"

namespace fastgru {

extern const DigitTable kDigits_avx512_vnni;
const DigitTable kDigits_avx512_vnni = make_digit_table("avx512_vnni");

}  // namespace fastgru
