// Streams of both engines: a null y is allowed, and the steps equal a forward call, denormals included.
#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "gru_case.h"

namespace {

using namespace fastgru::testing;

template <class S>
void check_null_output(const fastgru::GruConfig& config) {
  const GruCase<S> problem(config, 4, 3, false, true);
  fastgru::Stream<S> with_y(problem.weights(), problem.rows), without(with_y);
  with_y.set_state(problem.h0.data());
  without.set_state(problem.h0.data());
  std::vector<S> y(static_cast<std::size_t>(problem.rows * config.hidden_size));
  std::vector<S> expected(problem.h0.size()), state(problem.h0.size());
  for (std::int64_t t = 0; t < problem.steps; ++t) {
    const S* x = problem.x.data() + t * problem.rows * config.input_size;
    with_y.step(x, y.data());
    without.step(x, nullptr);
    with_y.get_state(expected.data());
    without.get_state(state.data());
    CHECK(same_bits(state, expected));
  }
}

// States that decay into denormals, which a step flushes like a forward call.
template <class S>
void check_denormals() {
  fastgru::GruConfig config;
  config.hidden_size = 3;
  GruCase<S> problem(config, 5, 2, false, true);
  for (S& value : problem.params) value = S(0);
  for (S& value : problem.h0) value = 4 * std::numeric_limits<S>::min();
  const Results<S> whole = problem.forward_only();
  fastgru::Stream<S> stream(problem.weights(), problem.rows);
  stream.set_state(problem.h0.data());
  for (std::int64_t t = 0; t < problem.steps; ++t) {
    stream.step(problem.x.data() + t * problem.rows, nullptr);
  }
  std::vector<S> state(problem.h0.size());
  stream.get_state(state.data());
  CHECK(same_bits(state, whole.h_n));
}

}  // namespace

TEST_CASE("a stream flushes denormals where a forward call does, in both engines") {
  check_denormals<float>();
  check_denormals<double>();
}

TEST_CASE("a step with a null y moves the state alone, in both engines") {
  for_each_config([](const fastgru::GruConfig& config) {
    if (config.bidirectional) return;
    INFO(name_of(config));
    check_null_output<float>(config);
    check_null_output<double>(config);
  });
}
