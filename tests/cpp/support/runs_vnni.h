// Whether this machine runs the kernels for AVX-512 VNNI, which those for AMX with tiles in memory need.
#pragma once

#include <string>

#include "kernels/dispatch.h"

namespace fastgru::testing {

inline bool runs_vnni() {
  const std::string before = active_isa();
  if (!set_active_isa("avx512")) return false;
  const DigitTable* digits = active_kernel_set().digits;
  set_active_isa(before);
  return digits != nullptr && digits->group == 4;
}

// The kernel of weight gradients in digits, where this machine has AMX; else null.
inline OuterKernel amx_outer_digits() {
  const std::string before = active_isa();
  if (!set_active_isa("amx")) return nullptr;
  const OuterKernel outer = active_kernel_set().outer_digits;
  set_active_isa(before);
  return outer;
}

}  // namespace fastgru::testing
