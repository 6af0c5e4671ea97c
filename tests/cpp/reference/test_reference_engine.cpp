// The promises of the float64 engine: bits of single rows, any thread count, steps, NaN, errors,
// interruption.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gru_case.h"

namespace {

using fastgru::GruConfig;
using fastgru::Status;
using fastgru::testing::for_each_config;
using fastgru::testing::GruCase;
using fastgru::testing::name_of;
using fastgru::testing::Results;
using fastgru::testing::same_bits;
using fastgru::testing::two_by_two;

}  // namespace

TEST_CASE("reference: forward_train without dropout equals forward, at any number of threads") {
  for_each_config([](const GruConfig& config) {
    const GruCase<double> problem(config, 40, 37, true, true);
    const Results<double> one = problem.train(1), two = problem.train(2), plain = problem.forward_only(2);
    INFO(name_of(config));
    CHECK(same_bits(one.y, plain.y));
    CHECK(same_bits(one.h_n, plain.h_n));
    CHECK(same_bits(one.dx, two.dx));
    CHECK(same_bits(one.dh0, two.dh0));
    CHECK(same_bits(one.dparams, two.dparams));
  });
}

TEST_CASE("reference: a row on its own, cut at its length, has the same bits as in the batch") {
  for_each_config([](const GruConfig& config) {
    const GruCase<double> batch(config, 6, 7, true, true);
    const Results<double> all = batch.forward_only();
    const std::int64_t width = config.directions() * config.hidden_size;
    INFO(name_of(config));
    for (std::int64_t b = 0; b < batch.rows; ++b) {
      const std::int64_t length = batch.lengths[static_cast<std::size_t>(b)];
      GruCase<double> alone(config, std::max<std::int64_t>(length, 1), 1, false, true);
      if (length == 0) alone.lengths = {0};
      for (std::int64_t t = 0; t < length; ++t) {
        std::copy_n(batch.x.begin() + (t * batch.rows + b) * 3, 3, alone.x.begin() + t * 3);
      }
      const std::int64_t blocks = config.num_layers * config.directions(), hidden = config.hidden_size;
      for (std::int64_t i = 0; i < blocks; ++i) {
        std::copy_n(batch.h0.begin() + (i * batch.rows + b) * hidden, hidden, alone.h0.begin() + i * hidden);
      }
      alone.params = batch.params;
      const Results<double> one = alone.forward_only();
      for (std::int64_t t = 0; t < batch.steps; ++t) {
        for (std::int64_t f = 0; f < width; ++f) {
          const double got = all.y[static_cast<std::size_t>((t * batch.rows + b) * width + f)];
          CHECK(got == (t < length ? one.y[static_cast<std::size_t>(t * width + f)] : 0.0));
        }
      }
      for (std::int64_t i = 0; i < blocks * hidden; ++i) {
        const std::int64_t at = (i / hidden * batch.rows + b) * hidden + i % hidden;
        CHECK(all.h_n[static_cast<std::size_t>(at)] == one.h_n[static_cast<std::size_t>(i)]);
      }
    }
  });
}

TEST_CASE("reference: T steps of a stream equal forward") {
  for_each_config([](const GruConfig& config) {
    if (config.bidirectional) return;
    const GruCase<double> problem(config, 9, 5, false, true);
    const Results<double> whole = problem.forward_only();
    fastgru::Stream<double> stream(problem.weights(), problem.rows);
    stream.set_state(problem.h0.data());
    const std::int64_t size = problem.rows * config.hidden_size;
    std::vector<double> y(whole.y.size()), state(whole.h_n.size());
    for (std::int64_t t = 0; t < problem.steps; ++t) {
      stream.step(problem.x.data() + t * problem.rows * config.input_size, y.data() + t * size);
    }
    stream.get_state(state.data());
    INFO(name_of(config));
    CHECK(same_bits(y, whole.y));
    CHECK(same_bits(state, whole.h_n));

    const fastgru::Stream<double> copy(stream);
    stream.reset();
    copy.get_state(state.data());
    CHECK(same_bits(state, whole.h_n));
    stream.get_state(state.data());
    CHECK(std::all_of(state.begin(), state.end(), [](double v) { return v == 0.0; }));
  });
}

