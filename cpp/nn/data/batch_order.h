// The order in which an epoch visits its samples.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/shuffle.h"

namespace fastgru {

class BatchOrder {
 public:
  // A permutation of 0 ... samples-1: the samples' own order, or, with `shuffle`, a random one that depends
  // on (seed, epoch, lengths) alone. With `lengths` not null, a shuffled epoch groups samples of similar
  // length: each stretch of kPool mini-batches is sorted by falling length. The mini-batches are then
  // shuffled, so that no epoch begins with the long ones. Returns false if interrupted.
  bool set(std::int64_t samples, std::int64_t batch_size, const std::int64_t* lengths, bool shuffle,
           std::uint64_t seed, std::uint64_t epoch, Interrupt* interrupt);

  const std::int64_t* data() const { return order_.data(); }

  // Mini-batches of a sorted stretch. The lengths in a mini-batch then span about 1/kPool of all lengths.
  static constexpr std::int64_t kPool = 16;

 private:
  void sort_by_length(std::int64_t batch_size, const std::int64_t* lengths);
  void shuffle_batches(std::int64_t batch_size, std::uint64_t seed, std::uint64_t epoch);

  std::vector<std::int64_t> order_, shuffled_, batches_;
};

}  // namespace fastgru
