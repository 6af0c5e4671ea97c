// exp, sigmoid and tanh over numbers in L1: nanoseconds a vector, and how many multiply-adds at peak ("FMAs")
// take as long. Goal (AVX-512): a vector of exp within 12 of them, of sigmoid within 16, of tanh within 17.

#include <cstdint>
#include <vector>

#include "unit.h"

namespace {

using fastgru::KernelTable;
using Map = void (*)(const float*, float*, std::int64_t);

template <Map KernelTable::*kernel>
void activation(benchmark::State& state) {
  constexpr std::int64_t kCount = 2048;  // in and out take half of a small L1
  const KernelTable& kernels = fastgru::active_kernels();
  const std::vector<float> x = fastgru::bench::numbers(kCount, 4.0f);
  std::vector<float> y(x.size());
  const double seconds =
      fastgru::bench::seconds_of(state, [&] { (kernels.*kernel)(x.data(), y.data(), kCount); });
  fastgru::bench::report_vectors(state, seconds, kCount);
}

BENCHMARK(activation<&KernelTable::map_exp>)->Name("exp");
BENCHMARK(activation<&KernelTable::map_sigmoid>)->Name("sigmoid");
BENCHMARK(activation<&KernelTable::map_tanh>)->Name("tanh");

}  // namespace

BENCHMARK_MAIN();
