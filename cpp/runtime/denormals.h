// Subnormal numbers cost a hundred cycles each on some CPUs, and a decaying state is full of them. While a
// FlushDenormals lives, its thread treats them as zero; afterwards the caller's setting is restored.
//
// Who sets it: parallel_for and parallel_team for their bodies, on every thread (runtime/threads); the entry
// points of the engines and of nn for the calling thread, once a call; the C interface by KeepFloatState.
// Loops and kernels do not: they run flushed.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace fastgru {

#if defined(__SSE2__) || defined(_M_X64)
namespace float_state {
constexpr unsigned kFlush = 0x8000 | 0x0040;  // flush to zero, denormals are zero
using Word = unsigned;
inline Word read() { return _mm_getcsr(); }
inline void write(Word word) { _mm_setcsr(word); }
}  // namespace float_state
#elif defined(__aarch64__) && defined(__GNUC__)
namespace float_state {
constexpr std::uint64_t kFlush = std::uint64_t{1} << 24;  // the flags of exceptions stand in another register
using Word = std::uint64_t;
inline Word read() {
  Word word = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
inline void write(Word word) { __asm__ volatile("msr fpcr, %0" : : "r"(word)); }
}  // namespace float_state
#else
namespace float_state {
constexpr unsigned kFlush = 0;
using Word = unsigned;
inline Word read() { return 0; }
inline void write(Word) {}
}  // namespace float_state
#endif

class FlushDenormals {
 public:
  // Where denormals are flushed already, the register is not written: a nested guard costs a read. Writing it
  // once a step costs some ten nanoseconds, because a step cannot begin before the last one's activations.
  FlushDenormals() : saved_(float_state::read()) {
    if (!flushed()) float_state::write(saved_ | float_state::kFlush);
  }
  ~FlushDenormals() {
    if (!flushed()) float_state::write(saved_);
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  bool flushed() const { return (saved_ & float_state::kFlush) == float_state::kFlush; }
  float_state::Word saved_;
};

// For public entry points: restores the full control register, sticky exception flags included. (The register
// is written back without being read: after a flag was raised, reading it takes tens of nanoseconds.)
class KeepFloatState {
 public:
  KeepFloatState() : saved_(float_state::read()) { float_state::write(saved_ | float_state::kFlush); }
  ~KeepFloatState() { float_state::write(saved_); }
  KeepFloatState(const KeepFloatState&) = delete;
  KeepFloatState& operator=(const KeepFloatState&) = delete;

 private:
  float_state::Word saved_;
};

}  // namespace fastgru
