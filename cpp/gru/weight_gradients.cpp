#include "gru/weight_gradients.h"

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

void RowRuns::add(std::int64_t row, const float* a, std::int64_t a_stride, const float* b,
                  std::int64_t b_stride, std::int64_t count) {
  while (count > 0) {
    const std::int64_t block = row / kBlockRows;
    if (block != block_) {
      close();
      block_ = block;
    }
    const std::int64_t here = std::min(count, (block + 1) * kBlockRows - row);
    add_within_block({a, b, a_stride, b_stride, here});
    row += here;
    a += here * a_stride;
    b += here * b_stride;
    count -= here;
  }
}

void RowRuns::add_within_block(const RowRun& run) {
  if (static_cast<std::int64_t>(runs_.size()) > block_start_) {
    RowRun& last = runs_.back();
    // Single rows (batch 1) have no stride of their own yet: the distance to the next one is it.
    if (last.rows == 1 && run.rows == 1) {
      last.a_stride = run.a - last.a;
      last.b_stride = run.b - last.b;
    }
    const bool follows =
        run.a == last.a + last.rows * last.a_stride && run.b == last.b + last.rows * last.b_stride;
    const bool same = run.rows == 1 || (run.a_stride == last.a_stride && run.b_stride == last.b_stride);
    if (follows && same) {
      last.rows += run.rows;
      return;
    }
  }
  runs_.push_back(run);
}

namespace {

const float kOne = 1.0f;

// All running rows of the tape from slot column `first` on, beside what row_of(t, count) gives: (pointer,
// stride).
template <class F>
void add_rows(GradientProduct& p, const BackwardDirection& d, std::int64_t first, F row_of) {
  for (std::int64_t t = 0; t < d.order->steps(); ++t) {
    const std::int64_t count = d.order->active(t);
    if (count == 0) break;
    const auto [b, stride] = row_of(t);
    p.rows.add(t * d.order->rows(), d.slots.at(t, 0) + first, d.slots.stride(), b, stride, count);
  }
  p.rows.close();
}

// The same beside the state each step started from. Where that is a zero h0 there is nothing to add.
void add_previous_states(GradientProduct& p, const BackwardDirection& d, std::int64_t first) {
  const std::int64_t steps = d.order->steps(), rows = d.order->rows();
  const auto add = [&](std::int64_t t, std::int64_t begin, std::int64_t end, const float* b,
                       std::int64_t stride) {
    if (end > begin) {
      p.rows.add(t * rows + begin, d.slots.at(t, begin) + first, d.slots.stride(), b, stride, end - begin);
    }
  };
  for (std::int64_t t = 0; t < steps; ++t) {
    const std::int64_t running = d.order->active(t);
    const std::int64_t continued = d.reverse ? d.order->active(t + 1) : (t == 0 ? 0 : running);
    add(t, 0, continued, continued > 0 ? d.h.at(d.reverse ? t + 1 : t - 1, 0) : nullptr, d.h.row_stride);
    if (d.h0 != nullptr) add(t, continued, running, d.h0 + continued * d.hidden, d.hidden);
  }
  p.rows.close();
}

}  // namespace

GradientProduct& GradientProducts::add(float* gradient, std::int64_t width, std::int64_t depth,
                                       std::int64_t rotate, std::int64_t gate_rows) {
  if (used_ == products_.size()) products_.emplace_back();
  GradientProduct& p = products_[used_++];
  p.rows.clear();
  p.width = width;
  p.depth = depth;
  p.rotate = rotate;
  p.gate_rows = gate_rows;
  p.gradient = gradient;
  return p;
}

void GradientProducts::collect(const BackwardDirection& d, SequenceView<const float> x,
                               const CellOffsets& offsets, float* dparams) {
  const std::int64_t hidden = d.hidden, gates = 3 * hidden;
  // dW_ih = [da_r da_z da_n]^T x
  add_rows(add(dparams + offsets.weight_ih, gates, x.features, 0, gates), d, hidden,
           [&](std::int64_t t) { return std::pair(x.at(t, 0), x.row_stride); });
  float* weight_hh = dparams + offsets.weight_hh;
  if (d.reset_after) {  // dW_hh = [dq da_r da_z]^T h_prev, whose rows are those of n, r, z
    add_previous_states(add(weight_hh, gates, hidden, 2 * hidden, gates), d, 0);
  } else {  // r and z as above; W_hn met r*h, which the q slot kept
    add_previous_states(add(weight_hh, 2 * hidden, hidden, 0, gates), d, hidden);
    add_rows(add(weight_hh, hidden, hidden, 2 * hidden, gates), d, 3 * hidden, [&](std::int64_t t) {
      return std::pair<const float*, std::int64_t>(d.slots.at(t, 0), d.slots.stride());
    });
  }
  if (offsets.bias_ih < 0) return;
  const auto one = [](std::int64_t) { return std::pair<const float*, std::int64_t>(&kOne, 0); };
  add_rows(add(dparams + offsets.bias_ih, gates, 1, 0, gates), d, hidden, one);
  if (d.reset_after) {
    add_rows(add(dparams + offsets.bias_hh, gates, 1, 2 * hidden, gates), d, 0, one);
  } else {
    add_rows(add(dparams + offsets.bias_hh, gates, 1, 0, gates), d, hidden, one);
  }
}

