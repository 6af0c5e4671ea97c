// Subnormal numbers are zero while a FlushDenormals lives; then the caller's control register is restored.
#include "runtime/denormals.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace {

namespace float_state = fastgru::float_state;

constexpr float kSmallest = 1.17549435e-38f;  // the smallest normal float

// Computed at run time, not by the compiler with its own rounding.
bool results_are_flushed() {
  volatile float small = kSmallest, half = 0.5f;
  volatile float product = small * half;
  return product == 0.0f;
}

bool operands_are_flushed() {
  volatile float subnormal = kSmallest / 4, large = 1e30f;
  volatile float product = subnormal * large;
  return product == 0.0f;
}

struct RestoreRegister {
  float_state::Word word = float_state::read();
  ~RestoreRegister() { float_state::write(word); }
};

bool supported() { return float_state::kFlush != 0; }  // elsewhere nothing is flushed, and nothing is asked

}  // namespace

TEST_CASE("denormals: operands and results are zero within, and themselves before and after") {
  if (!supported()) return;
  const RestoreRegister restore;
  float_state::write(restore.word & ~float_state::Word{float_state::kFlush});
  CHECK_FALSE(results_are_flushed());
  CHECK_FALSE(operands_are_flushed());
  {
    const fastgru::FlushDenormals flush;
    CHECK(results_are_flushed());
    CHECK(operands_are_flushed());
    volatile float small = kSmallest;
    CHECK(small * 1.0f == kSmallest);  // a normal number stays
    {
      const fastgru::FlushDenormals again;
      CHECK(results_are_flushed());
    }
    CHECK(results_are_flushed());  // the inner one has not ended it
  }
  CHECK_FALSE(results_are_flushed());
  CHECK_FALSE(operands_are_flushed());
}

TEST_CASE("denormals: a caller that flushes already finds its register as it was") {
  if (!supported()) return;
  const RestoreRegister restore;
  float_state::write(restore.word | float_state::kFlush);
  { const fastgru::FlushDenormals flush; }
  CHECK(results_are_flushed());
  { const fastgru::KeepFloatState keep; }
  CHECK(results_are_flushed());
}

#if defined(__SSE2__) || defined(_M_X64)
TEST_CASE("denormals: one of the two bits alone is no flushing yet, and comes back alone") {
  const RestoreRegister restore;
  const float_state::Word plain = restore.word & ~float_state::Word{float_state::kFlush};
  for (const float_state::Word one : {0x8000u, 0x0040u}) {
    float_state::write(plain | one);
    {
      const fastgru::FlushDenormals flush;
      CHECK((float_state::read() & float_state::kFlush) == float_state::kFlush);
    }
    CHECK((float_state::read() & float_state::kFlush) == one);
  }
}

TEST_CASE("denormals: KeepFloatState restores rounding mode and exception flags") {
  const RestoreRegister restore;
  const float_state::Word before =
      (restore.word & ~float_state::Word{float_state::kFlush | 0x3f | 0x6000}) | 0x2000 | 0x10;
  float_state::write(before);  // rounds downwards; an underflow has been
  {
    const fastgru::KeepFloatState keep;
    CHECK((float_state::read() & 0x6000) == 0x2000);  // the caller's rounding holds within
    CHECK(results_are_flushed());
    volatile float zero = 0.0f, one = 1.0f;
    volatile float infinite = one / zero;  // raises a flag
    CHECK(infinite > 1e38f);
    CHECK((float_state::read() & 0x4) != 0);
  }
  CHECK(float_state::read() == before);
}
#endif
