// What the benchmarks of single units share: numbers to compute with, and how near to the machine's peak a
// unit comes. The peak is that of one core with vectors as wide as the active kernels' (FASTGRU_ISA chooses
// them), measured by machine.cpp.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/kernel_table.h"

extern "C" double machine_fma_gflops(int bits, double seconds);
extern "C" double machine_read_gbs(std::size_t bytes, int serpentine, double seconds);

namespace fastgru::bench {

// Numbers in [-scale, scale) from a linear congruential generator: the values do not matter, that they differ
// does.
inline std::vector<float> numbers(std::int64_t count, float scale) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::uint32_t state = 12345;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = scale * (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
  }
  return values;
}

// Seconds of the processor that an iteration of body() takes: other processes do not count.
template <class Body>
double seconds_of(benchmark::State& state, Body body) {
  const std::clock_t start = std::clock();
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  const double ticks = static_cast<double>(std::clock() - start);
  state.SetLabel(active_isa());
  return ticks / CLOCKS_PER_SEC / static_cast<double>(state.iterations());
}

// Operations a second, two for each lane of a multiply-add: the best of all that was measured so far.
inline double peak_flops() {
  static double best = 0;
  best = std::max(best, 1e9 * machine_fma_gflops(32 * active_kernels().lanes, 0.1));
  return best;
}

// "% of peak": of the operations a second that the core can do.
inline void report_flops(benchmark::State& state, double seconds, double flops) {
  state.counters["% of peak"] = 100 * flops / seconds / peak_flops();
}

// "ns/vector", and "FMAs/vector": how many multiply-adds at peak take as long.
inline void report_vectors(benchmark::State& state, double seconds, std::int64_t count) {
  const double lanes = active_kernels().lanes, vector_seconds = seconds * lanes / static_cast<double>(count);
  state.counters["ns/vector"] = 1e9 * vector_seconds;
  state.counters["FMAs/vector"] = vector_seconds * peak_flops() / (2 * lanes);
}

// "% of reading": of the bytes a second that can be read from a buffer of `resident` bytes.
inline void report_bytes(benchmark::State& state, double seconds, std::int64_t bytes, std::int64_t resident) {
  const double rate = static_cast<double>(bytes) / seconds;
  state.counters["GB/s"] = 1e-9 * rate;
  state.counters["% of reading"] = 1e-7 * rate / machine_read_gbs(static_cast<std::size_t>(resident), 0, 0.1);
}

}  // namespace fastgru::bench
