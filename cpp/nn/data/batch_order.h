// The order in which an epoch visits its samples.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/shuffle.h"

namespace fastgru {

class BatchOrder {
 public:
  // A permutation of 0 ... samples-1: the samples' own order, or, with `shuffle`, a random one that depends
  // on nothing but (seed, epoch, lengths). Samples of unlike length (`lengths` not null) are then put into
  // mini-batches with their like: in each stretch of kPool mini-batches the samples are sorted by falling
  // length, and the mini-batches change places at random, so that no epoch begins with the long ones. False:
  // interrupted.
  bool set(std::int64_t samples, std::int64_t batch_size, const std::int64_t* lengths, bool shuffle,
           std::uint64_t seed, std::uint64_t epoch, Interrupt* interrupt);

  const std::int64_t* data() const { return order_.data(); }

  // Within 1/kPool of the spread of lengths, the rows of a mini-batch end together.
  static constexpr std::int64_t kPool = 16;

 private:
  void sort_by_length(std::int64_t batch_size, const std::int64_t* lengths);
  void shuffle_batches(std::int64_t batch_size, std::uint64_t seed, std::uint64_t epoch);

  std::vector<std::int64_t> order_, shuffled_, batches_;
};

}  // namespace fastgru
