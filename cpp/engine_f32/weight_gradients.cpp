// Weight gradients: the rows of each cell, the pieces of the plan, and the results in the parameters' layout.
#include "engine_f32/weight_gradients.h"

#include <algorithm>

#include "kernels/pack.h"
#include "runtime/threads.h"

namespace fastgru {

void RowRuns::clear() {
  runs_.clear();
  block_ends_.clear();
  block_ = 0;
  block_start_ = 0;
}

void RowRuns::close() {
  if (static_cast<std::int64_t>(runs_.size()) == block_start_) return;
  block_start_ = static_cast<std::int64_t>(runs_.size());
  block_ends_.push_back(block_start_);
}

namespace {

// The run without its first `rows` rows.
RowRun rest_of(RowRun run, std::int64_t rows) {
  run.a += rows * run.a_stride;
  for (int i = 0; i < kOuterParts; ++i) {
    if (run.b[i] != nullptr) run.b[i] += rows * run.b_stride[i];
  }
  run.rows -= rows;
  return run;
}

// Whether `next` begins where `last` ends. A single row (batch 1) has no stride yet: the distance to the next
// row becomes its stride.
bool joins(RowRun& last, const RowRun& next) {
  if (last.rows == 1 && next.rows == 1) {
    last.a_stride = next.a - last.a;
    for (int i = 0; i < kOuterParts; ++i) {
      if (last.b[i] != nullptr && next.b[i] != nullptr) last.b_stride[i] = next.b[i] - last.b[i];
    }
  }
  const auto follows = [&](const float* from, std::int64_t stride, const float* to, std::int64_t to_stride) {
    if (from == nullptr || to == nullptr) return from == to;
    return to == from + last.rows * stride && (next.rows == 1 || to_stride == stride);
  };
  bool all = follows(last.a, last.a_stride, next.a, next.a_stride);
  for (int i = 0; i < kOuterParts; ++i) {
    all = all && follows(last.b[i], last.b_stride[i], next.b[i], next.b_stride[i]);
  }
  return all;
}

}  // namespace

void RowRuns::add(std::int64_t row, RowRun run) {
  while (run.rows > 0) {
    const std::int64_t block = row / kBlockRows;
    if (block != block_) {
      close();
      block_ = block;
    }
    const std::int64_t here = std::min(run.rows, (block + 1) * kBlockRows - row);
    RowRun head = run;
    head.rows = here;
    add_within_block(head);
    run = rest_of(run, here);
    row += here;
  }
}

void RowRuns::add_within_block(const RowRun& run) {
  if (static_cast<std::int64_t>(runs_.size()) > block_start_ && joins(runs_.back(), run)) {
    runs_.back().rows += run.rows;
  } else {
    runs_.push_back(run);
  }
}

namespace {

// All running rows of the steps with their second operands: the inputs, the state that each step started from
// (null: a zero h0) and, with reset_after=false, r*h, which the q slot kept.
void add_rows(CellGradients& cell, const BackwardDirection& d, SequenceView<const float> x) {
  const std::int64_t rows = d.order->rows();
  const auto add = [&](std::int64_t t, std::int64_t begin, std::int64_t end, const float* h,
                       std::int64_t h_stride) {
    if (end <= begin) return;
    const float* slots = d.slots.at(t, begin);
    RowRun run{};
    run.a = slots;
    run.a_stride = d.slots.stride();
    run.rows = end - begin;
    run.b[kInputPart] = x.at(t, begin);
    run.b_stride[kInputPart] = x.row_stride;
    run.b[kStatePart] = h;
    run.b_stride[kStatePart] = h_stride;
    if (!d.reset_after) {
      run.b[kResetPart] = slots;
      run.b_stride[kResetPart] = d.slots.stride();
    }
    cell.rows.add(t * rows + begin, run);
  };
  for (std::int64_t t = d.steps.first; t < d.steps.last; ++t) {
    const std::int64_t running = d.order->active(t);
    const std::int64_t continued = d.reverse ? d.order->active(t + 1) : (t == 0 ? 0 : running);
    add(t, 0, continued, continued > 0 ? d.h.at(d.reverse ? t + 1 : t - 1, 0) : nullptr, d.h.row_stride);
    add(t, continued, running, d.h0 == nullptr ? nullptr : d.h0 + continued * d.hidden, d.hidden);
  }
  cell.rows.close();
}

// Of all steps, whatever range of them is collected: memory="low" has the same bits.
bool fills_blocks(const RowOrder& order) {
  std::int64_t rows = 0;
  for (std::int64_t t = 0; t < order.steps(); ++t) rows += order.active(t);
  return gradients_in_digits(rows, (order.steps() * order.rows() + kBlockRows - 1) / kBlockRows);
}

}  // namespace

void GradientProducts::collect(const BackwardDirection& d, SequenceView<const float> x,
                               const CellOffsets& offsets, float* dparams) {
  if (used_ == cells_.size()) cells_.emplace_back();
  CellGradients& cell = cells_[used_++];
  cell.rows.clear();
  cell.adds = !d.begins();
  cell.fills_blocks = fills_blocks(*d.order);
  cell.shapes = gradient_shapes(d.hidden, x.features, d.reset_after);
  const bool bias = offsets.bias_ih >= 0;
  WeightGradient input, state;
  input.gradient = dparams + offsets.weight_ih;
  input.bias = bias ? dparams + offsets.bias_ih : nullptr;
  state.gradient = dparams + offsets.weight_hh;
  state.bias = bias ? dparams + offsets.bias_hh : nullptr;
  cell.results[kInputPart] = input;
  cell.results[kStatePart] = cell.results[kResetPart] = state;
  add_rows(cell, d, x);
}

namespace {

bool should_stop(Interrupt* interrupt, bool owner) {
  return interrupt != nullptr && (owner ? interrupt->check() : interrupt->raised());
}

std::int64_t stride_of(const GradientPiece& piece, std::int64_t lanes) {
  return padded_width(piece.last - piece.first, lanes);
}

// Floats of the packed tape.
std::int64_t pack_size(const GradientPiece& piece, std::int64_t lanes) {
  return kBlockRows * (piece.digits ? kDigitVectors : kOuterVectors) * lanes;
}

// Floats: the packed tape, then the sums, then of each part its results and its packed operand.
std::int64_t scratch_size(const GradientPiece& piece, std::int64_t lanes) {
  const std::int64_t stride = stride_of(piece, lanes), padding = kOuterParts * lanes;
  return pack_size(piece, lanes) + stride + piece.depth * stride + (piece.depth + padding) * kBlockRows;
}

// Writes [column j][slot column] into the parameters' own layout, a few of its rows at a time: rows a power
// of two apart share the sets of L1, and as many rows as a set has ways would evict each other.
void write_gradient(const CellGradients& cell, int part, const GradientPiece& piece, const float* out,
                    std::int64_t stride, const float* sums) {
  constexpr std::int64_t kRows = 8;
  const GradientShape& shape = cell.shapes.parts[part];
  const WeightGradient& result = cell.results[part];
  const std::int64_t begin = std::max(piece.first, shape.first), end = std::min(piece.last, shape.last);
  const bool adds = cell.adds;
  const auto put = [adds](float& to, float value) { to = adds ? to + value : value; };
  for (std::int64_t i = begin; i < end; i += kRows) {
    const std::int64_t rows = std::min(kRows, end - i);
    float* to[kRows];
    for (std::int64_t r = 0; r < rows; ++r) to[r] = result.gradient + cell.gate_row(i + r) * shape.depth;
    for (std::int64_t j = 0; j < shape.depth; ++j) {
      const float* from = out + j * stride + i - piece.first;
      for (std::int64_t r = 0; r < rows; ++r) put(to[r][j], from[r]);
    }
  }
  if (result.bias == nullptr) return;
  for (std::int64_t i = begin; i < end; ++i) put(result.bias[cell.gate_row(i)], sums[i - piece.first]);
}

}  // namespace

void GradientProducts::run_piece(const GradientPiece& piece, OuterKernel outer, std::int64_t lanes,
                                 float* scratch, Interrupt* interrupt, bool owner) const {
  const CellGradients& cell = cells_[piece.cell];
  const std::int64_t stride = stride_of(piece, lanes);
  OuterArgs args{};
  args.runs = cell.rows.runs().data();
  args.block_ends = cell.rows.block_ends().data();
  args.first = piece.first;
  args.last = piece.last;
  args.width = cell.shapes.width();
  args.out_stride = stride;
  args.pack_a = scratch;
  args.sums = scratch + pack_size(piece, lanes);
  float* out = args.sums + stride;
  std::fill_n(args.sums, (1 + piece.depth) * stride, 0.0f);
  float* pack = out + piece.depth * stride;
  for (int i = 0; i < kOuterParts; ++i) {
    if (!piece.wanted[i]) continue;
    const GradientShape& part = cell.shapes.parts[i];
    args.parts[i].first = part.first;
    args.parts[i].last = part.last;
    args.parts[i].depth = part.depth;
    args.parts[i].out = out;
    args.parts[i].pack = pack;
    out += part.depth * stride;
    pack += padded_width(part.depth, lanes) * kBlockRows;
  }
  const std::int64_t blocks = static_cast<std::int64_t>(cell.rows.block_ends().size());
  const std::int64_t slice = blocks_per_check(piece.depth, stride);
  for (std::int64_t block = 0; block < blocks; block += slice) {
    if (should_stop(interrupt, owner)) return;
    args.first_block = block;
    args.last_block = std::min(block + slice, blocks);
    outer(args);
  }
  for (int i = 0; i < kOuterParts; ++i) {
    if (!piece.wanted[i]) continue;
    write_gradient(cell, i, piece, args.parts[i].out, stride, args.sums);
  }
}

Status GradientProducts::run(const KernelTable& kernels, OuterKernel digits, int threads,
                             AlignedBuffer<float>& scratch, Interrupt* interrupt) {
  pieces_.clear();
  for (std::size_t i = 0; i < used_; ++i) {
    const bool in_digits = digits != nullptr && cells_[i].fills_blocks;
    plan_gradient_pieces(cells_[i].shapes, i, kernels.lanes, threads, in_digits, pieces_);
  }
  std::int64_t size = 0;
  for (const GradientPiece& piece : pieces_) {
    size = std::max(size, (scratch_size(piece, kernels.lanes) + 15) / 16 * 16);
  }
  if (!scratch.reserve(size * threads)) return out_of_memory("the weight gradients");
  parallel_for(static_cast<std::int64_t>(pieces_.size()), threads, [&](std::int64_t item, int thread) {
    const GradientPiece& piece = pieces_[static_cast<std::size_t>(item)];
    run_piece(piece, piece.digits ? digits : kernels.outer, kernels.lanes, scratch.data() + thread * size,
              interrupt, thread == 0);
  });
  return interrupt != nullptr && interrupt->raised() ? Status::interrupted() : Status();
}

}  // namespace fastgru
