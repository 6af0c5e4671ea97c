// A step of Adam over some parameters: for each it reads four floats and writes three. Goal: where they stay
// in L1, a vector within 20 multiply-adds at peak (it waits for a root and a division), in L2 within 30;
// beyond, 60 % of the rate at which as many bytes are read.

#include <cstdint>
#include <vector>

#include "runtime/denormals.h"
#include "unit.h"

namespace {

void adam(benchmark::State& state) {
  const std::int64_t count = state.range(0);
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  const std::vector<float> gradient = fastgru::bench::numbers(count, 1.0f);
  std::vector<float> params = gradient, first(gradient.size()), second(gradient.size());
  fastgru::AdamArgs args{};
  args.count = count;
  args.params = params.data();
  args.gradient = gradient.data();
  args.first = first.data();
  args.second = second.data();
  args.updated = params.data();
  args.clip = 1.0f;
  args.beta_1 = 0.9f;
  args.beta_2 = 0.999f;
  args.one_minus_beta_1 = 0.1f;
  args.one_minus_beta_2 = 0.001f;
  args.step_size = 1e-6f;
  args.inverse_root = 1.0f;
  args.epsilon = 1e-8f;
  const fastgru::FlushDenormals flush;
  const double seconds = fastgru::bench::seconds_of(state, [&] { kernels.adam(args); });
  fastgru::bench::report_vectors(state, seconds, count);
  fastgru::bench::report_bytes(state, seconds, 28 * count, 16 * count);
}

BENCHMARK(adam)->Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 18)->Arg(1 << 22);

}  // namespace

BENCHMARK_MAIN();
