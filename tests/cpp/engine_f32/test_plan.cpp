// The choices of plans on both sides of each threshold. Sizes follow this machine's L2 where it matters.
#include "engine_f32/plan/plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "each_isa.h"
#include "runtime/threads.h"

namespace {

using fastgru::GruConfig;
using fastgru::LayerPlan;
using fastgru::Plan;
using fastgru::PlanHints;
using fastgru::testing::for_each_isa;

GruConfig sized(std::int64_t input, std::int64_t hidden) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  return config;
}

Plan planned(const GruConfig& config, std::int64_t steps, std::int64_t rows, int threads = 1,
             bool ragged = false, const PlanHints& hints = {}) {
  Plan plan;
  fastgru::make_plan(config, fastgru::active_kernels(), steps, rows, ragged, threads, hints, plan);
  CHECK(plan.kernels == &fastgru::active_kernels());
  CHECK(plan.steps == steps);
  CHECK(plan.rows == rows);
  CHECK(plan.layers.size() == static_cast<std::size_t>(config.num_layers));
  return plan;
}

LayerPlan layer_of(const GruConfig& config, std::int64_t steps, std::int64_t rows) {
  return planned(config, steps, rows).layers[0];
}

// The widest layer of whole panels whose W and U stay within `bytes`, and as wide an input.
std::int64_t widest_within(std::int64_t bytes) {
  const std::int64_t lanes = fastgru::active_kernels().lanes;
  std::int64_t hidden = lanes;
  while (12 * (hidden + lanes) * 2 * (hidden + lanes) <= bytes) hidden += lanes;
  return hidden;
}

bool says(const Plan& plan, const GruConfig& config, const std::string& text) {
  return fastgru::to_string(plan, fastgru::ParamLayout(config)).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("plan: W x comes first for few rows, or for weights beyond L2; not for a single step") {
  for_each_isa([](const std::string&) {
    const std::int64_t fits = widest_within(fastgru::l2_bytes());
    const std::int64_t wide = fits + fastgru::active_kernels().lanes;
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 40}) {
      CAPTURE(rows);
      CHECK(layer_of(sized(8, 20), 10, rows).hoist == (rows < 4));
      CHECK(layer_of(sized(fits, fits), 10, rows).hoist == (rows < 4));
      CHECK(layer_of(sized(wide, wide), 10, rows).hoist);
      CHECK_FALSE(layer_of(sized(8, 20), 1, rows).hoist);
      CHECK_FALSE(layer_of(sized(wide, wide), 1, rows).hoist);
      GruConfig before = sized(8, 20);
      before.reset_after = false;  // its kernels start from W x
      CHECK(layer_of(before, 10, rows).hoist);
      CHECK(layer_of(before, 1, rows).hoist);
    }
  });
}

TEST_CASE("plan: each layer is judged by its own input") {
  for_each_isa([](const std::string&) {
    GruConfig config = sized(200000, 20);
    config.num_layers = 2;
    const Plan plan = planned(config, 10, 8);
    CHECK(plan.layers[0].hoist == (12 * 20 * 200000 > fastgru::l2_bytes()));
    CHECK_FALSE(plan.layers[1].hoist);
  });
}

TEST_CASE("plan: a chunk of W x is within its bounds, and long enough to be worth reading W") {
  for_each_isa([](const std::string&) {
    CHECK(layer_of(sized(8, 20), 10, 1).chunk == 10);                    // all steps if they are few
    CHECK(layer_of(sized(8, 20), 1000, 1).chunk == fastgru::kMaxChunk);  // at most kMaxChunk
    const std::int64_t wide = 2 * widest_within(fastgru::l2_bytes());
    for (const std::int64_t rows : {1, 4, 7, 31, 32, 100}) {
      CAPTURE(rows);
      const LayerPlan plan = layer_of(sized(wide, wide), 1000, rows);
      CHECK(plan.hoist);
      CHECK(plan.chunk * rows >= 32);
      CHECK(plan.chunk <= fastgru::kMaxChunk);
    }
    // If the weights fit, the memory of W x is bounded: 128 KiB for a row of 3 * 400 floats.
    GruConfig narrow = sized(1, 384);
    narrow.reset_after = false;
    if (12 * 384 * 385 <= fastgru::l2_bytes()) {
      CHECK(layer_of(narrow, 1000, 1).chunk == 128 * 1024 / (12 * 384));
      CHECK(layer_of(narrow, 1000, 10).chunk == 128 * 1024 / (12 * 384 * 10));
      CHECK(layer_of(narrow, 1000, 100).chunk == 1);
    }
  });
}

