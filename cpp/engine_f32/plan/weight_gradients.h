// The weight gradients of a cell, and how they are cut into pieces for the threads.
//
// The first operand of each product is the tape's rows, whose 4H columns are the slots. The second operand is
// x, h_prev or r*h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace fastgru {

// The second operands, numbered as in RowRun::b.
enum GradientPart { kInputPart, kStatePart, kResetPart };
static_assert(kResetPart + 1 == kOuterParts);

// Slot columns [first, last) of the tape, times the `depth` columns of the second operand; no columns: not
// wanted.
struct GradientShape {
  std::int64_t first = 0, last = 0, depth = 0;
};

struct GradientShapes {
  std::int64_t hidden = 0;
  GradientShape parts[kOuterParts];

  std::int64_t width() const { return kSlots * hidden; }
};
GradientShapes gradient_shapes(std::int64_t hidden, std::int64_t input, bool reset_after);

// Some slot columns of one cell, for all parts or for one of them.
struct GradientPiece {
  std::size_t cell = 0;
  std::int64_t first = 0, last = 0;
  std::int64_t depth = 0;  // of the wanted parts together
  bool wanted[kOuterParts] = {};
  bool digits = false;
};

// Whether gradients over so many rows, in so many blocks of kBlockRows, take less time in digits.
bool gradients_in_digits(std::int64_t rows, std::int64_t blocks);

// Appends the pieces of cell number `cell`. No sum is shared between pieces, so the bits do not depend on
// them.
void plan_gradient_pieces(const GradientShapes& shapes, std::size_t cell, std::int64_t lanes, int threads,
                          bool digits, std::vector<GradientPiece>& pieces);

// Blocks of kBlockRows rows that a piece of depth x stride results takes between two looks at the interrupt.
std::int64_t blocks_per_check(std::int64_t depth, std::int64_t stride);

}  // namespace fastgru
