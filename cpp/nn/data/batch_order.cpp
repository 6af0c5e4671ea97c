// Shuffled samples, sorted by length within stretches of mini-batches.
#include "nn/data/batch_order.h"

#include <algorithm>
#include <numeric>

namespace fastgru {

bool BatchOrder::set(std::int64_t samples, std::int64_t batch_size, const std::int64_t* lengths, bool shuffle,
                     std::uint64_t seed, std::uint64_t epoch, Interrupt* interrupt) {
  const auto count = static_cast<std::size_t>(samples);
  order_.resize(count);
  if (!shuffle) {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    return true;
  }
  if (!shuffle_order(order_.data(), samples, seed, epoch, interrupt)) return false;
  const bool ragged = lengths != nullptr &&
                      std::any_of(lengths, lengths + samples,
                                  [first = lengths[0]](std::int64_t length) { return length != first; });
  if (!ragged) return true;
  sort_by_length(batch_size, lengths);
  shuffle_batches(batch_size, seed, epoch);
  return true;
}

void BatchOrder::sort_by_length(std::int64_t batch_size, const std::int64_t* lengths) {
  shuffled_.assign(order_.begin(), order_.end());
  std::iota(order_.begin(), order_.end(), std::int64_t{0});  // places in shuffled_, for now
  const auto samples = static_cast<std::int64_t>(order_.size());
  const std::int64_t pool = batch_size > samples / kPool ? samples : kPool * batch_size;
  for (std::int64_t first = 0; first < samples; first += pool) {
    // Equal lengths stay in random order; the place as second key saves the memory of std::stable_sort.
    std::sort(order_.begin() + first, order_.begin() + std::min(samples, first + pool),
              [this, lengths](std::int64_t a, std::int64_t b) {
                const std::int64_t length_a = lengths[shuffled_[static_cast<std::size_t>(a)]];
                const std::int64_t length_b = lengths[shuffled_[static_cast<std::size_t>(b)]];
                return length_a != length_b ? length_a > length_b : a < b;
              });
  }
  for (std::int64_t& entry : order_) entry = shuffled_[static_cast<std::size_t>(entry)];
}

// The last mini-batch keeps its place, because it may be smaller.
void BatchOrder::shuffle_batches(std::int64_t batch_size, std::uint64_t seed, std::uint64_t epoch) {
  const auto samples = static_cast<std::int64_t>(order_.size());
  const std::int64_t whole = samples / batch_size;
  batches_.resize(static_cast<std::size_t>(whole));
  shuffle_order(batches_.data(), whole, seed, epoch, nullptr, RandomStream::shuffle_batches);
  std::copy(order_.begin(), order_.end(), shuffled_.begin());
  for (std::int64_t i = 0; i < whole; ++i) {
    std::copy_n(shuffled_.begin() + batches_[static_cast<std::size_t>(i)] * batch_size, batch_size,
                order_.begin() + i * batch_size);
  }
}

}  // namespace fastgru
