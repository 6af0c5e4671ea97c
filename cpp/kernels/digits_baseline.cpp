// The kernels on digits for what every CPU of this architecture has.
#include "kernels/digit_table.h"
#if defined(__x86_64__) || defined(_M_X64)
#include "simd/vec_sse2.h"
#include "simd/dot_sse2.h"
#define FASTGRU_BASELINE_NAME "baseline"
#elif defined(__aarch64__) || defined(_M_ARM64)
#include "simd/vec_neon.h"
#include "simd/dot_neon.h"
#define FASTGRU_BASELINE_NAME "neon"
#else
#include "simd/vec_generic.h"
#include "simd/dot_generic.h"
#define FASTGRU_BASELINE_NAME "baseline"
#endif

#include "kernels/digits.inl"

namespace fastgru {

extern const DigitTable kDigits_baseline;
const DigitTable kDigits_baseline = make_digit_table(FASTGRU_BASELINE_NAME);

}  // namespace fastgru
