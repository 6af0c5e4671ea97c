// Exclusive: one thread at a time. A second thread is refused, until the first one leaves.
#include <doctest/doctest.h>

#include <atomic>

#include "runtime/exclusive.h"

TEST_CASE("exclusive: a second thread is refused, and does not free the place of the first") {
  std::atomic<bool> busy{false};
  {
    const fastgru::Exclusive first(busy, "stream");
    CHECK(first.status().ok());
    for (int i = 0; i < 2; ++i) {
      const fastgru::Exclusive second(busy, "stream");
      CHECK(second.status().code() == fastgru::ErrorCode::in_use);
      CHECK(second.status().message() == "this stream is in use by another thread");
    }
    CHECK(busy);
  }
  CHECK(!busy);
  CHECK(fastgru::Exclusive(busy, "stream").status().ok());
}
