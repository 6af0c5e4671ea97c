// Random numbers for the tests.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastgru::testing {

// A small generator that gives the same numbers with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435769u + 88172645463325252u) {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  // In [0, limit); 0 for a limit of 0.
  std::size_t below(std::size_t limit) {
    return limit == 0 ? 0 : static_cast<std::size_t>((next() >> 16) % limit);
  }
  // In (-1, 1).
  double uniform() { return static_cast<double>(next() >> 11) / 4503599627370496.0 - 1.0; }

 private:
  std::uint64_t state_;
};

}  // namespace fastgru::testing
