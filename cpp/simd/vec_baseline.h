// The vector that every CPU of this architecture has. Included only by isa_baseline.cpp and
// digits_baseline.cpp.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include "simd/vec_sse2.h"
#define FASTGRU_BASELINE_NAME "baseline"
#define FASTGRU_BASELINE_DOT "simd/dot_sse2.h"
#elif defined(__aarch64__) || defined(_M_ARM64)
#include "simd/vec_neon.h"
#define FASTGRU_BASELINE_NAME "neon"
#define FASTGRU_BASELINE_DOT "simd/dot_neon.h"
#else
#include "simd/vec_generic.h"
#define FASTGRU_BASELINE_NAME "baseline"
#define FASTGRU_BASELINE_DOT "simd/dot_generic.h"
#endif
