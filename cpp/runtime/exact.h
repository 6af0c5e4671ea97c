// Refuses compilers' licence to change the results of floating-point arithmetic. CMakeLists.txt takes it back
// from a project around this one; who compiles these files without CMake learns it here.
#pragma once

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||             \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || \
    defined(_M_FP_FAST)
#error \
    "fastgru computes something else with -ffast-math, -Ofast or /fp:fast: add -fno-fast-math or /fp:precise"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "fastgru computes something else where float has more digits than it stores: add -msse2 -mfpmath=sse"
#endif
