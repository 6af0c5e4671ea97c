// The kernels for what every CPU of this architecture has.
#include "kernels/kernel_table.h"
#include "simd/vec_baseline.h"

#include "kernels/isa.inl"

namespace fastgru {

extern const KernelTable kTable_baseline;
const KernelTable kTable_baseline = make_table(FASTGRU_BASELINE_NAME);

}  // namespace fastgru
