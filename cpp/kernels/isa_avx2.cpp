// The kernels for AVX2 with FMA.
#include "kernels/kernel_table.h"
#include "simd/vec_avx2.h"

#include "kernels/isa.inl"

namespace fastgru {

extern const KernelTable kTable_avx2;
const KernelTable kTable_avx2 = make_table("avx2");

}  // namespace fastgru
