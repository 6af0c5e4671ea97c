// Scratch memory: alignment, growth without shrinking, and its contents after a refused growth.
#include "runtime/aligned.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace {

using fastgru::AlignedBuffer;

std::uintptr_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

TEST_CASE("aligned memory begins at a cache line, a large block at a huge page, and is there to the end") {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64},
                                  std::size_t{65}, std::size_t{5000}, kMiB - 1, kMiB, 3 * kMiB + 5}) {
    CAPTURE(bytes);
    void* pointer = fastgru::aligned_allocate(bytes);
    REQUIRE(pointer != nullptr);
    CHECK(address(pointer) % fastgru::kAlignment == 0);
#if !defined(_MSC_VER)
    if (bytes >= kMiB) CHECK(address(pointer) % (2 * kMiB) == 0);
#endif
    std::memset(pointer, 1, bytes);
    fastgru::aligned_release(pointer);
  }
  fastgru::aligned_release(nullptr);
}

TEST_CASE("aligned memory: a size that would wrap round when rounded up is refused") {
  CHECK(fastgru::aligned_allocate(SIZE_MAX) == nullptr);
  CHECK(fastgru::aligned_allocate(SIZE_MAX - 4096) == nullptr);
}

TEST_CASE("aligned buffer: grows, never shrinks, and stays where it is while there is room") {
  AlignedBuffer<float> buffer;
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.reserve(0));
  REQUIRE(buffer.reserve(100));
  CHECK(buffer.capacity() == 100);
  CHECK(address(buffer.data()) % fastgru::kAlignment == 0);
  const float* place = buffer.data();
  for (int i = 0; i < 100; ++i) buffer.data()[i] = static_cast<float>(i);
  for (const std::int64_t fewer : {100, 1, 0}) {
    CHECK(buffer.reserve(fewer));
    CHECK(buffer.data() == place);
    CHECK(buffer.capacity() == 100);
  }
  for (int i = 0; i < 100; ++i) CHECK(buffer.data()[i] == static_cast<float>(i));
  REQUIRE(buffer.reserve(300000));
  CHECK(buffer.capacity() == 300000);
  std::memset(buffer.data(), 0, 300000 * sizeof(float));
}

TEST_CASE("aligned buffer: a growth that cannot be leaves the old block and what is in it") {
  AlignedBuffer<double> buffer;
  REQUIRE(buffer.reserve(3));
  buffer.data()[2] = 5.0;
  const double* place = buffer.data();
  CHECK_FALSE(buffer.reserve(std::numeric_limits<std::int64_t>::max()));
  CHECK_FALSE(buffer.reserve(std::numeric_limits<std::int64_t>::max() / 4));  // times 8 it overflows
  CHECK(buffer.data() == place);
  CHECK(buffer.capacity() == 3);
  CHECK(buffer.data()[2] == 5.0);
}

TEST_CASE("aligned buffer: moving hands the block on") {
  AlignedBuffer<int> from;
  REQUIRE(from.reserve(10));
  from.data()[9] = 4;
  const int* place = from.data();
  AlignedBuffer<int> to(std::move(from));
  CHECK(to.data() == place);
  CHECK(to.capacity() == 10);
  CHECK(from.data() == nullptr);  // NOLINT(bugprone-use-after-move): what a moved-from buffer is, is asked
  CHECK(from.capacity() == 0);
  AlignedBuffer<int> third;
  REQUIRE(third.reserve(2));
  third = std::move(to);
  CHECK(third.data() == place);
  CHECK(third.capacity() == 10);
  CHECK(to.data() == nullptr);  // NOLINT(bugprone-use-after-move)
  AlignedBuffer<int>& same = third;
  third = std::move(same);
  CHECK(third.data() == place);
  CHECK(third.data()[9] == 4);
  CHECK(from.reserve(5));  // it may be used again
  CHECK(from.capacity() == 5);
}
