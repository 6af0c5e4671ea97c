// Cuts the weight gradients of a cell into pieces of slot columns.
#include "engine_f32/plan/weight_gradients.h"

#include <algorithm>

#include "engine_f32/plan/plan.h"
#include "kernels/pack.h"

namespace fastgru {
namespace {

// Minimum vectors of gates per piece on one thread; below it, packing the second operand is more than a few
// percent of the work.
constexpr std::int64_t kPieceVectors = 24;
// Bytes of a piece's results in digits. They need not stay in L2: fewer pieces pack less, which counts for
// more.
constexpr std::int64_t kDigitResultBytes = 8 << 20;
// Fewer rows are filled up with zeros.
constexpr std::int64_t kLeastDigitRows = 64;
// Some milliseconds of work, after which a piece looks at the interrupt.
constexpr double kSliceFlops = 1e9;

// `piece` restricted to columns [first, last). Parts without columns there are dropped.
GradientPiece within(const GradientShapes& shapes, GradientPiece piece, std::int64_t first,
                     std::int64_t last) {
  piece.first = first;
  piece.last = last;
  piece.depth = 0;
  for (int i = 0; i < kOuterParts; ++i) {
    const GradientShape& part = shapes.parts[i];
    piece.wanted[i] = piece.wanted[i] && first < last && part.first < last && part.last > first;
    if (piece.wanted[i]) piece.depth += part.depth;
  }
  return piece;
}

// Vectors of gates whose results stay in L2; in digits, those that a piece takes at most.
std::int64_t fitting_vectors(const GradientPiece& piece, std::int64_t lanes) {
  return (piece.digits ? kDigitResultBytes : l2_bytes() / 3) / (4 * lanes * piece.depth);
}

// Cuts `whole` into `count` pieces of about equal work. The work of a vector of slot columns is the depth of
// the second operands that it meets.
void add_pieces(const GradientShapes& shapes, const GradientPiece& whole, std::int64_t count,
                std::int64_t lanes, std::vector<GradientPiece>& pieces) {
  const auto work = [&](std::int64_t column) { return within(shapes, whole, column, column + lanes).depth; };
  std::int64_t all = 0, done = 0, last = whole.first;
  for (std::int64_t column = whole.first; column < whole.last; column += lanes) all += work(column);
  for (std::int64_t i = 1; i <= count; ++i) {
    const std::int64_t first = last;
    for (; last < whole.last && done < all * i / count; last += lanes) done += work(last);
    last = std::min(last, whole.last);
    const GradientPiece piece = within(shapes, whole, first, last);
    // Depth 0: no columns are left, or (reset_after=false) the piece holds the q slot alone, which has no
    // product.
    if (piece.depth > 0) pieces.push_back(piece);
  }
}

}  // namespace

// dW_ih = [da_r da_z da_n]^T x; dW_hh = [dq da_r da_z]^T h_prev. With reset_after=false r and z meet h_prev,
// and n meets r*h.
GradientShapes gradient_shapes(std::int64_t hidden, std::int64_t input, bool reset_after) {
  GradientShapes shapes;
  shapes.hidden = hidden;
  shapes.parts[kInputPart] = {hidden, 4 * hidden, input};
  if (reset_after) {
    shapes.parts[kStatePart] = {0, 3 * hidden, hidden};
  } else {
    shapes.parts[kStatePart] = {hidden, 3 * hidden, hidden};
    shapes.parts[kResetPart] = {3 * hidden, 4 * hidden, hidden};
  }
  return shapes;
}

OuterKernel gradient_digits(const RecipeChoice& choice) {
  return choice.recipe == &kThreeDigitsRecipe ? choice.set.outer_digits : nullptr;
}

bool gradients_in_digits(std::int64_t rows, std::int64_t blocks) { return rows >= kLeastDigitRows * blocks; }

// Compute dW_ih and dW_hh together if all their results fit L2, so that the tape is packed once; else one
// after the other: every piece packs its second operand, and fewer pieces are worth a second packing of the
// tape (in three pieces for both (100,64,128,256) trained 4 % slower, H=192 and 300 3 %). In digits always
// together: packing takes a larger share ((100,64,128,256): 14.6 ms in three pieces, 12.5 in one).
void plan_gradient_pieces(const GradientShapes& shapes, std::size_t cell, std::int64_t lanes, int threads,
                          bool digits, std::vector<GradientPiece>& pieces) {
  // As many for each thread, and no more than that: every piece packs its second operand once more
  // ((100,32,64,128) on two threads, these products: eight pieces 2.3 ms, two 1.6, one thread 3.0).
  const auto add = [&](const GradientPiece& piece) {
    const std::int64_t all = panel_count(piece.last - piece.first, lanes);
    const std::int64_t least = (all - 1) / std::max(fitting_vectors(piece, lanes), kPieceVectors) + 1;
    add_pieces(shapes, piece, std::min((least + threads - 1) / threads * threads, all), lanes, pieces);
  };
  GradientPiece every;
  every.cell = cell;
  every.digits = digits;
  std::fill_n(every.wanted, kOuterParts, true);
  const GradientPiece together = within(shapes, every, 0, shapes.width());
  if (digits || fitting_vectors(together, lanes) >= panel_count(shapes.width(), lanes)) {
    add(together);
    return;
  }
  for (int i = 0; i < kOuterParts; ++i) {
    const GradientShape& part = shapes.parts[i];
    if (part.depth == 0) continue;
    GradientPiece alone;
    alone.cell = cell;
    alone.wanted[i] = true;
    add(within(shapes, alone, part.first / lanes * lanes, part.last));
  }
}

std::int64_t blocks_per_check(std::int64_t depth, std::int64_t stride) {
  const double block_flops = 2.0 * kBlockRows * static_cast<double>(depth * stride);
  return static_cast<std::int64_t>(kSliceFlops / block_flops) + 1;
}

}  // namespace fastgru
