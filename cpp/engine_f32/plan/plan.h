// How a call is run, decided before it runs: plain objects that can be printed, and forced in tests.
//
// Every plan gives the same bits on one ISA with FMA: each output is one FMA chain in the order of k,
// whatever the tiles, the threads and whether W x comes first (the chain of the recurrent product starts from
// it).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "kernels/kernel_table.h"

namespace fastgru {

// Time steps of hoisted W x at most.
constexpr std::int64_t kMaxChunk = 64;
// Rows of dx that one work item computes.
constexpr std::int64_t kInputRows = 64;

struct LayerPlan {
  bool hoist = false;
  std::int64_t chunk = 1;
  bool serpentine = false;         // panels backwards at every other step
  bool weights_exceed_l2 = false;  // then a panel's tiles prefetch the next panel's weights
  int slices = 1;                  // threads that share the hidden units of one row block, one barrier a step
};

struct Plan {
  const KernelTable* kernels = nullptr;
  std::int64_t steps = 0, rows = 0;
  int threads = 1;
  std::int64_t row_block = 1;  // work items of a layer: directions x ceil(rows / row_block)
  std::vector<LayerPlan> layers;
};

// Fills `plan`, whose memory is reused.
void make_plan(const GruConfig& config, const KernelTable& kernels, std::int64_t steps, std::int64_t rows,
               bool ragged, int num_threads, const PlanHints& hints, Plan& plan);

// backward() with low memory: the range of steps whose gates are recomputed at once, in one direction.
struct RecomputePlan {
  std::int64_t steps = 1, row_block = 1;
};
RecomputePlan plan_recompute(const Plan& plan);

struct StreamPlan {
  bool serpentine = true;  // always: a step starts with the weights that the last step left in the cache
  bool weights_exceed_l2 = false;  // those of all layers together
};
StreamPlan plan_stream(const ParamLayout& layout);

// One screen of text: the forward call, the weight gradients, low memory, a stream of as many rows.
std::string to_string(const Plan& plan, const ParamLayout& layout);

// Bytes of second-level cache of one core.
std::int64_t l2_bytes();
// Whether so many bytes of weights do not stay in L2 beside the states.
bool exceeds_l2(std::int64_t weight_bytes);

// Same bits for a sample alone or in any batch, at any thread count and on every ISA with FMA. All of today's
// plans keep that promise; the setting keeps later, faster ones (AMX) from being chosen.
void set_reproducible(bool on);
bool reproducible();

}  // namespace fastgru
