// Cuts mini-batches whose lengths differ widely.
#include "nn/data/row_groups.h"

#include <algorithm>
#include <functional>

#include "nn/network_config.h"

namespace fastgru {

// The gates, states and gradients of every layer and direction, the input, and each step's logits.
std::int64_t values_of_step(const NetworkConfig& config) {
  const GruConfig& gru = config.gru;
  const std::int64_t logits = config.sequence ? 2 * config.logits() : 0;
  return 8 * gru.hidden_size * gru.num_layers * gru.directions() + gru.input_size + logits;
}

std::int64_t rows_alike(const std::int64_t* falling, std::int64_t rows, std::int64_t step_values) {
  constexpr std::int64_t kMostPadding = std::int64_t{1} << 23;
  std::int64_t padding = 0, allowed = kMostPadding / step_values;
  for (std::int64_t b = 0; b < rows && padding <= allowed; ++b) padding += falling[0] - falling[b];
  if (padding <= allowed) return rows;
  const std::int64_t half = (falling[0] + 1) / 2;
  return std::partition_point(falling, falling + rows, [half](std::int64_t n) { return n >= half; }) -
         falling;
}

void RowGroups::set(const NetworkConfig& config, const std::int64_t* order, std::int64_t rows,
                    const std::int64_t* lengths, std::int64_t steps, std::int64_t most_steps) {
  const std::int64_t step_values = values_of_step(config);
  groups_.clear();
  if (lengths == nullptr) {
    groups_.push_back({order, nullptr, rows, config.frames(steps)});
    return;
  }
  order_.assign(order, order + rows);
  lengths_.resize(order_.size());
  const auto look_up = [&] {
    std::transform(order_.begin(), order_.end(), lengths_.begin(),
                   [&](std::int64_t i) { return config.frames(lengths[i]); });
  };
  look_up();
  block_steps_ = lengths_;
  std::sort(block_steps_.begin(), block_steps_.end(), std::greater<>());
  const std::int64_t longest = std::max<std::int64_t>(1, block_steps_[0]);
  if (most_steps > 0) {
    for (std::int64_t& each : block_steps_) each = std::min(each, most_steps);
  }
  if (rows_alike(block_steps_.data(), rows, step_values) == rows) {
    groups_.push_back({order_.data(), lengths_.data(), rows, longest});
    return;
  }
  std::sort(order_.begin(), order_.end(), [lengths](std::int64_t a, std::int64_t b) {
    return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
  });
  look_up();
  cut(step_values);
}

void RowGroups::cut(std::int64_t step_values) {
  const auto rows = static_cast<std::int64_t>(order_.size());
  for (std::int64_t first = 0; first < rows;) {
    const std::int64_t count = rows_alike(block_steps_.data() + first, rows - first, step_values);
    const std::int64_t longest = std::max<std::int64_t>(1, lengths_[static_cast<std::size_t>(first)]);
    groups_.push_back({order_.data() + first, lengths_.data() + first, count, longest});
    first += count;
  }
}

}  // namespace fastgru
