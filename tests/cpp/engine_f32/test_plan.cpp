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
using fastgru::RowSplit;
using fastgru::testing::for_each_isa;

GruConfig sized(std::int64_t input, std::int64_t hidden) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  return config;
}

RowSplit split_of(const GruConfig& config, std::int64_t rows, int threads, std::int64_t directions = 1,
                  bool ragged = false) {
  return fastgru::plan_rows(config, fastgru::active_kernels(), directions, rows, ragged, threads, {});
}

// That of float32 on every instruction set.
fastgru::RecipeChoice float_recipe(const GruConfig& config) {
  const bool before = fastgru::reproducible();
  fastgru::set_reproducible(true);
  const fastgru::RecipeChoice choice = fastgru::choose_recipe(config);
  fastgru::set_reproducible(before);
  return choice;
}

Plan planned(const GruConfig& config, std::int64_t steps, std::int64_t rows, int threads = 1,
             bool ragged = false, const PlanHints& hints = {}) {
  Plan plan;
  fastgru::make_plan(config, float_recipe(config), steps, rows, ragged, threads, hints, plan);
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
    CHECK(planned(both, 1000, 2, 8).threads == 2);  // two rows, and small ones: a direction each
    PlanHints forced;
    forced.threads = 5;
    CHECK(planned(config, 1, 5, 1, false, forced).threads == 5);
  });
}

TEST_CASE("plan: rows are split evenly, one block a thread and direction, ragged ones finer") {
  for_each_isa([](const std::string&) {
    const auto blocks = [](std::int64_t directions, std::int64_t rows, int threads, bool ragged) {
      const RowSplit split = split_of(sized(4, 8), rows, threads, directions, ragged);
      CHECK(split.slices == 1);  // a single panel
      return split.blocks;
    };
    CHECK(blocks(1, 128, 1, false) == 1);
    CHECK(blocks(1, 131, 1, true) == 1);
    CHECK(blocks(1, 128, 2, false) == 2);
    CHECK(blocks(1, 128, 2, true) == 4);
    CHECK(blocks(2, 128, 2, false) == 1);
    CHECK(blocks(2, 128, 2, true) == 1);  // both directions take the same time
    CHECK(blocks(2, 128, 4, false) == 2);
    CHECK(blocks(2, 128, 3, false) == 3);  // six items, two a thread: four would take the time of three
    CHECK(blocks(1, 9, 4, false) == 3);    // no thread more for the same largest block
    CHECK(blocks(1, 8, 4, false) == 4);
    PlanHints forced;
    forced.row_block = 5;
    CHECK(planned(sized(4, 8), 5, 12, 1, false, forced).split.blocks == 3);
    CHECK(planned(sized(4, 8), 5, 3, 1, false, forced).split.blocks == 1);
    // A step of a work item takes at most about a tenth of a second, 8e9 operations.
    CHECK(planned(sized(1000, 1000), 1, 2000).split.blocks == 4);  // of 666 rows at most
    CHECK(planned(sized(40000, 40000), 1, 3).split.blocks == 3);
  });
}

TEST_CASE("plan: blocks differ by one row, and cover all rows once") {
  for (const std::int64_t rows : {1, 2, 9, 17, 64, 101}) {
    for (std::int64_t blocks = 1; blocks <= rows; ++blocks) {
      const RowSplit split{rows, blocks, 1, 1};
      std::int64_t next = 0, least = rows, most = 0;
      for (std::int64_t i = 0; i < blocks; ++i) {
        const fastgru::RowRange block = split.block(i);
        CHECK(block.first == next);
        next = block.last;
        least = std::min(least, block.size());
        most = std::max(most, block.size());
      }
      CHECK(next == rows);
      CHECK(least >= 1);
      CHECK(most - least <= 1);
      CHECK(most == split.block_rows());
    }
  }
}

TEST_CASE("plan: the rows of dx are as many work items for each thread") {
  for (const std::int64_t rows : {1, 63, 64, 65, 450, 3200}) {
    for (const int threads : {1, 2, 3, 64}) {
      const RowSplit split = fastgru::plan_input_rows(rows, threads);
      CHECK(split.block_rows() <= fastgru::kInputRows);
      CHECK((split.blocks % threads == 0 || split.blocks == rows));
      CHECK(split.blocks <= rows / fastgru::kInputRows + threads);
    }
  }
}

TEST_CASE("plan: on two threads rows are split where either gets enough of them, else hidden units") {
  for_each_isa([](const std::string& isa) {
    for (const std::int64_t rows : {10, 20, 24, 32, 33, 64, 257}) {
      CAPTURE(rows);
      for (const GruConfig& config : {sized(128, 256), sized(400, 400)}) {
        const RowSplit split = split_of(config, rows, 2);
        CHECK(split.teams == 2);
        CHECK(split.slices == 1);
      }
    }
    for (const std::int64_t rows : {1, 2, 3, 9}) {  // 9: evenly, not 5 and 4
      CAPTURE(rows);
      CHECK(split_of(sized(128, 256), rows, 2).slices == 2);
      CHECK(split_of(sized(64, 64), rows, 2).slices == 1);  // too little between two barriers
    }
    if (isa == "avx512") CHECK(split_of(sized(128, 256), 8, 2).blocks == 2);
  });
}

