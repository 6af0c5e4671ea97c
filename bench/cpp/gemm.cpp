// The plain product, the product of the inputs and a step of the cell: percent of the multiply-adds that the
// core can do. Goal: products of 32 rows 85 % from H=128 on; the cell's step, whose activations count for
// nothing, 80 % there and 60 % at H=50. One row is bound by the weights it reads: 40 % at H=64.

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/pack.h"
#include "runtime/denormals.h"
#include "unit.h"

namespace {

using fastgru::bench::numbers;

// Shapes (rows, depth, width).
void product(benchmark::State& state) {
  const std::int64_t rows = state.range(0), depth = state.range(1), width = state.range(2);
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  const std::vector<float> a = numbers(rows * depth, 1.0f), weights = numbers(depth * width, 0.1f);
  std::vector<float> c(static_cast<std::size_t>(rows * width));
  std::vector<float> packed(static_cast<std::size_t>(fastgru::packed_size(depth, width, 1, kernels.lanes)));
  fastgru::pack_columns(weights.data(), width, 0, depth, depth, 0, kernels.lanes, packed.data());
  fastgru::GemmArgs args{};
  args.rows = rows;
  args.depth = depth;
  args.width = width;
  args.a = a.data();
  args.a_stride = depth;
  args.weights = packed.data();
  args.c = c.data();
  args.c_stride = width;
  const fastgru::FlushDenormals flush;
  const double seconds = fastgru::bench::seconds_of(state, [&] { kernels.gemm(args); });
  fastgru::bench::report_flops(state, seconds, 2.0 * static_cast<double>(rows * depth * width));
}

// The packed weights of one cell (rows, inputs, hidden units), and memory for a step of it.
struct Cell {
  std::int64_t rows, input, hidden, panels;
  std::vector<float> w, u, bias, x, h, next, gx;

  explicit Cell(const benchmark::State& state)
      : rows(state.range(0)), input(state.range(1)), hidden(state.range(2)) {
    const std::int64_t lanes = fastgru::active_kernels().lanes;
    const float scale = 1.0f / std::sqrt(static_cast<float>(hidden));
    panels = fastgru::panel_count(hidden, lanes);
    const auto gates = [&](std::int64_t depth) {
      std::vector<float> packed(static_cast<std::size_t>(fastgru::packed_size(depth, hidden, 3, lanes)));
      const std::vector<float> weight = numbers(3 * hidden * depth, scale);
      fastgru::pack_gates(weight.data(), hidden, depth, 0, 3, lanes, true, packed.data());
      return packed;
    };
    w = gates(input);
    u = gates(hidden);
    bias.resize(static_cast<std::size_t>(panels * 4 * lanes));
    const std::vector<float> biases = numbers(3 * hidden, scale);
    fastgru::pack_bias(biases.data(), biases.data(), hidden, true, lanes, bias.data());
    x = numbers(rows * input, 1.0f);
    h = numbers(rows * hidden, 1.0f);
    next.resize(h.size());
    gx.resize(static_cast<std::size_t>(rows * panels * 3 * lanes));
  }
};

void input_product(benchmark::State& state) {
  Cell cell(state);
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  fastgru::InputGemmArgs args{};
  args.panels = {0, cell.panels, false, false};
  args.shared_tail = true;
  args.rows = cell.rows;
  args.input = cell.input;
  args.hidden = cell.hidden;
  args.x = cell.x.data();
  args.x_stride = cell.input;
  args.w = cell.w.data();
  args.bias = cell.bias.data();
  args.gx = cell.gx.data();
  args.gx_stride = cell.panels * 3 * kernels.lanes;
  const fastgru::FlushDenormals flush;
  const double seconds = fastgru::bench::seconds_of(state, [&] { kernels.input_gemm(args); });
  fastgru::bench::report_flops(state, seconds,
                               6.0 * static_cast<double>(cell.rows * cell.hidden * cell.input));
}

void cell_step(benchmark::State& state) {
  Cell cell(state);
  const fastgru::KernelTable& kernels = fastgru::active_kernels();
  fastgru::CellForwardArgs args{};
  args.panels = {0, cell.panels, false, false};
  args.rows = cell.rows;
  args.hidden = cell.hidden;
  args.x = cell.x.data();
  args.x_stride = args.input = cell.input;
  args.w = cell.w.data();
  args.u = cell.u.data();
  args.bias = cell.bias.data();
  args.h_prev = cell.h.data();
  args.h = cell.next.data();
  args.h_prev_stride = args.h_stride = cell.hidden;
  const fastgru::FlushDenormals flush;
  const double seconds = fastgru::bench::seconds_of(state, [&] { kernels.cell_forward(args); });
  const std::int64_t depth = cell.input + cell.hidden;
  fastgru::bench::report_flops(state, seconds, 6.0 * static_cast<double>(cell.rows * cell.hidden * depth));
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{
           {1, 64, 64}, {32, 1, 50}, {32, 64, 128}, {64, 128, 256}, {32, 512, 512}}) {
    b->Args(shape);
  }
}

BENCHMARK(product)->Apply(shapes);
BENCHMARK(input_product)->Apply(shapes);
BENCHMARK(cell_step)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
