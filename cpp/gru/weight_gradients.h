// Weight gradients of one (layer, direction): a few large products over all (t, b) rows.
#pragma once

#include <cstdint>
#include <vector>

#include "gru/recurrence.h"

namespace fastgru {

// Rows of two operands, cut into blocks of kBlockRows rows by absolute row number t*B + b. Block sums are
// added in order, so that the sum is the same tree whatever is computed when and by whom, and more exact than
// one long chain: over 6400 rows about a seventh of its error.
class RowRuns {
 public:
  void clear();
  // `count` rows from absolute row number `row` on; runs that continue each other are joined.
  void add(std::int64_t row, const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride,
           std::int64_t count);
  void close();

  const std::vector<RowRun>& runs() const { return runs_; }
  const std::vector<std::int64_t>& block_ends() const { return block_ends_; }

 private:
  void add_within_block(const RowRun& run);

  std::vector<RowRun> runs_;
  std::vector<std::int64_t> block_ends_;
  std::int64_t block_ = 0, block_start_ = 0;
};

// gradient[(i + rotate) % gate_rows][j] = sum over rows of a[row][i] * b[row][j], i < width, j < depth
struct GradientProduct {
  RowRuns rows;
  std::int64_t width = 0, depth = 0, rotate = 0, gate_rows = 0;
  float* gradient = nullptr;  // row-major, `depth` columns
};

// The products of some cells. Its memory is kept for the next ones.
class GradientProducts {
 public:
  void clear() { used_ = 0; }

  // Adds those of one cell, whose tape holds the gradients of its pre-activations. `dparams` is the flat
  // vector.
  void collect(const BackwardDirection& direction, SequenceView<const float> x, const CellOffsets& offsets,
               float* dparams);

  // Computes them all, split over threads by columns: no sum is shared.
  Status run(const KernelTable& kernels, int threads, AlignedBuffer<float>& scratch, Interrupt* interrupt);

 private:
  struct Piece {
    const GradientProduct* product;
    std::int64_t first, width;
  };

  GradientProduct& add(float* gradient, std::int64_t width, std::int64_t depth, std::int64_t rotate,
                       std::int64_t gate_rows);
  std::int64_t cut(std::int64_t lanes, int threads);
  static void run_piece(const KernelTable& kernels, const Piece& piece, std::int64_t stride, float* out,
                        float* pack_a, float* pack_b, Interrupt* interrupt, bool owner);

  std::vector<GradientProduct> products_;
  std::size_t used_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace fastgru
