// Weight gradients of a layer's cells: a few large products over all (t, b) rows.
#pragma once

#include <cstdint>
#include <vector>

#include "engine_f32/plan/weight_gradients.h"
#include "engine_f32/recurrence.h"
#include "runtime/aligned.h"

namespace fastgru {

// Rows of the tape with their second operands, cut into blocks of kBlockRows rows by absolute row number
// t*B + b. Block sums are added in order, so that the sum is the same tree whatever is computed when and by
// whom, and more exact than one long chain: over 6400 rows about a seventh of its error.
class RowRuns {
 public:
  void clear();
  // Rows from absolute row number `row` on; runs that continue each other are joined.
  void add(std::int64_t row, RowRun run);
  void close();

  const std::vector<RowRun>& runs() const { return runs_; }
  const std::vector<std::int64_t>& block_ends() const { return block_ends_; }

 private:
  void add_within_block(const RowRun& run);

  std::vector<RowRun> runs_;
  std::vector<std::int64_t> block_ends_;
  std::int64_t block_ = 0, block_start_ = 0;
};

// gradient[gate row of column i][j] = sum over rows of a[row][i] * b[row][j], i and j as in GradientShape.
struct WeightGradient {
  float* gradient = nullptr;  // row-major, `depth` columns
  float* bias = nullptr;      // the sums of a's columns alone; null: not wanted
};

struct CellGradients {
  RowRuns rows;
  bool fills_blocks = false;  // the running rows of all steps fill the blocks of the sums well
  bool adds = false;          // to the gradients that an earlier range of steps wrote
  GradientShapes shapes;
  WeightGradient results[kOuterParts];

  // Slot columns r, z, n are gate rows 0, 1, 2, and the q slot is n's row again.
  std::int64_t gate_row(std::int64_t column) const {
    return (column + 2 * shapes.hidden) % (kGates * shapes.hidden);
  }
};

// The gradients of some cells. Its memory is kept for the next ones.
class GradientProducts {
 public:
  void clear() { used_ = 0; }

  // Adds those of one cell, whose tape holds the gradients of its pre-activations at the direction's steps.
  // `dparams` is the flat vector: the first range of steps overwrites it, the others add.
  void collect(const BackwardDirection& direction, SequenceView<const float> x, const CellOffsets& offsets,
               float* dparams);

  // Computes them all, split over threads by columns: no sum is shared. `digits`: the kernel in digits, for
  // the cells whom it suits; null: none.
  Status run(const KernelTable& kernels, OuterKernel digits, int threads, AlignedBuffer<float>& scratch,
             Interrupt* interrupt);

 private:
  void run_piece(const GradientPiece& piece, OuterKernel outer, std::int64_t lanes, float* scratch,
                 Interrupt* interrupt, bool owner) const;

  std::vector<CellGradients> cells_;
  std::size_t used_ = 0;
  std::vector<GradientPiece> pieces_;
};

}  // namespace fastgru
