// Lower precisions of the float32 engine: which recipe runs, how far it is from float64, and that its bits
// depend neither on the batch, the threads and the plan, nor on whether a sequence comes at once or step by
// step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "each_isa.h"
#include "engine_compare.h"
#include "engine_f32/plan/plan.h"

namespace {

using fastgru::GruConfig;
using fastgru::Precision;
using fastgru::RunOptions;
using namespace fastgru::testing;

GruConfig sized(std::int64_t input, std::int64_t hidden, Precision precision) {
  GruConfig config;
  config.input_size = input;
  config.hidden_size = hidden;
  config.precision = precision;
  return config;
}

std::string recipe_of(const GruConfig& config) { return fastgru::choose_recipe(config).recipe->name; }

// The same problem in float64, with the weights that the engine really uses.
Results<double> exact(const GruCase<float>& problem) {
  GruConfig config = problem.config;
  config.precision = Precision::highest;
  GruCase<double> wide(config, problem.steps, problem.rows, false, false);
  const auto weights = problem.weights();
  for (std::size_t i = 0; i < wide.params.size(); ++i) {
    wide.params[i] = static_cast<double>(weights->params()[i]);
  }
  wide.x.assign(problem.x.begin(), problem.x.end());
  wide.h0.assign(problem.h0.begin(), problem.h0.end());
  wide.lengths = problem.lengths;
  return wide.forward_only();
}

double largest_error(const GruCase<float>& problem) {
  const Results<float> got = problem.forward_only();
  const Results<double> wanted = exact(problem);
  double worst = 0;
  for (std::size_t i = 0; i < got.h_n.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(got.h_n[i]) - wanted.h_n[i]));
  }
  for (std::size_t i = 0; i < got.y.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(got.y[i]) - wanted.y[i]));
  }
  return worst;
}

Results<float> forward_with(const GruCase<float>& problem, const RunOptions& options) {
  Results<float> out;
  fastgru::Workspace<float> workspace;
  REQUIRE(fastgru::forward(*problem.weights(), problem.forward_args(out), workspace, options).ok());
  return out;
}

}  // namespace

TEST_CASE("recipes: chosen by precision, sizes and instruction set") {
  for_each_isa([](const std::string&) {
    const fastgru::KernelSet set = fastgru::active_kernel_set();
    const bool fast = set.digits != nullptr && set.digits->fast;
    const bool exact = set.three_digits != nullptr;
    CHECK(recipe_of(sized(4, 200, Precision::highest)) == (exact ? "three digits" : "float32"));
    CHECK(recipe_of(sized(4, 95, Precision::highest)) == "float32");
    const char* two = fast ? "two digits" : "float32";
    CHECK(recipe_of(sized(4, 200, Precision::high)) == (exact ? "three digits" : two));
    CHECK(recipe_of(sized(4, 200, Precision::medium)) == (exact ? "three digits" : two));
    CHECK(recipe_of(sized(4, 401, Precision::high)) == two);
    CHECK(recipe_of(sized(4, 20, Precision::high)) == "float32");
    CHECK(recipe_of(sized(4, 20, Precision::int8)) == "int8");
    GruConfig before = sized(4, 200, Precision::high);
    before.reset_after = false;
    CHECK(recipe_of(before) == "float32, reset before");
    fastgru::set_reproducible(true);
    CHECK(recipe_of(sized(4, 200, Precision::highest)) == "float32");
    CHECK(recipe_of(sized(4, 200, Precision::high)) == "float32");
    CHECK(recipe_of(sized(4, 200, Precision::int8)) == "int8");
    fastgru::set_reproducible(false);
  });
  GruConfig config = sized(4, 20, Precision::int8);
  CHECK(fastgru::validate(config).ok());
  config.reset_after = false;
  CHECK(fastgru::validate(config).message() == "precision=\"int8\" needs reset_after=true");
  for (const fastgru::Recipe* recipe : fastgru::recipes()) {
    if (recipe == &fastgru::kThreeDigitsRecipe && fastgru::active_kernel_set().three_digits == nullptr)
      continue;
    CHECK(recipe->state_bytes >= 1);
    CHECK(recipe->state_bytes <= recipe->input_bytes);
    CHECK(recipe->make(sized(3, 20, Precision::highest), fastgru::active_digit_set(), 3)->input_size() == 3);
  }
}

TEST_CASE("recipes: high keeps its bound over many steps, in every direction and layer") {
  for_each_isa([](const std::string& isa) {
    double worst = 0;
    for (const std::int64_t hidden : {96, 130, 256, 410}) {
      for (const std::int64_t rows : {1, 2, 5, 33}) {
        worst = std::max(worst, largest_error({sized(9, hidden, Precision::high), 60, rows, false, true}));
      }
    }
    GruConfig deep = sized(5, 100, Precision::high);
    deep.num_layers = 2;
    deep.bidirectional = true;
    const GruCase<float> layered(deep, 30, 6, true, false);
    CHECK(largest_error(layered) <= 4e-5);  // of two layers
    std::printf("%s: worst error of high against float64: %.2g\n", isa.c_str(), worst);
    CHECK(worst <= 2e-5);
  });
}

TEST_CASE("recipes: int8 differs from float64 with its rounded weights by the rounding of states alone") {
  for_each_isa([](const std::string& isa) {
    double worst = 0;
    for (const std::int64_t hidden : {1, 7, 33, 130, 256}) {
      for (const std::int64_t rows : {1, 3, 17}) {
        worst = std::max(worst, largest_error({sized(9, hidden, Precision::int8), 40, rows, false, true}));
      }
    }
    std::printf("%s: worst error of int8 against float64 with the same weights: %.2g\n", isa.c_str(), worst);
    CHECK(worst <= 1e-2);
    CHECK(worst > 1e-5);
  });
}

