// The float32 engine on every instruction set of this machine: against the float64 reference, and bit by bit
// against itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "engine_compare.h"
#include "engine_f32/plan/plan.h"

namespace {

using fastgru::GruConfig;
using fastgru::RunOptions;
using namespace fastgru::testing;

constexpr double kBound = 2e-5;

void check_case(const GruCase<float>& problem, EngineError& worst, int threads = 1) {
  const EngineError error = compare_with_double(problem, threads);
  CAPTURE(name_of(problem.config));
  CAPTURE(problem.steps);
  CAPTURE(problem.rows);
  CHECK(error.forward <= kBound);
  CHECK(error.backward <= kBound);
  worst.forward = std::max(worst.forward, error.forward);
  worst.backward = std::max(worst.backward, error.backward);
}

GruConfig sized(std::int64_t input, std::int64_t hidden, bool reset_after = true) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  config.reset_after = reset_after;
  return config;
}

Results<float> run_with(const GruCase<float>& problem, const RunOptions& options) {
  Results<float> out;
  fastgru::Tape<float> tape;
  const auto weights = problem.weights();
  REQUIRE(fastgru::forward_train(*weights, problem.forward_args(out), problem.seed, tape, options).ok());
  REQUIRE(fastgru::backward(*weights, tape, problem.backward_args(out), options).ok());
  return out;
}

void check_same(const Results<float>& a, const Results<float>& b) {
  CHECK(same_bits(a.y, b.y));
  CHECK(same_bits(a.h_n, b.h_n));
  CHECK(same_bits(a.dx, b.dx));
  CHECK(same_bits(a.dh0, b.dh0));
  CHECK(same_bits(a.dparams, b.dparams));
}

}  // namespace

TEST_CASE("float32 agrees with float64 for every architecture") {
  for_each_isa([](const std::string& isa) {
    EngineError worst;
    for_each_config([&](GruConfig config) {
      for (const bool lengths : {false, true}) {
        for (const bool h0 : {false, true}) {
          for (const double dropout : {0.0, 0.3}) {
            config.dropout = dropout;
            check_case({config, 7, 6, lengths, h0}, worst);
          }
        }
      }
    });
    std::printf("%s: worst error against float64: forward %.2g, gradients %.2g\n", isa.c_str(), worst.forward,
                worst.backward);
  });
}

TEST_CASE("float32 agrees with float64 for odd sizes") {
  for_each_isa([](const std::string& isa) {
    EngineError worst;
    for (const std::int64_t hidden : {1, 3, 8, 16, 17, 33, 50, 64, 100, 130}) {
      for (const std::int64_t input : {1, 7, 40}) {
        for (const std::int64_t rows : {1, 2, 3, 5, 9, 33}) {
          for (const bool reset_after : {true, false}) {
            check_case({sized(input, hidden, reset_after), 5, rows, rows % 2 == 1, true}, worst);
          }
        }
      }
    }
    std::printf("%s: worst error over odd sizes: forward %.2g, gradients %.2g\n", isa.c_str(), worst.forward,
                worst.backward);
  });
}

TEST_CASE("float32 agrees with float64 over many steps and more rows than one block of a sum") {
  for_each_isa([](const std::string&) {
    EngineError worst;
    check_case({sized(4, 20), 300, 1, false, true}, worst);
    check_case({sized(4, 20), 300, 3, true, true}, worst, 2);
    check_case({sized(12, 24, false), 40, 70, true, false}, worst, 2);
  });
}

TEST_CASE("threads, hoisting, chunks and row blocks do not change a bit") {
  for_each_isa([](const std::string&) {
    for (const bool lengths : {false, true}) {
      GruConfig config = two_by_two();
      config.hidden_size = 20;
      config.dropout = 0.2;
      const GruCase<float> problem(config, 23, 19, lengths, true);
      const Results<float> plain = run_with(problem, {});
      for (const int threads : {1, 2, 3, 8}) {
        for (const int hoist : {0, 1}) {
          for (const std::int64_t block : {1, 3, 8, 19}) {
            RunOptions options;
            options.hints = {hoist, block + 2, block, 0, threads};
            check_same(run_with(problem, options), plain);
          }
        }
      }
    }
  });
}

// Weight gradients are cut into pieces of columns. dW_ih and dW_hh are computed together, or, if their
// results do not fit the cache (wide layers), one after the other.
TEST_CASE("pieces of the weight gradients agree with float64, and threads do not change a bit of them") {
  for_each_isa([](const std::string&) {
    for (const bool reset_after : {true, false}) {
      for (const bool h0 : {false, true}) {
        EngineError worst;
        for (const std::int64_t hidden : {100, 480}) {
          const GruCase<float> problem(sized(hidden + 3, hidden, reset_after), 5, 9, true, h0);
          check_case(problem, worst);
          const Results<float> plain = run_with(problem, {});
          for (const int threads : {2, 3, 8}) {
            RunOptions options;
            options.hints.threads = threads;
            check_same(run_with(problem, options), plain);
          }
        }
      }
    }
  });
}

