// The streaming step from C++: mean time, and percentiles over a million steps. Goal: no slower than a
// network whose sizes are fixed at compile time, and p99.9 within twice the median on an idle core (as far as
// the machine lets it: see nothing_percentiles).

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "runtime/denormals.h"
#include "unit.h"

namespace {

using fastgru::bench::numbers;

constexpr std::int64_t kInputs = 64;  // different inputs, over and over

struct Network {
  std::shared_ptr<fastgru::Weights<float>> weights;
  std::vector<float> x, y;
};

Network make_network(std::int64_t input_size, std::int64_t hidden_size) {
  fastgru::GruConfig config;
  config.input_size = input_size;
  config.hidden_size = hidden_size;
  Network network;
  network.weights = std::make_shared<fastgru::Weights<float>>(config);
  const float scale = 1.0f / std::sqrt(static_cast<float>(hidden_size));
  if (!network.weights->assign(numbers(network.weights->layout().total(), scale).data()).ok()) return {};
  network.x = numbers(kInputs * input_size, 1.0f);
  network.y.resize(static_cast<std::size_t>(hidden_size));
  return network;
}

void step_mean(benchmark::State& state) {
  const std::int64_t input_size = state.range(0);
  Network network = make_network(input_size, state.range(1));
  fastgru::Stream<float> stream(network.weights, 1);
  std::int64_t k = 0;
  for (auto _ : state) {
    stream.step(network.x.data() + (k++ % kInputs) * input_size, network.y.data());
    benchmark::DoNotOptimize(network.y.data());
    benchmark::ClobberMemory();
  }
}

// The caller flushes denormals already, as audio apps do: a step then leaves the register alone, and one step
// may begin while the last one's activations are on their way.
void step_mean_flushed(benchmark::State& state) {
  const fastgru::FlushDenormals flush;
  step_mean(state);
}

// Durations in whole nanoseconds, counted: a list of a million times would be written past the caches, which
// itself delays one step in some hundreds.
class Histogram {
 public:
  void add(std::int64_t nanoseconds) {
    ++counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(nanoseconds, 0, kMost))];
    if (nanoseconds >= kMost) beyond_.push_back(nanoseconds);
    ++size_;
  }

  double percentile(double share) {
    auto rank = static_cast<std::int64_t>(share * static_cast<double>(size_ - 1));
    for (std::size_t value = 0; value < kMost; ++value) {
      if (rank < counts_[value]) return static_cast<double>(value);
      rank -= counts_[value];
    }
    std::sort(beyond_.begin(), beyond_.end());
    return static_cast<double>(beyond_[static_cast<std::size_t>(rank)]);
  }

 private:
  static constexpr std::int64_t kMost = 20000;
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(kMost + 1), beyond_;
  std::int64_t size_ = 0;
};

// step(k) a million times, each timed by itself; the clock's own reading is measured, and its median taken
// off each.
template <class Step>
void percentiles(benchmark::State& state, Step step) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kSteps = 1000000;
  const auto nanoseconds_of = [](auto call) {
    const auto start = Clock::now();
    call();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  };
  Histogram times, clock;
  for (auto _ : state) {
    for (std::int64_t k = 0; k < kSteps / 10; ++k) clock.add(nanoseconds_of([] {}));
    for (std::int64_t k = 0; k < kSteps; ++k) times.add(nanoseconds_of([&] { step(k); }));
  }
  const double reading = clock.percentile(0.5);
  const auto percentile = [&](double share) { return std::max(times.percentile(share) - reading, 0.0); };
  state.counters["p50"] = percentile(0.5);
  state.counters["p99"] = percentile(0.99);
  state.counters["p99.9"] = percentile(0.999);
  state.counters["max"] = percentile(1.0);
}

void step_percentiles(benchmark::State& state) {
  const std::int64_t input_size = state.range(0);
  Network network = make_network(input_size, state.range(1));
  fastgru::Stream<float> stream(network.weights, 1);
  percentiles(state, [&](std::int64_t k) {
    stream.step(network.x.data() + k % kInputs * input_size, network.y.data());
  });
}

// No step at all: what the machine itself adds to one reading of the clock in a thousand.
void nothing_percentiles(benchmark::State& state) {
  percentiles(state, [](std::int64_t) {});
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const auto& [input_size, hidden_size] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 8}, {1, 16}, {1, 32}, {32, 32}, {1, 64}, {64, 64}, {64, 128}, {128, 256}}) {
    b->Args({input_size, hidden_size});
  }
}

BENCHMARK(step_mean)->Apply(shapes);
BENCHMARK(step_mean_flushed)->Apply(shapes);
BENCHMARK(nothing_percentiles)->Iterations(1);
BENCHMARK(step_percentiles)->Apply(shapes)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
