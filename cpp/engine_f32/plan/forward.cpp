// The plan of a forward call, which a training step follows, too: threads, row blocks, and each layer's way.
#include <algorithm>
#include <atomic>

#include "engine_f32/plan/plan.h"
#include "kernels/pack.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

std::atomic<bool> g_reproducible{false};

// Below this much work, some 100 us, a thread does not pay for being woken. A fork-join costs microseconds on
// an idle machine, but milliseconds when another process holds the second core: fits of small networks were
// 70 times slower on two threads then.
constexpr double kFlopsPerThread = 2e7;
// One or two rows read all weights once a step, so what remains of them in L1 counts.
constexpr std::int64_t kL1Bytes = 32 * 1024;
// Hoisted W x stays in L1/L2 until the recurrence reads it. Where W has to come from beyond L2, a chunk is
// worth more room: it reads W once (batch 4, H=1024: 2.1 times faster than W x step by step), and at least 32
// rows of it.
constexpr std::int64_t kChunkBytes = 128 * 1024;
constexpr std::int64_t kChunkRows = 32;
// One step of one work item stays below about 100 ms, so that an interruption is noticed in time.
constexpr double kMaxStepFlops = 8e9;

// Sharing the hidden units costs a barrier a step (some tenths of a microsecond), so each thread must have at
// least this many bytes of weights to read.
constexpr std::int64_t kSliceBytes = 200 * 1024;

double layer_flops(const GruConfig& config, std::int64_t layer, std::int64_t rows) {
  const double h = static_cast<double>(config.hidden_size);
  return 6.0 * h * (h + static_cast<double>(config.layer_input_size(layer))) * static_cast<double>(rows);
}

int plan_threads(const GruConfig& config, std::int64_t steps, std::int64_t rows, int requested) {
  const int usable = usable_threads(requested);
  double flops = 0;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) flops += layer_flops(config, layer, rows);
  flops *= static_cast<double>(steps * config.directions());
  const double worth = std::max(1.0, flops / kFlopsPerThread);
  return worth < usable ? static_cast<int>(worth) : usable;
}

// Threads that share the hidden units: where there are few rows, one direction and much to read at each step.
int plan_slices(const GruConfig& config, const KernelTable& kernels, std::int64_t rows, int threads,
                int forced) {
  if (!config.reset_after || config.bidirectional || rows > kernels.tile_rows / 2) return 1;
  const std::int64_t panels = panel_count(config.hidden_size, kernels.lanes);
  const std::int64_t bytes = 12 * config.hidden_size * config.hidden_size;
  const std::int64_t worth = forced > 0 ? forced : std::min<std::int64_t>(threads, bytes / kSliceBytes);
  return static_cast<int>(std::clamp<std::int64_t>(worth, 1, panels));
}

LayerPlan plan_layer(const GruConfig& config, const KernelTable& kernels, std::int64_t layer,
                     std::int64_t steps, std::int64_t block, const PlanHints& hints) {
  const std::int64_t width = 3 * padded_width(config.hidden_size, kernels.lanes);
  const std::int64_t state_bytes = 4 * width * config.hidden_size;
  const std::int64_t weight_bytes = state_bytes + 4 * width * config.layer_input_size(layer);
  LayerPlan plan;
  // Few rows: time steps make full tiles of W x. Weights beyond L2: one of the two matrices at a time may
  // still fit.
  plan.hoist = steps > 1 && (block < 4 || weight_bytes > l2_bytes());
  if (hints.hoist >= 0) plan.hoist = hints.hoist == 1;
  if (!config.reset_after) plan.hoist = true;  // its kernels start from W x
  const std::int64_t cache = block <= 2 ? kL1Bytes : l2_bytes() * 3 / 4;
  plan.weights_exceed_l2 = exceeds_l2(weight_bytes);
  plan.serpentine = (plan.hoist ? state_bytes : weight_bytes) > cache;
  if (!plan.hoist) return plan;
  const bool beyond = weight_bytes > l2_bytes();
  const std::int64_t fitting = (beyond ? l2_bytes() / 4 : kChunkBytes) / (4 * width * block);
  const std::int64_t least = beyond ? (kChunkRows + block - 1) / block : 1;
  plan.chunk = std::min({std::max(fitting, least), kMaxChunk, steps});
  if (hints.chunk > 0) plan.chunk = std::min({hints.chunk, kMaxChunk, steps});
  return plan;
}

}  // namespace

void make_plan(const GruConfig& config, const KernelTable& kernels, std::int64_t steps, std::int64_t rows,
               bool ragged, int num_threads, const PlanHints& hints, Plan& plan) {
  plan.kernels = &kernels;
  plan.steps = steps;
  plan.rows = rows;
  plan.threads = hints.threads > 0 ? hints.threads : plan_threads(config, steps, rows, num_threads);
  // One item a thread and direction; ragged rows cost unequal time, so there they are cut finer.
  const std::int64_t directions = config.directions();
  std::int64_t items = (plan.threads + directions - 1) / directions;
  if (ragged && plan.threads > 1) items *= 2;
  const std::int64_t tile = kernels.tile_rows;
  const std::int64_t even = (rows + items - 1) / items;
  plan.row_block = items == 1 ? rows : std::min(rows, (even + tile - 1) / tile * tile);
  double row_flops = 0;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    row_flops = std::max(row_flops, layer_flops(config, layer, 1));
  }
  plan.row_block =
      std::clamp(static_cast<std::int64_t>(kMaxStepFlops / row_flops), std::int64_t{1}, plan.row_block);
  if (hints.row_block > 0) plan.row_block = std::min(rows, hints.row_block);
  const int slices =
      plan.row_block == rows ? plan_slices(config, kernels, rows, plan.threads, hints.slices) : 1;
  const std::int64_t work_items = directions * ((rows + plan.row_block - 1) / plan.row_block);
  plan.threads = slices > 1 ? slices : static_cast<int>(std::min<std::int64_t>(plan.threads, work_items));
  plan.layers.clear();
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    plan.layers.push_back(plan_layer(config, kernels, layer, steps, plan.row_block, hints));
    plan.layers.back().slices = slices;
  }
}

void set_reproducible(bool on) { g_reproducible.store(on); }
bool reproducible() { return g_reproducible.load(); }

}  // namespace fastgru