// Machines that are not at hand: the split is a function of the number of threads.
TEST_CASE("plan: the threads of machines with 2 to 64 cores have even work") {
  for_each_isa([](const std::string& isa) {
    const GruConfig config = sized(256, 512);
    const std::int64_t lanes = fastgru::active_kernels().lanes;
    for (const int threads : {2, 4, 8, 16, 32, 64}) {
      std::string line;
      for (const std::int64_t rows : {1, 2, 5, 8, 9, 16, 17, 20, 24, 33, 64, 100, 257, 1000}) {
        CAPTURE(threads);
        CAPTURE(rows);
        const RowSplit split = split_of(config, rows, threads);
        CHECK(split.threads() <= threads);
        CHECK(split.blocks <= rows);
        // Rows and panels of the slowest thread, of all threads' mean.
        const std::int64_t panels = 512 / lanes, rounds = (split.blocks + split.teams - 1) / split.teams;
        const double slowest =
            static_cast<double>(rounds * split.block_rows() * ((panels + split.slices - 1) / split.slices));
        const double mean = static_cast<double>(rows * panels) / threads;
        CHECK(rounds == 1);
        // One tile of one panel is the least that a thread can take of so few rows. Panels of 4 units
        // (baseline, NEON): 17 and 33 rows on 64 threads have 6 x 10 (1.15) and 7 x 9 (1.14), NEON 9 x 7 for
        // the latter; the more even 2 x 32 and 4 x 16 pay more for their barriers than they save.
        const bool plenty = rows * panels >= 24 * threads;
        const double most = lanes == 4 && threads == 64 ? 1.16 : 1.10;
        CHECK_MESSAGE((!plenty || slowest <= most * mean), isa << " slowest " << slowest / mean);
        line += " " + std::to_string(rows) + ":" + std::to_string(split.blocks) + "x" +
                std::to_string(split.slices);
      }
      MESSAGE(isa << ", " << threads << " threads, rows:blocks x slices" << line);
    }
  });
}

TEST_CASE("plan: threads share hidden units of few rows, with much to read") {
  for_each_isa([](const std::string&) {
    const auto slices = [](const GruConfig& config, std::int64_t rows, int threads) {
      return split_of(config, rows, threads).slices;
    };
    CHECK(slices(sized(10, 512), 1, 2) == 2);
    CHECK(slices(sized(10, 512), 1, 4) == 4);
    CHECK(slices(sized(10, 512), 1, 1) == 1);
    CHECK(slices(sized(10, 160), 1, 8) == 1);  // a thread needs some 200 KiB of weights
    CHECK(slices(sized(10, 200), 1, 8) == 2);
    GruConfig config = sized(10, 512);
    config.num_layers = 3;
    CHECK(slices(config, 1, 4) == 4);
    config.reset_after = false;
    CHECK(slices(config, 1, 4) == 4);
    CHECK(split_of(sized(10, 512), 1, 4, 2).slices == 2);  // of each direction
    PlanHints forced;
    forced.slices = 3;
    const std::int64_t panels = (40 + fastgru::active_kernels().lanes - 1) / fastgru::active_kernels().lanes;
    for (const std::int64_t rows : {1, 40}) {
      const Plan plan = planned(sized(1, 40), 5, rows, 1, false, forced);
      CHECK(plan.split.slices == std::min<std::int64_t>(3, panels));
      CHECK(plan.split.blocks == 1);
    }
    forced.row_block = 10;
    forced.threads = 7;
    const RowSplit both = planned(sized(1, 48), 5, 40, 1, false, forced).split;
    CHECK(both.blocks == 4);
    CHECK(both.slices == 3);
    CHECK(both.teams == 2);
    forced = {};
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
  for_each_isa([](const std::string&) {
    GruConfig config = sized(8, 20);
    config.bidirectional = true;
    config.num_layers = 2;
    Plan plan = planned(config, 9, 5);
    CHECK(says(plan, config, "GRU input 8, hidden 20, layers 2, directions 2, reset after\n"));
    CHECK(says(plan, config, "steps 9, batch 5\n"));
    CHECK(says(plan, config, std::string("kernels ") + fastgru::active_kernels().name + ": "));
    CHECK(says(plan, config, "threads 1: 1 row block of 5 rows\n"));
    CHECK(says(plan, config, "a direction at a time: 1 row block of 5 rows\n"));
    CHECK(says(plan, config, "layer 0: weights 7 KiB (L2 "));   // 12 * 20 * 28 bytes
    CHECK(says(plan, config, "layer 1: weights 14 KiB (L2 "));  // 12 * 20 * 60
    CHECK(says(plan, config, "W x fused with the recurrence\n"));
    CHECK_FALSE(says(plan, config, "hoisted"));
    CHECK_FALSE(says(plan, config, "shared"));
    plan = planned(config, 9, 1);
    CHECK(says(plan, config, "W x hoisted over 9 steps\n"));
    CHECK_FALSE(says(plan, config, "W x fused"));
    config = sized(8, 64);
    config.reset_after = false;
    plan = planned(config, 9, 1);
    CHECK(says(plan, config, "reset before\n"));
    CHECK(says(plan, config, "W x hoisted over 9 steps, serpentine panel order\n"));
    PlanHints shared;
    shared.slices = 2;
    config.reset_after = true;
    plan = planned(config, 9, 1, 1, false, shared);
    CHECK(says(plan, config, "threads 2: 1 row block of 1 row, hidden units of each shared by 2 threads\n"));
    shared.threads = 6;
    shared.row_block = 2;
    plan = planned(config, 9, 5, 1, false, shared);
    CHECK(says(plan, config,
               "threads 6: 3 row blocks of 1 or 2 rows, hidden units of each shared by 2 threads\n"));
  });
}

TEST_CASE("plan: one object serves call after call") {
  Plan plan;
  GruConfig deep = sized(8, 20);
  deep.num_layers = 5;
  for (const GruConfig& config : {deep, sized(8, 20), deep}) {
    fastgru::make_plan(config, float_recipe(config), 4, 3, false, 1, {}, plan);
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
