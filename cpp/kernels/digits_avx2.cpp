// The kernels on digits for AVX2.
#include "kernels/digit_table.h"
#include "simd/vec_avx2.h"
#include "simd/dot_avx2.h"

#include "kernels/digits.inl"

namespace fastgru {

extern const DigitTable kDigits_avx2;
const DigitTable kDigits_avx2 = make_digit_table("avx2");

}  // namespace fastgru
