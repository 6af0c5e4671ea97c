// Which way a call takes, decided before it runs: a plain object that can be printed, and forced in tests.
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

struct LayerPlan {
  bool hoist = false;
  std::int64_t chunk = 1;
  bool serpentine = false;  // panels backwards at every other step
  bool far = false;         // the weights do not stay in L2
  int slices = 1;           // threads that share the hidden units of one row block, one barrier a step
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

// One screen of text.
std::string to_string(const Plan& plan, const GruConfig& config);

// Bytes of second-level cache of one core.
std::int64_t l2_bytes();

// Same bits for a sample alone or in any batch, at any thread count and on every ISA with FMA. All of today's
// plans keep that promise; the setting keeps later, faster ones (AMX) from being chosen.
void set_reproducible(bool on);
bool reproducible();

}  // namespace fastgru
