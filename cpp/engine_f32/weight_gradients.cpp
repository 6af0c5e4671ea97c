#include "engine_f32/weight_gradients.h"

#include <algorithm>

#include "kernels/pack.h"
#include "runtime/denormals.h"
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

// Whether `next` begins where `last` ends. Single rows (batch 1) have no stride of their own yet: the
// distance to the next one is it.
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

// All running rows of the steps, beside the inputs, the state each step started from (null: a zero h0) and,
// for reset_after=false, r*h, which the q slot kept.
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

}  // namespace

void GradientProducts::collect(const BackwardDirection& d, SequenceView<const float> x,
                               const CellOffsets& offsets, float* dparams) {
  if (used_ == cells_.size()) cells_.emplace_back();
  CellGradients& cell = cells_[used_++];
  cell.rows.clear();
  cell.adds = !d.begins();
  cell.hidden = d.hidden;
  const std::int64_t h = d.hidden;
  float* weight_hh = dparams + offsets.weight_hh;
  float* bias_ih = offsets.bias_ih < 0 ? nullptr : dparams + offsets.bias_ih;
  float* bias_hh = offsets.bias_ih < 0 ? nullptr : dparams + offsets.bias_hh;
  // dW_ih = [da_r da_z da_n]^T x
  cell.parts[kInputPart] = {h, 4 * h, x.features, dparams + offsets.weight_ih, bias_ih};
  if (d.reset_after) {  // dW_hh = [dq da_r da_z]^T h_prev
    cell.parts[kStatePart] = {0, 3 * h, h, weight_hh, bias_hh};
    cell.parts[kResetPart] = {};
  } else {  // r and z met h_prev, n met r*h
    cell.parts[kStatePart] = {h, 3 * h, h, weight_hh, bias_hh};
    cell.parts[kResetPart] = {3 * h, 4 * h, h, weight_hh, bias_hh};
  }
  add_rows(cell, d, x);
}

namespace {

// On one thread a piece takes at least this many vectors of gates, so that packing what stands beside them is
// a few percent of its work.
constexpr std::int64_t kPieceVectors = 24;
// Some milliseconds of work, after which a piece asks whether to go on.
constexpr double kSliceFlops = 1e9;

bool should_stop(Interrupt* interrupt, bool owner) {
  return interrupt != nullptr && (owner ? interrupt->check() : interrupt->raised());
}

}  // namespace

std::int64_t GradientProducts::Piece::depth() const {
  std::int64_t sum = 0;
  for (int i = 0; i < kOuterParts; ++i) sum += wanted[i] ? cell->parts[i].depth : 0;
  return sum;
}

std::int64_t GradientProducts::Piece::stride(std::int64_t lanes) const {
  return padded_width(last - first, lanes);
}

// The packed tape, then the sums, then of each part its results and its packed operand.
std::int64_t GradientProducts::Piece::scratch_size(std::int64_t lanes) const {
  return kBlockRows * kOuterVectors * lanes + stride(lanes) + depth() * (stride(lanes) + kBlockRows);
}

GradientProducts::Piece GradientProducts::Piece::within(std::int64_t from, std::int64_t to) const {
  Piece piece{cell, from, to, {}};
  for (int i = 0; i < kOuterParts; ++i) {
    const WeightGradient& part = cell->parts[i];
    piece.wanted[i] = wanted[i] && from < to && part.first < to && part.last > from;
  }
  return piece;
}

// Cuts `whole` into `count` pieces of about equal work: a vector of slot columns has as much as what it meets
// is deep.
void GradientProducts::add_pieces(const Piece& whole, std::int64_t count, std::int64_t lanes) {
  const auto work = [&](std::int64_t column) { return whole.within(column, column + lanes).depth(); };
  std::int64_t all = 0, done = 0, last = whole.first;
  for (std::int64_t column = whole.first; column < whole.last; column += lanes) all += work(column);
  for (std::int64_t i = 1; i <= count; ++i) {
    const std::int64_t first = last;
    for (; last < whole.last && done < all * i / count; last += lanes) done += work(last);
    last = std::min(last, whole.last);
    const Piece piece = whole.within(first, last);
    // Nothing is left of it, or (reset_after=false) nothing meets the q slot alone.
    if (piece.depth() > 0) pieces_.push_back(piece);
  }
}

