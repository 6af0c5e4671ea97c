// A dense layer's products, cut into calls of gemm() and outer() whose operands stay in the caches.
#include "kernels/dense.h"

#include <algorithm>

#include "kernels/pack.h"
#include "runtime/denormals.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// Below this much work, some 100 us, a thread does not pay for being woken (see plan.cpp).
constexpr double kFlopsPerThread = 2e7;
// Rows of x that stay in L2 while the weights pass by once.
constexpr std::int64_t kRowBytes = 256 * 1024;
// Outputs whose weights are packed at once for dx: their panels stay in L2 over all rows.
constexpr std::int64_t kChunk = 256;
// Outputs whose gradient stays in L2 over all blocks of rows.
constexpr std::int64_t kPieceBytes = 512 * 1024;

std::int64_t rounded(std::int64_t count) { return (count + 15) / 16 * 16; }

std::int64_t part_begin(std::int64_t count, std::int64_t part, std::int64_t parts) {
  return count * part / parts;
}

// Some panels of outputs.
void forward_panels(const KernelTable& kernels, const DenseShape& shape, const DenseForward& d,
                    std::int64_t first, std::int64_t last) {
  const std::int64_t lanes = kernels.lanes, column = first * lanes;
  const std::int64_t width = std::min(shape.outputs, last * lanes) - column;
  const std::int64_t block = std::max<std::int64_t>(kernels.tile_rows, kRowBytes / 4 / shape.inputs);
  for (std::int64_t row = 0; row < d.rows; row += block) {
    GemmArgs g{};
    g.rows = std::min(block, d.rows - row);
    g.depth = shape.inputs;
    g.width = width;
    g.a = d.x + row * shape.inputs;
    g.a_stride = shape.inputs;
    g.weights = d.packed + column * shape.inputs;
    g.c = d.y + row * shape.outputs + column;
    g.c_stride = shape.outputs;
    for (std::int64_t b = 0; b < g.rows; ++b) {
      std::copy_n(d.bias + column, width, g.c + b * g.c_stride);
    }
    kernels.gemm(g);
  }
}

// Some panels of the columns of dx; `pack` holds the weights of a chunk of outputs.
void backward_input_panels(const KernelTable& kernels, const DenseShape& shape, const DenseBackward& d,
                           std::int64_t first, std::int64_t last, float* pack) {
  const std::int64_t lanes = kernels.lanes, column = first * lanes;
  const std::int64_t width = std::min(shape.inputs, last * lanes) - column;
  for (std::int64_t b = 0; b < d.rows; ++b) std::fill_n(d.dx + b * shape.inputs + column, width, 0.0f);
  for (std::int64_t chunk = 0; chunk < shape.outputs; chunk += kChunk) {
    const std::int64_t depth = std::min(kChunk, shape.outputs - chunk);
    for (std::int64_t panel = 0; panel < last - first; ++panel) {
      const std::int64_t valid = std::min(lanes, width - panel * lanes);
      for (std::int64_t o = 0; o < depth; ++o) {
        const float* from = d.weight + (chunk + o) * shape.inputs + column + panel * lanes;
        float* to = pack + (panel * depth + o) * lanes;
        std::copy_n(from, valid, to);
        std::fill(to + valid, to + lanes, 0.0f);
      }
    }
    GemmArgs g{};
    g.rows = d.rows;
    g.depth = depth;
    g.width = width;
    g.a = d.dy + chunk;
    g.a_stride = shape.outputs;
    g.weights = pack;
    g.c = d.dx + column;
    g.c_stride = shape.inputs;
    kernels.gemm(g);
  }
}

std::int64_t piece_outputs(const KernelTable& kernels, const DenseShape& shape) {
  const std::int64_t bytes = 4 * padded_width(shape.inputs, kernels.lanes);
  return std::clamp<std::int64_t>(kPieceBytes / bytes, 8, std::max<std::int64_t>(shape.outputs, 8));
}

// The scratch of one piece of dW: sums of x that nobody wants, packed x, packed dy, and the piece's gradient.
struct PieceScratch {
  float *sums, *pack_a, *pack_b, *out;

  static std::int64_t size(const KernelTable& kernels, const DenseShape& shape) {
    const std::int64_t width = padded_width(shape.inputs, kernels.lanes);
    const std::int64_t outputs = piece_outputs(kernels, shape);
    return rounded(width) + rounded(kBlockRows * kOuterVectors * kernels.lanes) +
           rounded(kBlockRows * outputs) + rounded(outputs * width);
  }
  PieceScratch(const KernelTable& kernels, const DenseShape& shape, float* scratch)
      : sums(scratch),
        pack_a(sums + rounded(padded_width(shape.inputs, kernels.lanes))),
        pack_b(pack_a + rounded(kBlockRows * kOuterVectors * kernels.lanes)),
        out(pack_b + rounded(kBlockRows * piece_outputs(kernels, shape))) {}
};

