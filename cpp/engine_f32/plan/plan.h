// How a call is run, decided before it runs: plain objects that can be printed, and forced in tests.
//
// Every plan of a recipe gives the same bits on one ISA with FMA. In float32 each output is one FMA chain in
// the order of k, whatever the tiles, the threads and whether W x comes first (the chain of the recurrent
// product starts from it).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine_f32/recipes/recipe.h"
#include "kernels/kernel_table.h"

namespace fastgru {

// Time steps of hoisted W x at most.
constexpr std::int64_t kMaxChunk = 64;
// Rows of dx that one work item computes, at most.
constexpr std::int64_t kInputRows = 64;

struct RecipeChoice {
  const Recipe* recipe = nullptr;
  KernelSet set;
  const char* reason = "";
};
RecipeChoice choose_recipe(const GruConfig& config);
// The kernel of weight gradients in digits, which the recipe in three digits takes; null: in float32.
OuterKernel gradient_digits(const RecipeChoice& choice);

struct LayerPlan {
  bool hoist = false;
  std::int64_t chunk = 1;
  bool serpentine = false;         // panels backwards at every other step
  bool weights_exceed_l2 = false;  // then a panel's tiles prefetch the next panel's weights
};

// Rows [first, last) of the batch.
struct RowRange {
  std::int64_t first, last;
  std::int64_t size() const { return last - first; }
};

// Teams of more than one thread at most.
constexpr int kMaxTeams = 64;

// How the threads share a layer: row blocks of each direction, and slices of a block's hidden units.
struct RowSplit {
  std::int64_t rows = 0;
  std::int64_t blocks = 1;  // of each direction; their rows differ by one at most
  int slices = 1;           // threads that share the hidden units of a row block, one barrier a step
  int teams = 1;            // row blocks that run at once, on `slices` threads each

  int threads() const { return teams * slices; }
  std::int64_t block_rows() const { return (rows + blocks - 1) / blocks; }  // of the largest block
  RowRange block(std::int64_t i) const { return {rows * i / blocks, rows * (i + 1) / blocks}; }
};

// Threads that a call is worth, of the `requested` ones (0: the process-wide setting).
int plan_threads(const GruConfig& config, std::int64_t steps, std::int64_t rows, int requested);

// Rows of dx, of all steps together, in as many work items for each thread.
RowSplit plan_input_rows(std::int64_t rows, int threads);

// The split whose slowest thread has the least to do. `directions`: those that run at once.
RowSplit plan_rows(const GruConfig& config, const KernelTable& kernels, std::int64_t directions,
                   std::int64_t rows, bool ragged, int threads, const PlanHints& hints);

struct Plan {
  RecipeChoice recipe;
  const KernelTable* kernels = nullptr;
  std::int64_t steps = 0, rows = 0;
  int threads = 1;
  RowSplit split;            // of all directions of a layer
  RowSplit direction_split;  // of one direction alone: backward() with low memory runs them in turn
  std::vector<LayerPlan> layers;
};

// Fills `plan`, whose memory is reused.
void make_plan(const GruConfig& config, const RecipeChoice& choice, std::int64_t steps, std::int64_t rows,
               bool ragged, int num_threads, const PlanHints& hints, Plan& plan);

// backward() with low memory: how many steps' gates are recomputed at once, in one direction.
std::int64_t plan_recomputed_steps(const Plan& plan);

struct StreamPlan {
  bool serpentine = true;  // always: a step starts with the weights that the last step left in the cache
  bool weights_exceed_l2 = false;  // those of all layers together
};
StreamPlan plan_stream(const ParamLayout& layout, const Recipe& recipe);

// One screen of text: the forward call, the weight gradients, low memory, a stream of as many rows.
std::string to_string(const Plan& plan, const ParamLayout& layout);

// Bytes of second-level cache of one core.
std::int64_t l2_bytes();
// Whether so many bytes of weights do not stay in L2 beside the states.
bool exceeds_l2(std::int64_t weight_bytes);

// Asks for recipes of one class of bits on every machine, for weights that are made afterwards: float32 for
// every precision but int8, whose sums are exact.
void set_reproducible(bool on);
bool reproducible();

}  // namespace fastgru
