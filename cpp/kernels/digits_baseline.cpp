// The kernels on digits for what every CPU of this architecture has.
#include "kernels/digit_table.h"
#include "simd/vec_baseline.h"
#include FASTGRU_BASELINE_DOT

#include "kernels/digits.inl"

namespace fastgru {

extern const DigitTable kDigits_baseline;
const DigitTable kDigits_baseline = make_digit_table(FASTGRU_BASELINE_NAME);

}  // namespace fastgru
