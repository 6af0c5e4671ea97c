// Recompute (gradient checkpointing, memory="low"): the same gradients in less memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine_compare.h"
#include "engine_f32/state.h"

namespace {

using fastgru::GruConfig;
using fastgru::RunOptions;
using namespace fastgru::testing;

constexpr double kBound = 2e-5;
// The tolerance between two orders of a sum over the same rows.
constexpr double kOrderBound = 2e-6;

Results<float> run_with(const GruCase<float>& problem, const RunOptions& options) {
  Results<float> out;
  fastgru::Tape<float> tape;
  const auto weights = problem.weights();
  REQUIRE(fastgru::forward_train(*weights, problem.forward_args(out), problem.seed, tape, options).ok());
  // A caller need not keep h_n until backward.
  const std::vector<float> h_n = out.h_n;
  std::fill(out.h_n.begin(), out.h_n.end(), -5.0f);
  REQUIRE(fastgru::backward(*weights, tape, problem.backward_args(out), options).ok());
  CHECK(std::all_of(out.h_n.begin(), out.h_n.end(), [](float value) { return value == -5.0f; }));
  out.h_n = h_n;
  return out;
}

RunOptions low_memory() {
  RunOptions options;
  options.low_memory = true;
  return options;
}

void check_all_but_parameters(const Results<float>& a, const Results<float>& b) {
  CHECK(same_bits(a.y, b.y));
  CHECK(same_bits(a.h_n, b.h_n));
  CHECK(same_bits(a.dx, b.dx));
  CHECK(same_bits(a.dh0, b.dh0));
}

void check_same(const Results<float>& a, const Results<float>& b) {
  check_all_but_parameters(a, b);
  CHECK(same_bits(a.dparams, b.dparams));
}

void check_against_high(const GruCase<float>& problem) {
  CAPTURE(name_of(problem.config));
  CAPTURE(problem.lengths.empty());
  CAPTURE(problem.h0.empty());
  const Results<float> low = run_with(problem, low_memory()), high = run_with(problem, {});
  check_all_but_parameters(low, high);
  CHECK(parameter_error(problem.config, low.dparams, widened(high.dparams)) <= kOrderBound);
}

GruConfig sized(std::int64_t input, std::int64_t hidden, std::int64_t layers, bool bidirectional) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  config.num_layers = layers;
  config.bidirectional = bidirectional;
  return config;
}

template <class Body>
void for_each_problem(std::int64_t steps, std::int64_t rows, Body body) {
  for_each_config([&](GruConfig config) {
    for (const bool lengths : {false, true}) {
      for (const bool h0 : {false, true}) {
        for (const double dropout : {0.0, 0.3}) {
          config.dropout = dropout;
          body(GruCase<float>(config, steps, rows, lengths, h0));
        }
      }
    }
  });
}

// The tape's memory never shrinks: it is the largest need so far.
std::int64_t tape_bytes(const fastgru::Tape<float>& tape) {
  const auto& t = tape.state();
  std::int64_t floats = t.scratch.capacity() + t.carry.capacity() + t.recomputed_slots.capacity() +
                        t.h0_kept.capacity() + t.dy_copy.capacity() + t.dh_n_copy.capacity() +
                        t.dh0_copy.capacity() + t.dx_copy.capacity() + t.dsequences[0].capacity() +
                        t.dsequences[1].capacity();
  for (const auto* buffers : {&t.sequences, &t.dropped, &t.slots}) {
    for (const auto& buffer : *buffers) floats += buffer.capacity();
  }
  return floats * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t bytes_of_training(const GruCase<float>& problem, const RunOptions& options,
                               fastgru::Tape<float>& tape) {
  Results<float> out;
  const auto weights = problem.weights();
  REQUIRE(fastgru::forward_train(*weights, problem.forward_args(out), problem.seed, tape, options).ok());
  REQUIRE(fastgru::backward(*weights, tape, problem.backward_args(out), options).ok());
  return tape_bytes(tape);
}

}  // namespace

// 40 steps of 20 rows are three chunks of 13 steps, and one step more.
TEST_CASE("low memory gives the gradients of high memory for every architecture") {
  for_each_isa([](const std::string&) { for_each_problem(40, 20, check_against_high); });
}