TEST_CASE("plan: serpentine panel order if the weights of a step do not stay in the cache") {
  for_each_isa([](const std::string&) {
    // For one or two rows L1 counts: U of 48 units takes 27 KiB, of 64 units 48 KiB.
    for (const std::int64_t rows : {1, 2}) {
      CHECK_FALSE(layer_of(sized(1, 48), 10, rows).serpentine);
      CHECK(layer_of(sized(1, 64), 10, rows).serpentine);
    }
    CHECK_FALSE(layer_of(sized(1, 64), 10, 3).serpentine);
    // For more rows three quarters of L2 count; W and U together if W x is not hoisted.
    const std::int64_t fits = widest_within(fastgru::l2_bytes() * 3 / 4);
    const std::int64_t wide = fits + fastgru::active_kernels().lanes;
    CHECK_FALSE(layer_of(sized(fits, fits), 10, 8).serpentine);
    CHECK(layer_of(sized(wide, wide), 10, 8).serpentine);
    CHECK_FALSE(layer_of(sized(wide, wide), 10, 3).serpentine);  // hoisted: U alone
  });
}

TEST_CASE("plan: threads only where there is a tenth of a millisecond of work for each") {
  if (fastgru::usable_threads(8) < 8) return;  // built without OpenMP: one thread
  for_each_isa([](const std::string&) {
    // 6 H (H + I) floating-point operations a row and step: 7.68e6 a step, and a thread is worth 2e7.
    const GruConfig config = sized(100, 100);
    const auto threads = [&](std::int64_t steps, int asked) {
      return planned(config, steps, 64, asked).threads;
    };
    CHECK(threads(1, 8) == 1);
    CHECK(threads(5, 8) == 1);
    CHECK(threads(6, 8) == 2);
    CHECK(threads(7, 8) == 2);
    CHECK(threads(8, 8) == 3);
    CHECK(threads(200, 8) == 8);
    CHECK(threads(200, 3) == 3);
    CHECK(threads(200, 1) == 1);
    GruConfig both = config;
    both.bidirectional = true;
    both.num_layers = 2;
    CHECK(planned(both, 10, 2, 8).threads == 1);
    CHECK(planned(both, 1000, 2, 8).threads == 2);  // two directions of one row block: only two work items
    PlanHints forced;
    forced.threads = 5;
    const std::int64_t rows = 5 * fastgru::active_kernels().tile_rows;
    CHECK(planned(config, 1, rows, 1, false, forced).threads == 5);
  });
}

TEST_CASE("plan: rows are cut into whole tiles, one item a thread and direction, ragged ones finer") {
  for_each_isa([](const std::string&) {
    const std::int64_t tile = fastgru::active_kernels().tile_rows;
    const auto block = [&](bool bidirectional, std::int64_t rows, int threads, bool ragged) {
      GruConfig config = sized(4, 8);
      config.bidirectional = bidirectional;
      PlanHints hints;
      hints.threads = threads;
      return planned(config, 5, rows, 1, ragged, hints).row_block;
    };
    CHECK(block(false, 16 * tile, 1, false) == 16 * tile);
    CHECK(block(false, 16 * tile + 3, 1, true) == 16 * tile + 3);
    CHECK(block(false, 16 * tile, 2, false) == 8 * tile);
    CHECK(block(false, 16 * tile, 2, true) == 4 * tile);
    CHECK(block(true, 16 * tile, 2, false) == 16 * tile);
    CHECK(block(true, 16 * tile, 4, false) == 8 * tile);
    CHECK(block(false, 16 * tile, 3, false) == 6 * tile);
    CHECK(block(false, 2, 4, false) == 2);  // no more rows than there are
    PlanHints forced;
    forced.row_block = 5;
    CHECK(planned(sized(4, 8), 5, 12, 1, false, forced).row_block == 5);
    CHECK(planned(sized(4, 8), 5, 3, 1, false, forced).row_block == 3);
    // A step of a work item takes at most about a tenth of a second, 8e9 operations.
    CHECK(planned(sized(1000, 1000), 1, 2000).row_block == 666);
    CHECK(planned(sized(40000, 40000), 1, 3).row_block == 1);
  });
}

TEST_CASE("plan: threads share hidden units for few rows of one direction, with much to read") {
  if (fastgru::usable_threads(8) < 8) return;  // built without OpenMP: one thread
  for_each_isa([](const std::string&) {
    const int half = fastgru::active_kernels().tile_rows / 2;
    const auto slices = [](const GruConfig& config, std::int64_t rows, int threads) {
      const Plan plan = planned(config, 1000, rows, threads);
      for (const LayerPlan& layer : plan.layers) CHECK(layer.slices == plan.layers[0].slices);
      if (plan.layers[0].slices > 1) CHECK(plan.threads == plan.layers[0].slices);
      return plan.layers[0].slices;
    };
    CHECK(slices(sized(10, 512), 1, 2) == 2);
    CHECK(slices(sized(10, 512), 1, 4) == 4);
    CHECK(slices(sized(10, 512), 1, 1) == 1);
    CHECK(slices(sized(10, 180), 1, 8) == 1);  // U takes 380 KiB, and a thread needs 200 KiB
    CHECK(slices(sized(10, 190), 1, 8) == 2);  // 423 KiB
    GruConfig config = sized(10, 512);
    config.num_layers = 3;
    CHECK(slices(config, 1, 4) == 4);
    config.reset_after = false;
    CHECK(slices(config, 1, 4) == 1);
    config = sized(10, 512);
    config.bidirectional = true;
    CHECK(slices(config, 1, 4) == 1);
    CHECK(planned(sized(10, 512), 100, half + 1, 1).layers[0].slices == 1);
    PlanHints forced;
    forced.slices = 3;
    CHECK(planned(sized(1, 40), 5, half, 1, false, forced).layers[0].slices ==
          std::min<std::int64_t>(
              3, (40 + fastgru::active_kernels().lanes - 1) / fastgru::active_kernels().lanes));
    CHECK(planned(sized(1, 40), 5, half + 1, 1, false, forced).layers[0].slices == 1);
    forced.slices = 100;  // no more slices than panels
    CHECK(planned(sized(1, 16 * 4), 5, 1, 1, false, forced).threads == 64 / fastgru::active_kernels().lanes);
  });
}

