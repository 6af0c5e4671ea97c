// The plan of a forward call, which a training step follows, too: its threads (threads.cpp), and each layer's
// way.
#include <algorithm>
#include <atomic>

#include "engine_f32/plan/plan.h"
#include "kernels/pack.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

std::atomic<bool> g_reproducible{false};

// One or two rows read all weights once a step, so what remains of them in L1 counts.
constexpr std::int64_t kL1Bytes = 32 * 1024;
// Hoisted W x stays in L1/L2 until the recurrence reads it. Where W has to come from beyond L2, a chunk is
// worth more room: it reads W once (batch 4, H=1024: 2.1 times faster than W x step by step), and at least 32
// rows of it.
constexpr std::int64_t kChunkBytes = 128 * 1024;
constexpr std::int64_t kChunkRows = 32;

LayerPlan plan_layer(const GruConfig& config, const Recipe& recipe, const KernelTable& kernels,
                     std::int64_t layer, std::int64_t steps, std::int64_t block, const PlanHints& hints) {
  const std::int64_t width = 3 * padded_width(config.hidden_size, kernels.lanes);
  const std::int64_t state_bytes = recipe.state_bytes * width * config.hidden_size;
  const std::int64_t weight_bytes = state_bytes + recipe.input_bytes * width * config.layer_input_size(layer);
  LayerPlan plan;
  // Few rows: time steps make full tiles of W x. Weights beyond L2: one of the two matrices at a time may
  // still fit.
  plan.hoist = steps > 1 && (block < 4 || weight_bytes > l2_bytes());
  if (hints.hoist >= 0) plan.hoist = hints.hoist == 1;
  if (recipe.input_first) plan.hoist = true;
  const std::int64_t cache = block <= 2 ? kL1Bytes : l2_bytes() * 3 / 4;
  plan.weights_exceed_l2 = exceeds_l2(weight_bytes);
  plan.serpentine = (plan.hoist ? state_bytes : weight_bytes) > cache;
  if (!plan.hoist) return plan;
  const bool beyond = weight_bytes > l2_bytes();
  const std::int64_t fitting = (beyond ? l2_bytes() / 4 : kChunkBytes) / (4 * width * block);
  const std::int64_t enough = beyond ? kAnyRows : std::max<std::int64_t>(recipe.hoisted_rows / block, 1);
  const std::int64_t least = beyond ? (kChunkRows + block - 1) / block : 1;
  plan.chunk = std::min({std::max(fitting, least), enough, kMaxChunk, steps});
  if (hints.chunk > 0) plan.chunk = std::min({hints.chunk, kMaxChunk, steps});
  return plan;
}

}  // namespace

void make_plan(const GruConfig& config, const RecipeChoice& choice, std::int64_t steps, std::int64_t rows,
               bool ragged, int num_threads, const PlanHints& hints, Plan& plan) {
  const KernelTable& kernels = *choice.set.kernels;
  plan.recipe = choice;
  plan.kernels = &kernels;
  plan.steps = steps;
  plan.rows = rows;
  plan.threads = hints.threads > 0 ? hints.threads : plan_threads(config, steps, rows, num_threads);
  const std::int64_t directions = config.directions();
  plan.split = plan_rows(config, kernels, directions, rows, ragged, plan.threads, hints);
  plan.threads = plan.split.threads();
  plan.direction_split =
      directions == 1 ? plan.split : plan_rows(config, kernels, 1, rows, ragged, plan.threads, hints);
  plan.layers.clear();
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    plan.layers.push_back(
        plan_layer(config, *choice.recipe, kernels, layer, steps, plan.split.block_rows(), hints));
  }
}

void set_reproducible(bool on) { g_reproducible.store(on); }
bool reproducible() { return g_reproducible.load(); }

}  // namespace fastgru