namespace {

// A work item takes up to this many vectors of gates: its share of packing the other operand is then a few
// percent.
constexpr std::int64_t kPieceVectors = 12;
// Some milliseconds of work, after which a piece asks whether to go on.
constexpr double kSliceFlops = 1e9;

std::int64_t pack_a_size(std::int64_t lanes) { return kBlockRows * kOuterVectors * lanes; }

bool should_stop(Interrupt* interrupt, bool owner) {
  return interrupt != nullptr && (owner ? interrupt->check() : interrupt->raised());
}

}  // namespace

// Fills pieces_; returns the largest depth.
std::int64_t GradientProducts::cut(std::int64_t lanes, int threads) {
  std::int64_t depth = 0;
  pieces_.clear();
  for (std::size_t i = 0; i < used_; ++i) {
    const GradientProduct& p = products_[i];
    depth = std::max(depth, p.depth);
    const std::int64_t vectors = (panel_count(p.width, lanes) + threads - 1) / threads;
    const std::int64_t width =
        lanes * std::min(kPieceVectors, (vectors + 2) / 3 * 3);  // the kernel takes three at once
    for (std::int64_t first = 0; first < p.width; first += width) {
      pieces_.push_back({&p, first, std::min(width, p.width - first)});
    }
  }
  return depth;
}

void GradientProducts::run_piece(const KernelTable& kernels, const Piece& piece, std::int64_t stride,
                                 float* out, float* pack_a, float* pack_b, Interrupt* interrupt, bool owner) {
  const GradientProduct& p = *piece.product;
  std::fill_n(out, p.depth * stride, 0.0f);
  const std::int64_t blocks = static_cast<std::int64_t>(p.rows.block_ends().size());
  const double block_flops = 2.0 * kBlockRows * static_cast<double>(p.depth * piece.width);
  const std::int64_t slice = static_cast<std::int64_t>(kSliceFlops / block_flops) + 1;
  for (std::int64_t block = 0; block < blocks; block += slice) {
    if (should_stop(interrupt, owner)) return;
    kernels.outer({p.rows.runs().data(), p.rows.block_ends().data(), block, std::min(block + slice, blocks),
                   piece.first, piece.width, p.depth, out, stride, pack_a, pack_b});
  }
  for (std::int64_t i = 0; i < piece.width; ++i) {
    float* to = p.gradient + (piece.first + i + p.rotate) % p.gate_rows * p.depth;
    for (std::int64_t j = 0; j < p.depth; ++j) to[j] = out[j * stride + i];
  }
}

Status GradientProducts::run(const KernelTable& kernels, int threads, AlignedBuffer<float>& scratch,
                             Interrupt* interrupt) {
  const std::int64_t lanes = kernels.lanes, depth = cut(lanes, threads);
  const std::int64_t stride = kPieceVectors * lanes;
  const std::int64_t size = depth * stride + pack_a_size(lanes) + (kBlockRows * depth + 15) / 16 * 16;
  if (!scratch.reserve(size * threads))
    return {ErrorCode::out_of_memory, "no memory for the weight gradients"};
  parallel_for(static_cast<std::int64_t>(pieces_.size()), threads, [&](std::int64_t item, int thread) {
    const FlushDenormals flush;
    float* out = scratch.data() + thread * size;
    float* pack_a = out + depth * stride;
    run_piece(kernels, pieces_[static_cast<std::size_t>(item)], stride, out, pack_a,
              pack_a + pack_a_size(lanes), interrupt, thread == 0);
  });
  return interrupt != nullptr && interrupt->raised() ? Status::interrupted() : Status();
}

}  // namespace fastgru
