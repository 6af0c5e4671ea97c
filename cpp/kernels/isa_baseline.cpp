// The kernels for what every CPU of this architecture has.
#include "kernels/kernel_table.h"
#if defined(__x86_64__) || defined(_M_X64)
#include "simd/vec_sse2.h"
#define FASTGRU_BASELINE_NAME "baseline"
#elif defined(__aarch64__) || defined(_M_ARM64)
#include "simd/vec_neon.h"
#define FASTGRU_BASELINE_NAME "neon"
#else
#include "simd/vec_generic.h"
#define FASTGRU_BASELINE_NAME "baseline"
#endif

#include "kernels/isa.inl"

namespace fastgru {

extern const KernelTable kTable_baseline;
const KernelTable kTable_baseline = make_table(FASTGRU_BASELINE_NAME);

}  // namespace fastgru
