// Groups of rows of similar length. A dense block of memory (steps, rows) is as long as its longest row, so
// one long sequence among short ones would fill it with padding.
#pragma once

#include <cstdint>
#include <vector>

namespace fastgru {

struct NetworkConfig;

// The values that training, the widest use, keeps for one step of one row.
std::int64_t values_of_step(const NetworkConfig& config);

// How many of `rows` rows share one block, given their lengths in falling order: all of them, unless more
// than 8 Mi values of the block would then be padding; else those of at least half the first one's length.
std::int64_t rows_alike(const std::int64_t* falling, std::int64_t rows, std::int64_t step_values);

// Rows of one block. Row b holds sample order[b] with lengths[b] steps (`steps` if null). Steps are frames
// where the network reads frames.
struct RowGroup {
  const std::int64_t* order = nullptr;
  const std::int64_t* lengths = nullptr;
  std::int64_t rows = 0, steps = 0;

  std::int64_t length(std::int64_t b) const { return lengths == nullptr ? steps : lengths[b]; }
};

// The groups of one mini-batch. They depend on the lengths and the configuration alone.
class RowGroups {
 public:
  // Cuts `rows` samples. lengths: the time steps of every sample of the data; null: all have `steps`. One
  // group keeps the order of the samples; several come with falling lengths. A block has `most_steps` steps
  // at most (0: no limit). `order` must stay valid.
  void set(const NetworkConfig& config, const std::int64_t* order, std::int64_t rows,
           const std::int64_t* lengths, std::int64_t steps, std::int64_t most_steps);

  const std::vector<RowGroup>& all() const { return groups_; }

 private:
  void cut(std::int64_t step_values);

  std::vector<std::int64_t> order_, lengths_, block_steps_;
  std::vector<RowGroup> groups_;
};

}  // namespace fastgru
