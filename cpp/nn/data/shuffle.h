// Random numbers of training: the order of the samples in an epoch, and the key of a step's dropout masks.
// Both are pure functions of the seed and a counter. Training that is stopped and continued, or runs on
// another number of threads, therefore takes the same course.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/interrupt.h"
#include "runtime/philox.h"

namespace fastgru {

// floor(random * count / 2^64): a number in [0, count).
inline std::uint64_t scale_to(std::uint64_t random, std::uint64_t count) {
  const std::uint64_t low = (random & 0xFFFFFFFFu), high = random >> 32;
  const std::uint64_t count_low = (count & 0xFFFFFFFFu), count_high = count >> 32;
  const std::uint64_t middle = high * count_low + (low * count_low >> 32);
  const std::uint64_t carry = low * count_high + (middle & 0xFFFFFFFFu);
  return high * count_high + (middle >> 32) + (carry >> 32);
}

// order = a permutation of 0 ... count-1, by Fisher and Yates. Returns false if interrupted; `interrupt` may
// be null.
inline bool shuffle_order(std::int64_t* order, std::int64_t count, std::uint64_t seed, std::uint64_t epoch,
                          Interrupt* interrupt, RandomStream purpose = RandomStream::shuffle) {
  constexpr std::int64_t kSlice = 1 << 16;
  const std::uint64_t stream = static_cast<std::uint64_t>(purpose) | epoch << 8;
  for (std::int64_t i = 0; i < count; ++i) order[i] = i;
  PhiloxBlock block{};
  for (std::int64_t i = 0; i + 1 < count; ++i) {
    if (i % kSlice == 0 && interrupt != nullptr && interrupt->check()) return false;
    const std::size_t half = static_cast<std::size_t>(i % 2) * 2;  // one block holds two 64-bit numbers
    if (half == 0) block = philox(seed, static_cast<std::uint64_t>(i / 2), stream);
    const std::uint64_t random = static_cast<std::uint64_t>(block[half]) | std::uint64_t{block[half + 1]}
                                                                               << 32;
    const std::uint64_t other = scale_to(random, static_cast<std::uint64_t>(count - i));
    std::swap(order[i], order[i + static_cast<std::int64_t>(other)]);
  }
  return true;
}

// The key of the dropout masks of a step.
inline std::uint64_t step_seed(std::uint64_t seed, std::uint64_t step) {
  // Layer 0 has no mask on its input, so its random stream is free for this.
  const PhiloxBlock block = philox(seed, step, static_cast<std::uint64_t>(RandomStream::dropout_layer));
  return static_cast<std::uint64_t>(block[0]) | std::uint64_t{block[1]} << 32;
}

}  // namespace fastgru
