// The kernels on digits for AVX-512 with VNNI, and for AMX (tile, int8) beside it: one file, as they share
// code.
//
// The tests also run the kernels for AMX with tiles in memory, where no CPU has it.
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

#ifdef FASTGRU_AMX
#include "simd/tiles_amx.h"
#include "simd/columns_avx512.h"

#include "kernels/digits_amx.inl"
#include "kernels/three_digits_table.h"
#include "kernels/three_digits_pack.inl"
#include "kernels/three_digits.inl"
#include "kernels/outer_digits.inl"
#endif

namespace fastgru {

extern const DigitTable kDigits_avx512_vnni;
const DigitTable kDigits_avx512_vnni = make_digit_table("avx512_vnni");
#ifdef FASTGRU_AMX
extern const DigitTable kDigits_amx;
const DigitTable kDigits_amx = make_amx_table("amx");
extern const ThreeDigitTable kThreeDigits_amx;
const ThreeDigitTable kThreeDigits_amx = make_three_digit_table();
extern const OuterKernel kOuterDigits_amx;
const OuterKernel kOuterDigits_amx = outer_digits;
#endif

}  // namespace fastgru