TEST_CASE("threads that share the hidden units of row blocks do not change a bit") {
  for_each_isa([](const std::string&) {
    for (const bool reset_after : {true, false}) {
      for (const bool lengths : {false, true}) {
        for (const std::int64_t hidden : {66, 70}) {
          GruConfig config = sized(5, hidden, reset_after);
          config.num_layers = 2;
          config.bidirectional = hidden == 70;
          const GruCase<float> problem(config, 23, 7, lengths, true);
          const Results<float> plain = run_with(problem, {});
          for (const int slices : {2, 3, 8}) {
            for (const std::int64_t block : {0, 1, 3}) {
              for (const int teams : {1, 2}) {
                RunOptions options;
                options.hints = {slices % 2, 7, block, slices, teams * slices};
                check_same(run_with(problem, options), plain);
              }
            }
          }
        }
      }
    }
  });
}

TEST_CASE("a row has the same bits alone and in a batch") {
  for_each_isa([](const std::string&) {
    for (const bool reset_after : {true, false}) {
      const GruConfig config = sized(9, 37, reset_after);
      const GruCase<float> batch(config, 12, 33, false, false);
      const Results<float> all = batch.forward_only();
      for (const std::int64_t row : {0, 7, 32}) {
        GruCase<float> one(config, 12, 1, false, false);
        one.params = batch.params;
        for (std::int64_t t = 0; t < 12; ++t) {
          std::copy_n(batch.x.begin() + (t * 33 + row) * 9, 9, one.x.begin() + t * 9);
        }
        const Results<float> alone = one.forward_only();
        const std::vector<float> wanted(all.h_n.begin() + row * 37, all.h_n.begin() + (row + 1) * 37);
        CHECK(same_bits(alone.h_n, wanted));
      }
    }
  });
}

namespace {

void check_batches(std::int64_t hidden) {
  const GruConfig config = sized(9, hidden);
  const GruCase<float> whole(config, 6, 257, false, false);
  const Results<float> all = whole.forward_only();
  std::int64_t mismatches = 0;
  for (std::int64_t rows = 1; rows < 257; rows += rows < 70 ? 1 : 31) {
    GruCase<float> part(config, 6, rows, false, false);
    part.params = whole.params;
    for (std::int64_t t = 0; t < 6; ++t) {
      std::copy_n(whole.x.begin() + t * 257 * 9, rows * 9, part.x.begin() + t * rows * 9);
    }
    const Results<float> some = part.forward_only();
    const std::vector<float> wanted(all.h_n.begin(), all.h_n.begin() + rows * hidden);
    mismatches += same_bits(some.h_n, wanted) ? 0 : 1;
  }
  CHECK(mismatches == 0);
}

}  // namespace

// 33, 34 and 37 units: for vectors of 4, 8 and 16 lanes, one of them has a last panel whose gates share a
// vector, and one has a last panel whose gates do not.
TEST_CASE("a row has the same bits in batches of 2 to 257 rows") {
  for_each_isa([](const std::string&) {
    for (const std::int64_t hidden : {33, 34, 37}) check_batches(hidden);
  });
}

// One hash for all instruction sets with FMA, stored here because NEON and AVX run on different machines.
TEST_CASE("all instruction sets with FMA give the same bits") {
  for_each_isa([](const std::string& isa) {
    if (isa == "baseline") return;  // SSE2 has no FMA
    std::uint64_t hash = kFirstHash;
    for (const bool lengths : {false, true}) {
      for_each_config([&](GruConfig config) {
        config.hidden_size = 21;
        const Results<float> out = GruCase<float>(config, 11, 10, lengths, true).train();
        for (const auto* values : {&out.y, &out.h_n, &out.dx, &out.dh0, &out.dparams}) {
          hash = hash_of(*values, hash);
        }
      });
    }
    CAPTURE(isa);
    CHECK(hash == 6214377697767816368u);
  });
}

TEST_CASE("AVX2 and AVX-512 give the same bits") {
  const std::vector<std::string> names = fastgru::isa_names();
  if (std::find(names.begin(), names.end(), "avx512") == names.end()) {
    MESSAGE("not run: this machine has no AVX-512");
    return;
  }
  for (const bool lengths : {false, true}) {
    for_each_config([&](GruConfig config) {
      config.hidden_size = 21;
      const GruCase<float> problem(config, 11, 10, lengths, true);
      REQUIRE(fastgru::set_active_isa("avx2"));
      const Results<float> narrow = problem.train();
      REQUIRE(fastgru::set_active_isa("avx512"));
      check_same(problem.train(), narrow);
    });
  }
}