TEST_CASE("plan: hints are followed as far as possible") {
  for_each_isa([](const std::string&) {
    PlanHints hints;
    hints.hoist = 0;
    CHECK_FALSE(planned(sized(8, 20), 10, 1, 1, false, hints).layers[0].hoist);
    hints.hoist = 1;
    hints.chunk = 7;
    CHECK(planned(sized(8, 20), 10, 40, 1, false, hints).layers[0].hoist);
    CHECK(planned(sized(8, 20), 10, 40, 1, false, hints).layers[0].chunk == 7);
    CHECK(planned(sized(8, 20), 3, 40, 1, false, hints).layers[0].chunk == 3);
    hints.chunk = 1000;
    CHECK(planned(sized(8, 20), 5000, 40, 1, false, hints).layers[0].chunk == fastgru::kMaxChunk);
    GruConfig before = sized(8, 20);
    before.reset_after = false;
    hints.hoist = 0;  // not possible
    CHECK(planned(before, 10, 40, 1, false, hints).layers[0].hoist);
  });
}

TEST_CASE("plan: the text says what was chosen") {
  for_each_isa([](const std::string& isa) {
    GruConfig config = sized(8, 20);
    config.bidirectional = true;
    config.num_layers = 2;
    Plan plan = planned(config, 9, 5);
    CHECK(says(plan, config, "GRU input 8, hidden 20, layers 2, directions 2, reset after\n"));
    CHECK(says(plan, config, "steps 9, batch 5\n"));
    CHECK(says(plan, config, "kernels " + isa + ": "));
    CHECK(says(plan, config, "threads 1, 5 rows a work item\n"));
    CHECK(says(plan, config, "layer 0: weights 7 KiB (L2 "));   // 12 * 20 * 28 bytes
    CHECK(says(plan, config, "layer 1: weights 14 KiB (L2 "));  // 12 * 20 * 60
    CHECK(says(plan, config, "W x fused with the recurrence\n"));
    CHECK_FALSE(says(plan, config, "hoisted"));
    CHECK_FALSE(says(plan, config, "shared"));
    plan = planned(config, 9, 1);
    CHECK(says(plan, config, "W x hoisted over 9 steps\n"));
    CHECK_FALSE(says(plan, config, "fused"));
    config = sized(8, 64);
    config.reset_after = false;
    plan = planned(config, 9, 1);
    CHECK(says(plan, config, "reset before\n"));
    CHECK(says(plan, config, "W x hoisted over 9 steps, serpentine panel order\n"));
    PlanHints shared;
    shared.slices = 2;
    config.reset_after = true;
    plan = planned(config, 9, 1, 1, false, shared);
    CHECK(says(plan, config, ", serpentine panel order, hidden units shared by 2 threads\n"));
    CHECK(says(plan, config, "threads 2, 1 rows a work item\n"));
  });
}

TEST_CASE("plan: one object serves call after call") {
  Plan plan;
  GruConfig deep = sized(8, 20);
  deep.num_layers = 5;
  for (const GruConfig& config : {deep, sized(8, 20), deep}) {
    fastgru::make_plan(config, fastgru::active_kernels(), 4, 3, false, 1, {}, plan);
    CHECK(plan.layers.size() == static_cast<std::size_t>(config.num_layers));
    const fastgru::ParamLayout layout(config);
    CHECK(fastgru::to_string(plan, layout) == fastgru::to_string(planned(config, 4, 3), layout));
  }
}

TEST_CASE("plan: the setting for reproducible bits is kept, and said") {
  const bool before = fastgru::reproducible();
  const Plan plan = planned(sized(1, 4), 2, 2);
  for (const bool on : {true, false}) {
    fastgru::set_reproducible(on);
    CHECK(fastgru::reproducible() == on);
    CHECK(says(plan, sized(1, 4), on ? "reproducible yes (asked for)" : "reproducible yes (all plans"));
  }
  fastgru::set_reproducible(before);
}