TEST_CASE("low memory agrees with float64 for every architecture") {
  for_each_isa([](const std::string&) {
    for_each_problem(40, 20, [](const GruCase<float>& problem) {
      CAPTURE(name_of(problem.config));
      const Results<float> low = run_with(problem, low_memory());
      const Results<double> wanted = widened(problem).train();
      CHECK(relative_error(low.y, wanted.y) <= kBound);
      CHECK(relative_error(low.dx, wanted.dx) <= kBound);
      CHECK(relative_error(low.dh0, wanted.dh0) <= kBound);
      CHECK(parameter_error(problem.config, low.dparams, wanted.dparams) <= kBound);
    });
  });
}

// Chunks of 15, 20 and 86 steps: blocks of the sums begin within a chunk, and a chunk within a block.
TEST_CASE("many chunks, and rows that do not divide a block of a sum") {
  for_each_isa([](const std::string&) {
    for (const bool lengths : {false, true}) {
      check_against_high({sized(9, 21, 2, true), 200, 37, lengths, true});
      check_against_high({sized(4, 24, 1, false), 400, 32, lengths, true});
      check_against_high({sized(4, 20, 1, true), 300, 3, lengths, false});
      check_against_high({sized(4, 20, 1, false), 600, 1, lengths, true});
    }
  });
}

TEST_CASE("low memory: threads, hoisting and row blocks do not change a bit") {
  for_each_isa([](const std::string&) {
    for (const bool lengths : {false, true}) {
      for (const bool bidirectional : {false, true}) {
        GruConfig config = sized(9, 20, 2, bidirectional);
        config.dropout = 0.2;
        const GruCase<float> problem(config, 61, 37, lengths, true);
        const Results<float> plain = run_with(problem, low_memory());
        for (const int threads : {1, 2, 3}) {
          for (const int hoist : {0, 1}) {
            RunOptions options = low_memory();
            options.hints = {hoist, 3, hoist == 0 ? 0 : 5, 0, threads};
            check_same(run_with(problem, options), plain);
          }
        }
      }
    }
  });
}

TEST_CASE("low memory: threads that share the hidden units do not change a bit") {
  for_each_isa([](const std::string&) {
    for (const bool lengths : {false, true}) {
      const GruCase<float> problem(sized(5, 70, 2, false), 300, 2, lengths, true);
      const Results<float> plain = run_with(problem, low_memory());
      for (const int slices : {2, 3}) {
        RunOptions options = low_memory();
        options.hints = {-1, 0, 0, slices, slices};
        check_same(run_with(problem, options), plain);
      }
    }
  });
}

TEST_CASE("low memory needs less than half of high memory") {
  const GruCase<float> problem(sized(16, 128, 1, false), 400, 32, false, true);
  fastgru::Tape<float> high_tape, low_tape;
  const std::int64_t high = bytes_of_training(problem, {}, high_tape);
  const std::int64_t low = bytes_of_training(problem, low_memory(), low_tape);
  MESSAGE("tape of (400, 32, 16, 128): high " << high << " bytes, low " << low);
  CHECK(high >= 400 * 32 * 4 * 128 * 4);
  CHECK(2 * low < high);
  // A tape that served both frees the memory of the gates, and a second call allocates nothing.
  CHECK(bytes_of_training(problem, low_memory(), high_tape) < high / 2);
  CHECK(bytes_of_training(problem, low_memory(), low_tape) == low);
}

TEST_CASE("a low-memory backward call can be interrupted") {
  const GruCase<float> problem(sized(30, 60, 1, false), 2000, 4, false, false);
  const auto weights = problem.weights();
  fastgru::Interrupt interrupt([](void*) { return true; });
  RunOptions options = low_memory();
  options.interrupt = &interrupt;
  fastgru::Status status;
  // The poll is called at most every 20 ms: repeat until it was.
  for (int i = 0; i < 10000 && status.ok(); ++i) {
    Results<float> out;
    fastgru::Tape<float> tape;
    REQUIRE(fastgru::forward_train(*weights, problem.forward_args(out), 0, tape, low_memory()).ok());
    status = fastgru::backward(*weights, tape, problem.backward_args(out), options);
  }
  CHECK(status.code() == fastgru::ErrorCode::interrupted);
}