TEST_CASE("reference: a NaN stays in its row") {
  GruCase<double> problem(two_by_two(), 6, 9, false, true);
  const Results<double> clean = problem.train();
  const std::int64_t sick = 4;
  problem.x[static_cast<std::size_t>((2 * problem.rows + sick) * 3)] = std::nan("");
  const Results<double> dirty = problem.train();
  for (std::size_t i = 0; i < clean.y.size(); ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i) / 10 % problem.rows;
    CHECK((row == sick ? std::isnan(dirty.y[i]) : dirty.y[i] == clean.y[i]));
  }
  for (std::size_t i = 0; i < clean.dx.size(); ++i) {
    const std::int64_t row = static_cast<std::int64_t>(i) / 3 % problem.rows;
    if (row != sick) CHECK(dirty.dx[i] == clean.dx[i]);
  }
}

TEST_CASE("reference: bad arguments are named") {
  GruCase<double> problem(two_by_two(), 4, 3, true, true);
  const auto weights = problem.weights();
  fastgru::Workspace<double> workspace;
  fastgru::Tape<double> tape;
  Results<double> out;
  const auto message = [&](fastgru::ForwardArgs<double> args) {
    const Status status = forward(*weights, args, workspace, {});
    CHECK(status.code() == fastgru::ErrorCode::invalid_argument);
    return status.message();
  };
  auto args = problem.forward_args(out);
  args.x.features = 5;
  CHECK(message(args) == "x has 5 features, wanted input_size = 3");
  args = problem.forward_args(out);
  args.x.steps = 0;
  CHECK(message(args) ==
        "x must have at least one step and one row, got (steps, rows, features) = (0, 3, 3)");
  args = problem.forward_args(out);
  args.y.features = 5;
  CHECK(message(args) == "y (steps, rows, features) is (4, 3, 5), wanted (4, 3, 10)");
  problem.lengths[1] = 5;
  CHECK(message(problem.forward_args(out)) == "lengths[1] is 5, wanted 0 to 4, the number of steps of x");
  problem.lengths[1] = -1;
  CHECK(message(problem.forward_args(out)) == "lengths[1] is -1, wanted 0 to 4, the number of steps of x");
  args.x.steps = args.x.rows = std::int64_t{1} << 40;
  CHECK(message(args).find("more memory than can be addressed") != std::string::npos);
  const Status status = backward(*weights, tape, problem.backward_args(out), {});
  CHECK(status.message() == "tape holds nothing: it comes from forward_train and serves one backward");
}

TEST_CASE("reference: a tape serves once, and an interrupt stops the call") {
  const GruCase<double> problem(two_by_two(), 30, 8, true, true);
  const auto weights = problem.weights();
  Results<double> out;
  fastgru::Tape<double> tape;
  REQUIRE(forward_train(*weights, problem.forward_args(out), 1, tape, {}).ok());
  CHECK(tape.steps() == 30);
  CHECK(tape.rows() == 8);
  REQUIRE(backward(*weights, tape, problem.backward_args(out), {}).ok());
  CHECK(backward(*weights, tape, problem.backward_args(out), {}).code() ==
        fastgru::ErrorCode::invalid_argument);

  fastgru::Interrupt interrupt([](void*) { return true; });
  fastgru::RunOptions options;
  options.interrupt = &interrupt;
  fastgru::Workspace<double> workspace;
  Status status;
  // The first poll is due 20 ms after the Interrupt was made.
  for (int i = 0; i < 1000000 && status.ok(); ++i)
    status = forward(*weights, problem.forward_args(out), workspace, options);
  CHECK(status.code() == fastgru::ErrorCode::interrupted);
}