TEST_CASE("recipes: threads, shares of the units, chunks and row blocks do not change a bit") {
  for_each_isa([](const std::string&) {
    for (const Precision precision : {Precision::highest, Precision::high, Precision::int8}) {
      for (const bool lengths : {false, true}) {
        GruConfig config = sized(6, 100, precision);
        config.num_layers = 2;
        config.bidirectional = lengths;
        const GruCase<float> problem(config, 11, 9, lengths, true);
        const Results<float> plain = problem.forward_only();
        for (const int slices : {0, 3}) {
          for (const std::int64_t block : {1, 4, 9}) {
            RunOptions options;
            options.hints = {1, block + 1, block, slices, slices == 0 ? 2 : 2 * slices};
            const Results<float> other = forward_with(problem, options);
            CHECK(same_bits(other.y, plain.y));
            CHECK(same_bits(other.h_n, plain.h_n));
          }
        }
      }
    }
  });
}

TEST_CASE("recipes: a stream has the bits of a sequence, a row alone those of the batch") {
  for_each_isa([](const std::string&) {
    for (const Precision precision : {Precision::highest, Precision::high, Precision::int8}) {
      const std::int64_t hidden = 100, input = 7, steps = 9, rows = 6;
      GruConfig config = sized(input, hidden, precision);
      config.num_layers = 2;
      const GruCase<float> problem(config, steps, rows, false, false);
      const Results<float> all = problem.forward_only();
      fastgru::Stream<float> stream(problem.weights(), rows);
      fastgru::Stream<float> alone(problem.weights(), 1);
      std::vector<float> y(static_cast<std::size_t>(rows * hidden)), one(static_cast<std::size_t>(hidden));
      for (std::int64_t t = 0; t < steps; ++t) {
        stream.step(problem.x.data() + t * rows * input, y.data());
        const auto from = all.y.begin() + t * rows * hidden;
        CHECK(same_bits(y, std::vector<float>(from, from + rows * hidden)));
        alone.step(problem.x.data() + (t * rows + 4) * input, one.data());
        CHECK(same_bits(one, std::vector<float>(from + 4 * hidden, from + 5 * hidden)));
      }
    }
  });
}

// One hash, stored here because NEON and AVX run on different machines.
TEST_CASE("recipes: int8 has one class of bits on all instruction sets with fused multiply-add") {
  for_each_isa([](const std::string& isa) {
    if (isa == "baseline") return;  // multiplies and adds apart
    GruConfig config = sized(5, 67, Precision::int8);
    config.num_layers = 2;
    const Results<float> out = GruCase<float>(config, 20, 11, true, true).forward_only();
    CAPTURE(isa);
    CHECK(hash_of(out.h_n, hash_of(out.y)) == 17456373730445004344u);
  });
}

TEST_CASE("recipes: values that are not finite stay in their row, states beyond one keep their size") {
  for_each_isa([](const std::string&) {
    for (const Precision precision : {Precision::highest, Precision::high, Precision::int8}) {
      const GruConfig config = sized(3, 100, precision);
      const GruCase<float> good(config, 6, 5, false, true);
      GruCase<float> bad = good;
      bad.x[2 * 5 * 3 + 1 * 3] = std::nanf("");
      bad.x[2 * 5 * 3 + 3 * 3 + 2] = std::numeric_limits<float>::infinity();
      const Results<float> wanted = good.forward_only(), got = bad.forward_only();
      for (std::size_t i = 0; i < 500; ++i) {
        const std::size_t row = i / 100;
        if (row == 1) {
          CHECK(std::isnan(got.h_n[i]));
        } else if (row == 3) {
          // In float32 an infinite product drives a gate to its end; a row's scale has no digits for it.
          CHECK(std::isnan(got.h_n[i]) == (precision == Precision::int8));
        } else {
          CHECK(std::memcmp(&got.h_n[i], &wanted.h_n[i], sizeof(float)) == 0);
        }
      }
      GruCase<float> large = good;
      for (float& state : large.h0) state *= 100.0f;
      // Not cut off at 1: of initial states of up to 100, and gates that the error may move.
      CHECK(largest_error(large) <= (precision == Precision::int8 ? 20.0 : 0.5));
    }
  });
}

TEST_CASE("recipes: training runs in high, and int8 refuses it") {
  for_each_isa([](const std::string&) {
    const GruCase<float> problem(sized(5, 100, Precision::high), 8, 4, false, true);
    GruConfig highest = problem.config;
    highest.precision = Precision::highest;
    GruCase<float> same(highest, 8, 4, false, true);
    const Results<float> a = problem.train(), b = same.train();
    CHECK(same_bits(a.y, problem.forward_only().y));
    for (std::size_t i = 0; i < a.dparams.size(); ++i) {
      CHECK(std::fabs(a.dparams[i] - b.dparams[i]) <= 1e-3f);
    }
    const GruCase<float> rounded(sized(5, 20, Precision::int8), 8, 4, false, true);
    Results<float> out;
    fastgru::Tape<float> tape;
    const fastgru::Status status =
        fastgru::forward_train(*rounded.weights(), rounded.forward_args(out), 1, tape, {});
    CHECK(status.message() ==
          "precision=\"int8\" is for inference alone: its rounded weights have no gradient");
  });
}
