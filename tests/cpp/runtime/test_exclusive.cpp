// One thread at a time: the second one is refused, and the first one's place becomes free again.
#include <doctest/doctest.h>

#include <atomic>

#include "runtime/exclusive.h"

TEST_CASE("whoever comes second is refused, and does not free the place of the first") {
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