// dW of outputs [first, last): vectors run along the inputs, as the gradient's rows do.
void backward_weight_piece(const KernelTable& kernels, const DenseShape& shape, const DenseBackward& d,
                           std::int64_t first, std::int64_t last, float* scratch) {
  const PieceScratch s(kernels, shape, scratch);
  const std::int64_t width = padded_width(shape.inputs, kernels.lanes), outputs = last - first;
  std::fill_n(s.out, outputs * width, 0.0f);
  std::fill_n(s.sums, width, 0.0f);
  for (std::int64_t row = 0; row < d.rows; row += kBlockRows) {
    RowRun run{};
    run.a = d.x + row * shape.inputs;
    run.a_stride = shape.inputs;
    run.rows = std::min<std::int64_t>(kBlockRows, d.rows - row);
    run.b[0] = d.dy + row * shape.outputs + first;
    run.b_stride[0] = shape.outputs;
    const std::int64_t end = 1;
    OuterArgs g{};
    g.runs = &run;
    g.block_ends = &end;
    g.last_block = 1;
    g.last = g.width = shape.inputs;
    g.parts[0].last = shape.inputs;
    g.parts[0].depth = outputs;
    g.parts[0].out = s.out;
    g.parts[0].pack = s.pack_b;
    g.sums = s.sums;
    g.out_stride = width;
    g.pack_a = s.pack_a;
    kernels.outer(g);
  }
  for (std::int64_t o = 0; o < outputs; ++o) {
    std::copy_n(s.out + o * width, shape.inputs, d.dweight + (first + o) * shape.inputs);
  }
  for (std::int64_t o = first; o < last; ++o) d.dbias[o] = 0;
  for (std::int64_t row = 0; row < d.rows; row += kBlockRows) {
    float* const block = s.pack_b;
    std::fill_n(block, outputs, 0.0f);
    for (std::int64_t b = row; b < std::min<std::int64_t>(row + kBlockRows, d.rows); ++b) {
      const float* dy = d.dy + b * shape.outputs + first;
      for (std::int64_t o = 0; o < outputs; ++o) block[o] += dy[o];
    }
    for (std::int64_t o = 0; o < outputs; ++o) d.dbias[first + o] += block[o];
  }
}

std::int64_t input_pack_size(const KernelTable& kernels, const DenseShape& shape) {
  return rounded(std::min(kChunk, shape.outputs) * padded_width(shape.inputs, kernels.lanes));
}

}  // namespace

std::int64_t dense_packed_size(const KernelTable& kernels, const DenseShape& shape) {
  return packed_size(shape.inputs, shape.outputs, 1, kernels.lanes);
}

void dense_pack(const KernelTable& kernels, const DenseShape& shape, const float* weight, float* packed) {
  const std::int64_t lanes = kernels.lanes;
  for (std::int64_t panel = 0; panel < panel_count(shape.outputs, lanes); ++panel) {
    float* const base = packed + panel * shape.inputs * lanes;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t output = panel * lanes + lane;
      const float* from = output < shape.outputs ? weight + output * shape.inputs : nullptr;
      for (std::int64_t k = 0; k < shape.inputs; ++k) {
        base[k * lanes + lane] = from == nullptr ? 0.0f : from[k];
      }
    }
  }
}

int dense_threads(const DenseShape& shape, std::int64_t rows, int requested) {
  const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(shape.inputs * shape.outputs);
  if (flops < 2 * kFlopsPerThread) return 1;
  return static_cast<int>(std::min<double>(usable_threads(requested), flops / kFlopsPerThread));
}

void dense_forward(const KernelTable& kernels, const DenseShape& shape, const DenseForward& args) {
  const std::int64_t panels = panel_count(shape.outputs, kernels.lanes);
  if (args.threads == 1) {
    forward_panels(kernels, shape, args, 0, panels);
  } else if (panels >= 2 * args.threads) {
    parallel_for(args.threads, args.threads, [&](std::int64_t part, int) {
      const FlushDenormals flush;
      forward_panels(kernels, shape, args, part_begin(panels, part, args.threads),
                     part_begin(panels, part + 1, args.threads));
    });
  } else {
    parallel_for(args.threads, args.threads, [&](std::int64_t part, int) {
      const FlushDenormals flush;
      DenseForward some = args;
      const std::int64_t first = part_begin(args.rows, part, args.threads);
      some.rows = part_begin(args.rows, part + 1, args.threads) - first;
      some.x += first * shape.inputs;
      some.y += first * shape.outputs;
      forward_panels(kernels, shape, some, 0, panels);
    });
  }
}

std::int64_t dense_scratch_size(const KernelTable& kernels, const DenseShape& shape, int threads) {
  return threads * std::max(input_pack_size(kernels, shape), PieceScratch::size(kernels, shape));
}

void dense_backward(const KernelTable& kernels, const DenseShape& shape, const DenseBackward& args) {
  const std::int64_t size = dense_scratch_size(kernels, shape, 1);
  if (args.dx != nullptr) {
    const std::int64_t panels = panel_count(shape.inputs, kernels.lanes);
    const std::int64_t parts = std::min<std::int64_t>(panels, args.threads);
    parallel_for(parts, args.threads, [&](std::int64_t part, int thread) {
      const FlushDenormals flush;
      backward_input_panels(kernels, shape, args, part_begin(panels, part, parts),
                            part_begin(panels, part + 1, parts), args.scratch + thread * size);
    });
  }
  const std::int64_t most = std::min(piece_outputs(kernels, shape), (shape.outputs - 1) / args.threads + 1);
  const std::int64_t pieces = (shape.outputs - 1) / most + 1;
  parallel_for(pieces, args.threads, [&](std::int64_t piece, int thread) {
    const FlushDenormals flush;
    backward_weight_piece(kernels, shape, args, piece * most, std::min((piece + 1) * most, shape.outputs),
                          args.scratch + thread * size);
  });
}

}  // namespace fastgru
