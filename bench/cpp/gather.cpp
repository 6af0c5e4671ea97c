// A mini-batch gathered from the caller's array: shuffled samples, standardised on the way. Each value is
// widened, scaled by a division and rounded. Goal: from 64 features on, 15 % of the rate at which the array
// can be read.

#include <cstdint>
#include <vector>

#include "nn/data/samples.h"
#include "unit.h"

namespace {

constexpr std::int64_t kBatch = 32;

// (samples, steps, features)
template <class X>
void gather(benchmark::State& state) {
  const std::int64_t samples = state.range(0), steps = state.range(1), features = state.range(2);
  const std::vector<float> drawn = fastgru::bench::numbers(samples * steps * features, 3.0f);
  const std::vector<X> x(drawn.begin(), drawn.end());
  fastgru::SampleArray source;
  source.data = x.data();
  source.type = sizeof(X) == 4 ? fastgru::SampleType::float32 : fastgru::SampleType::float64;
  source.samples = samples;
  source.steps = steps;
  source.features = features;
  source.sample_stride = steps * features;
  source.step_stride = features;
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < samples; ++i) order.push_back(i * 7919 % samples);  // 7919: a prime
  const std::vector<double> mean(static_cast<std::size_t>(features), 0.5);
  const std::vector<double> scale(static_cast<std::size_t>(features), 1.7);
  std::vector<float> out(static_cast<std::size_t>(steps * kBatch * features));
  fastgru::BlockRows block;
  block.order = order.data();
  block.rows = kBatch;
  block.steps = steps;
  const double seconds = fastgru::bench::seconds_of(state, [&] {
    fastgru::gather_scaled(source, block, mean, scale, out.data(), 1);
    block.first = block.first + 2 * kBatch <= samples ? block.first + kBatch : 0;
  });
  const std::int64_t values = kBatch * steps * features, size = sizeof(X);
  state.counters["ns/value"] = 1e9 * seconds / static_cast<double>(values);
  fastgru::bench::report_bytes(state, seconds, values * size, samples * steps * features * size);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{1000, 10, 1}, {1000, 50, 16}, {2000, 100, 64}}) {
    b->Args(shape);
  }
}

BENCHMARK(gather<float>)->Name("gather float32")->Apply(shapes);
BENCHMARK(gather<double>)->Name("gather float64")->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
