// How many threads a call takes, and how they share its rows and hidden units.
#include <algorithm>
#include <limits>

#include "engine_f32/plan/plan.h"
#include "kernels/pack.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// Below this much work, some 100 us, a thread does not pay for being woken. A fork-join costs microseconds on
// an idle machine, but milliseconds when another process holds the second core: fits of small networks were
// 70 times slower on two threads then.
constexpr double kFlopsPerThread = 2e7;
// One step of one work item stays below about 100 ms, so that an interruption is noticed in time.
constexpr double kMaxStepFlops = 8e9;

// What follows is in floating-point operations of full tiles: 1e5 take one or two microseconds. A tile of
// fewer rows than these takes as long as these: it waits for its weights.
constexpr double kLeastRows = 2.5;
// A barrier, and the states that other cores wrote.
constexpr double kBarrierFlops = 5e4, kMemberFlops = 1e4;
// Each thread that shares hidden units must have so much to do at a step (of one row: 200 KiB to read) ...
constexpr double kLeastSliceFlops = 2.5e5;
// ... and save so much: a team waits for its slowest thread at every step, and on a busy machine for long.
constexpr double kSliceGain = 0.95;
// Rows of unequal length: the block with the longest ones takes longer by so much, unless a team takes
// several.
constexpr double kRaggedCost = 1.2;

double layer_flops(const GruConfig& config, std::int64_t layer, std::int64_t rows) {
  const double h = static_cast<double>(config.hidden_size);
  return 6.0 * h * (h + static_cast<double>(config.layer_input_size(layer))) * static_cast<double>(rows);
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

class Splitter {
 public:
  Splitter(const GruConfig& config, const KernelTable& kernels, std::int64_t directions, std::int64_t rows,
           bool ragged, int threads)
      : directions_(directions),
        rows_(rows),
        tile_(kernels.tile_rows),
        panels_(panel_count(config.hidden_size, kernels.lanes)),
        ragged_(ragged),
        threads_(threads) {
    for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
      const double flops = layer_flops(config, layer, 1);
      row_flops_ += flops / static_cast<double>(config.num_layers);
      largest_ = std::max(largest_, flops);
    }
  }

  // The best of those with `slices`, or with any number of slices if that is 0.
  RowSplit best(int slices) const {
    const int most = static_cast<int>(std::min<std::int64_t>(threads_, panels_));
    RowSplit found = made(1, std::max(slices, 1));
    double least = cost(found);
    for (int some = std::max(slices, 1); some <= (slices > 0 ? slices : most); ++some) {
      const std::int64_t rounds = directions_ * (ragged_ ? 2 : 1);
      for (std::int64_t round = 1; round <= rounds; ++round) {
        const RowSplit split = made(threads_ / some * round / directions_, some);
        const double time = cost(split);
        if (time >= least) continue;
        found = split;
        least = time;
      }
    }
    return found;
  }

  // The fewest blocks whose largest one is no larger than that of `blocks`.
  RowSplit made(std::int64_t blocks, int slices) const {
    const auto most = std::max(static_cast<std::int64_t>(kMaxStepFlops / largest_), std::int64_t{1});
    const std::int64_t even = ceil_div(rows_, std::clamp(blocks, std::int64_t{1}, rows_));
    RowSplit split{rows_, ceil_div(rows_, std::min(even, most)), slices, 1};
    const int teams = slices > 1 ? std::min(threads_ / slices, kMaxTeams) : threads_;
    split.teams = static_cast<int>(std::min<std::int64_t>(directions_ * split.blocks, teams));
    return split;
  }

 private:
  // Of a step, as the slowest thread sees it.
  double cost(const RowSplit& split) const {
    const std::int64_t rounds = ceil_div(directions_ * split.blocks, split.teams);
    const auto rows = static_cast<double>(split.block_rows());
    const auto tiles = static_cast<double>(ceil_div(split.block_rows(), tile_));
    const double share = static_cast<double>(ceil_div(panels_, split.slices)) / static_cast<double>(panels_);
    double flops = std::max(rows, kLeastRows * tiles) * row_flops_ * share;
    if (split.slices > 1) {
      if (flops < kLeastSliceFlops) return std::numeric_limits<double>::infinity();
      flops = (flops + kBarrierFlops + kMemberFlops * split.slices) / kSliceGain;
    }
    if (ragged_ && split.blocks > 1 && rounds == 1) flops *= kRaggedCost;
    return flops * static_cast<double>(rounds);
  }

  const std::int64_t directions_, rows_, tile_, panels_;
  const bool ragged_;
  const int threads_;
  double row_flops_ = 0, largest_ = 0;
};

}  // namespace

int plan_threads(const GruConfig& config, std::int64_t steps, std::int64_t rows, int requested) {
  const int usable = usable_threads(requested);
  double flops = 0;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) flops += layer_flops(config, layer, rows);
  flops *= static_cast<double>(steps * config.directions());
  const double worth = std::max(1.0, flops / kFlopsPerThread);
  return worth < usable ? static_cast<int>(worth) : usable;
}

RowSplit plan_rows(const GruConfig& config, const KernelTable& kernels, std::int64_t directions,
                   std::int64_t rows, bool ragged, int threads, const PlanHints& hints) {
  const auto panels = static_cast<int>(panel_count(config.hidden_size, kernels.lanes));
  const int slices = std::min(hints.slices, panels);
  const Splitter splitter(config, kernels, directions, rows, ragged, std::max(threads, slices));
  if (hints.row_block > 0) return splitter.made(ceil_div(rows, hints.row_block), std::max(slices, 1));
  return splitter.best(slices);
}

}  // namespace fastgru