TEST_CASE("steps of a stream are a forward call") {
  for_each_isa([](const std::string&) {
    for (const bool reset_after : {true, false}) {
      for (const std::int64_t rows : {1, 2, 5}) {
        for (const std::int64_t hidden : {1, 29, 33, 50}) {
          GruConfig config = sized(6, hidden, reset_after);
          config.num_layers = 2;
          const GruCase<float> problem(config, 9, rows, false, true);
          const Results<float> whole = problem.forward_only();
          fastgru::Stream<float> stream(problem.weights(), rows);
          stream.set_state(problem.h0.data());
          std::vector<float> y(whole.y.size()), state(whole.h_n.size());
          for (std::int64_t t = 0; t < 9; ++t)
            stream.step(&problem.x[static_cast<std::size_t>(t * rows * 6)],
                        &y[static_cast<std::size_t>(t * rows * hidden)]);
          stream.get_state(state.data());
          CHECK(same_bits(y, whole.y));
          CHECK(same_bits(state, whole.h_n));
        }
      }
    }
  });
}

TEST_CASE("a forward call that wants no sequence gives the same final state") {
  for_each_isa([](const std::string&) {
    for_each_config([](const GruConfig& config) {
      for (const bool lengths : {false, true}) {
        const GruCase<float> problem(config, 8, 7, lengths, true);
        const Results<float> whole = problem.forward_only();
        Results<float> final_only;
        auto args = problem.forward_args(final_only);
        args.y.data = nullptr;
        fastgru::Workspace<float> workspace;
        REQUIRE(fastgru::forward(*problem.weights(), args, workspace, {}).ok());
        CHECK(same_bits(final_only.h_n, whole.h_n));
      }
    });
  });
}

TEST_CASE("a tape and a workspace serve calls of different shapes in turn") {
  const GruConfig config = two_by_two();
  fastgru::Tape<float> tape;
  fastgru::Workspace<float> workspace;
  for (const std::int64_t rows : {4, 9, 2, 1, 9}) {
    const GruCase<float> problem(config, 3 + rows, rows, rows % 2 == 0, rows > 2);
    const auto weights = problem.weights();
    Results<float> out, inferred;
    REQUIRE(fastgru::forward_train(*weights, problem.forward_args(out), 0, tape, {}).ok());
    REQUIRE(fastgru::backward(*weights, tape, problem.backward_args(out), {}).ok());
    check_same(out, problem.train());
    CHECK_FALSE(tape.ready());
    CHECK_FALSE(fastgru::backward(*weights, tape, problem.backward_args(out), {}).ok());
    REQUIRE(fastgru::forward(*weights, problem.forward_args(inferred), workspace, {}).ok());
    CHECK(same_bits(inferred.y, out.y));
  }
}

TEST_CASE("an interrupted call says so") {
  const GruCase<float> problem(sized(30, 60), 2000, 4, false, false);
  fastgru::Interrupt interrupt([](void*) { return true; });
  RunOptions options;
  options.interrupt = &interrupt;
  Results<float> out;
  fastgru::Workspace<float> workspace;
  fastgru::Status status;
  // The poll is called at most every 20 ms: repeat until it was.
  for (int i = 0; i < 10000 && status.ok(); ++i) {
    status = fastgru::forward(*problem.weights(), problem.forward_args(out), workspace, options);
  }
  CHECK(status.code() == fastgru::ErrorCode::interrupted);
}

TEST_CASE("a NaN stays in its row") {
  for_each_isa([](const std::string&) {
    for (const bool reset_after : {true, false}) {
      GruCase<float> problem(sized(3, 18, reset_after), 6, 9, false, false);
      const Results<float> clean = problem.forward_only();
      problem.x[(2 * 9 + 4) * 3] = std::numeric_limits<float>::quiet_NaN();
      const Results<float> dirty = problem.forward_only();
      for (std::size_t row = 0; row < 9; ++row) {
        for (std::size_t unit = 0; unit < 18; ++unit) {
          const float value = dirty.h_n[row * 18 + unit];
          if (row == 4) {
            CHECK(std::isnan(value));
          } else {
            CHECK(value == clean.h_n[row * 18 + unit]);
          }
        }
      }
    }
  });
}

TEST_CASE("a plan can be printed") {
  const GruCase<float> problem(two_by_two(), 100, 32, false, false);
  const std::string text = fastgru::explain(*problem.weights(), 100, 32, 1);
  CHECK(text.find("steps 100, batch 32") != std::string::npos);
  CHECK(text.find("threads 1") != std::string::npos);
  CHECK(text.find("layer 1") != std::string::npos);
  CHECK(text.find("layer 1, training: weight gradients in 1 piece a direction") != std::string::npos);
  CHECK(text.find("gates recomputed 10 steps at a time") != std::string::npos);
  CHECK(text.find("stream") == std::string::npos);  // two directions cannot stream
  const GruCase<float> large(sized(3, 1024), 1, 1, false, false);
  const std::string with_stream = fastgru::explain(*large.weights(), 100, 32, 1);
  CHECK(with_stream.find("stream: serpentine panel order") != std::string::npos);
}
