// What backward plans for itself. The rest follows the plan of its forward call.
#include <algorithm>
#include <cmath>

#include "engine_f32/plan/plan.h"

namespace fastgru {

RowSplit plan_input_rows(std::int64_t rows, int threads) {
  const std::int64_t least = (rows + kInputRows - 1) / kInputRows;
  return {rows, std::min(rows, (least + threads - 1) / threads * threads), 1, threads};
}

std::int64_t plan_recomputed_steps(const Plan& plan) {
  // As few steps as keep the products large: the square root of all, and a block of the weight gradients.
  const auto root = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(plan.steps))));
  return std::min(plan.steps, std::max(root, (kBlockRows + plan.rows - 1) / plan.rows));
}

}  // namespace fastgru
