// The plan of a backward call with low memory. With high memory it follows the plan of its forward call.
#include <algorithm>
#include <cmath>

#include "engine_f32/plan/plan.h"

namespace fastgru {

RecomputePlan plan_recompute(const Plan& plan) {
  RecomputePlan recompute;
  // As few steps as keep the products large: the square root of all, and a block of the weight gradients.
  const auto root = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(plan.steps))));
  recompute.steps = std::min(plan.steps, std::max(root, (kBlockRows + plan.rows - 1) / plan.rows));
  // One direction runs at a time: its rows are shared by all of the plan's threads.
  const std::int64_t threads = plan.threads, tile = plan.kernels->tile_rows;
  const std::int64_t even = (plan.rows + threads - 1) / threads;
  recompute.row_block = std::min(plan.row_block, (even + tile - 1) / tile * tile);
  return recompute;
}

}  // namespace fastgru
