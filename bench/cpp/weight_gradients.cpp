// The weight gradients of a cell, dW_ih, dW_hh and both biases, in one piece, packing included: percent of
// the multiply-adds that the core can do. Goal: 70 %.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine_f32/weight_gradients.h"
#include "unit.h"

namespace {

using fastgru::kBlockRows;
using fastgru::bench::numbers;

// (rows of the tape, inputs, hidden units)
void weight_gradients(benchmark::State& state) {
  const std::int64_t rows = state.range(0), input = state.range(1), hidden = state.range(2);
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  const std::int64_t width = fastgru::kSlots * hidden;
  const std::int64_t stride = (width + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  const std::vector<float> tape = numbers(rows * width, 1.0f), x = numbers(rows * input, 1.0f),
                           h = numbers(rows * hidden, 1.0f);
  fastgru::RowRun run{};
  run.a = tape.data();
  run.a_stride = width;
  run.rows = rows;
  run.b[0] = x.data();
  run.b_stride[0] = input;
  run.b[1] = h.data();
  run.b_stride[1] = hidden;
  fastgru::RowRuns runs;
  runs.add(0, run);
  runs.close();

  fastgru::AlignedBuffer<float> memory;
  if (!memory.reserve((stride + kBlockRows) * (input + hidden) + stride + kBlockRows * 8 * kernels.lanes)) {
    state.SkipWithError("no memory");
    return;
  }
  std::fill_n(memory.data(), memory.capacity(), 0.0f);
  float* free = memory.data();
  const auto take = [&free](std::int64_t count) {
    float* taken = free;
    free += count;
    return taken;
  };
  fastgru::OuterArgs args{};
  args.runs = runs.runs().data();
  args.block_ends = runs.block_ends().data();
  args.last_block = static_cast<std::int64_t>(runs.block_ends().size());
  args.last = args.width = width;
  args.out_stride = stride;
  args.pack_a = take(kBlockRows * 8 * kernels.lanes);
  args.sums = take(stride);
  for (int i = 0; i < 2; ++i) {  // [da_r da_z da_n] meets x, [dq da_r da_z] h
    auto& part = args.parts[i];
    part.first = i == 0 ? hidden : 0;
    part.last = part.first + 3 * hidden;
    part.depth = i == 0 ? input : hidden;
    part.out = take(part.depth * stride);
    part.pack = take(part.depth * kBlockRows);
  }
  const double seconds = fastgru::bench::seconds_of(state, [&] { kernels.outer(args); });
  fastgru::bench::report_flops(state, seconds, 6.0 * static_cast<double>(rows * hidden * (input + hidden)));
}

BENCHMARK(weight_gradients)
    ->Args({320, 1, 50})
    ->Args({3200, 64, 128})
    ->Args({3200, 128, 256})
    ->Args({800, 512, 512});

}  // namespace

BENCHMARK_MAIN();
