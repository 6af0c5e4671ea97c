// Subnormal numbers cost a hundred cycles each on some CPUs, and a decaying state is full of them: while one
// of these lives, the thread treats them as zero. The caller's setting comes back afterwards.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace fastgru {

class FlushDenormals {
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

#if defined(__SSE2__) || defined(_M_X64)
  // Reading the register costs less than writing it: one of these inside another writes nothing.
  FlushDenormals() : saved_(_mm_getcsr()) {
    if ((saved_ & kBoth) != kBoth) _mm_setcsr(saved_ | kBoth);
  }
  ~FlushDenormals() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);  // the flags of what happened go as well
  }

 private:
  static constexpr unsigned kBoth = 0x8000 | 0x0040;  // flush to zero, denormals are zero
  unsigned saved_;
#elif defined(__aarch64__) && defined(__GNUC__)
  FlushDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    const std::uint64_t flush = saved_ | std::uint64_t{1} << 24;
    __asm__ volatile("msr fpcr, %0" : : "r"(flush));
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }

 private:
  std::uint64_t saved_ = 0;
#else
  FlushDenormals() {}
  ~FlushDenormals() {}
#endif
};

}  // namespace fastgru