// All parts at once, so that the tape is packed once, if their results then stay in L2 whole. Else part by
// part: every piece packs what stands beside the tape, and fewer pieces are worth a second packing of the
// tape (in three pieces for both (100,64,128,256) trained 4 % slower, H=192 and 300 3 %).
void GradientProducts::cut(const CellGradients& cell, std::int64_t lanes, int threads) {
  const auto fitting = [&](const Piece& piece) { return l2_bytes() / 3 / (4 * lanes * piece.depth()); };
  // As many for each thread, and no more than that: every piece packs what stands beside the tape once more
  // ((100,32,64,128) on two threads, these products: eight pieces 2.3 ms, two 1.6, one thread 3.0).
  const auto add = [&](const Piece& piece) {
    const std::int64_t all = panel_count(piece.last - piece.first, lanes);
    const std::int64_t least = (all - 1) / std::max(fitting(piece), kPieceVectors) + 1;
    add_pieces(piece, std::min((least + threads - 1) / threads * threads, all), lanes);
  };
  const bool reset = cell.parts[kResetPart].depth > 0;
  const Piece together{&cell, 0, cell.width(), {true, true, reset}};
  if (fitting(together) >= panel_count(cell.width(), lanes)) {
    add(together);
    return;
  }
  for (int i = 0; i < kOuterParts; ++i) {
    const WeightGradient& part = cell.parts[i];
    if (part.depth == 0) continue;
    Piece alone{&cell, part.first / lanes * lanes, part.last, {false, false, false}};
    alone.wanted[i] = true;
    add(alone);
  }
}

namespace {

// From [column j][slot column] to the parameters' own layout, a few of its rows at a time: rows a power of
// two apart share the sets of L1, and as many as it has ways would drive each other out.
void write_gradient(const CellGradients& cell, const WeightGradient& part, std::int64_t first,
                    std::int64_t last, const float* out, std::int64_t stride, const float* sums) {
  constexpr std::int64_t kRows = 8;
  const std::int64_t begin = std::max(first, part.first), end = std::min(last, part.last);
  const bool adds = cell.adds;
  const auto put = [adds](float& to, float value) { to = adds ? to + value : value; };
  for (std::int64_t i = begin; i < end; i += kRows) {
    const std::int64_t rows = std::min(kRows, end - i);
    float* to[kRows];
    for (std::int64_t r = 0; r < rows; ++r) to[r] = part.gradient + cell.gate_row(i + r) * part.depth;
    for (std::int64_t j = 0; j < part.depth; ++j) {
      const float* from = out + j * stride + i - first;
      for (std::int64_t r = 0; r < rows; ++r) put(to[r][j], from[r]);
    }
  }
  if (part.bias == nullptr) return;
  for (std::int64_t i = begin; i < end; ++i) put(part.bias[cell.gate_row(i)], sums[i - first]);
}

}  // namespace

void GradientProducts::run_piece(const KernelTable& kernels, const Piece& piece, float* scratch,
                                 Interrupt* interrupt, bool owner) {
  const CellGradients& cell = *piece.cell;
  const std::int64_t lanes = kernels.lanes, stride = piece.stride(lanes);
  OuterArgs args{};
  args.runs = cell.rows.runs().data();
  args.block_ends = cell.rows.block_ends().data();
  args.first = piece.first;
  args.last = piece.last;
  args.width = cell.width();
  args.out_stride = stride;
  args.pack_a = scratch;
  args.sums = scratch + kBlockRows * kOuterVectors * lanes;
  float* out = args.sums + stride;
  std::fill_n(args.sums, (1 + piece.depth()) * stride, 0.0f);
  float* pack = out + piece.depth() * stride;
  for (int i = 0; i < kOuterParts; ++i) {
    if (!piece.wanted[i]) continue;
    const WeightGradient& part = cell.parts[i];
    args.parts[i].first = part.first;
    args.parts[i].last = part.last;
    args.parts[i].depth = part.depth;
    args.parts[i].out = out;
    args.parts[i].pack = pack;
    out += part.depth * stride;
    pack += part.depth * kBlockRows;
  }
  const std::int64_t blocks = static_cast<std::int64_t>(cell.rows.block_ends().size());
  const double block_flops = 2.0 * kBlockRows * static_cast<double>(piece.depth() * stride);
  const std::int64_t slice = static_cast<std::int64_t>(kSliceFlops / block_flops) + 1;
  for (std::int64_t block = 0; block < blocks; block += slice) {
    if (should_stop(interrupt, owner)) return;
    args.first_block = block;
    args.last_block = std::min(block + slice, blocks);
    kernels.outer(args);
  }
  for (int i = 0; i < kOuterParts; ++i) {
    if (!piece.wanted[i]) continue;
    write_gradient(cell, cell.parts[i], piece.first, piece.last, args.parts[i].out, stride, args.sums);
  }
}

Status GradientProducts::run(const KernelTable& kernels, int threads, AlignedBuffer<float>& scratch,
                             Interrupt* interrupt) {
  pieces_.clear();
  for (std::size_t i = 0; i < used_; ++i) cut(cells_[i], kernels.lanes, threads);
  std::int64_t size = 0;
  for (const Piece& piece : pieces_)
    size = std::max(size, (piece.scratch_size(kernels.lanes) + 15) / 16 * 16);
  if (!scratch.reserve(size * threads)) return out_of_memory("the weight gradients");
  parallel_for(static_cast<std::int64_t>(pieces_.size()), threads, [&](std::int64_t item, int thread) {
    const FlushDenormals flush;
    run_piece(kernels, pieces_[static_cast<std::size_t>(item)], scratch.data() + thread * size, interrupt,
              thread == 0);
  });
  return interrupt != nullptr && interrupt->raised() ? Status::interrupted() : Status();
}

}  // namespace fastgru
