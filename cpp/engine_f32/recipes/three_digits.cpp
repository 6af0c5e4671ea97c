// Products on three digits (kernels/three_digits_table.h): as exact as float32, with AMX.
//
// Fixed point loses where the largest number of a row is far above those that matter. So rows whose largest
// value times its factor is above kMostOfRow, or not finite, take the float32 kernels, and so do all rows
// where a weight is too large or not finite. They have packed weights of their own. This depends on the row
// and the weights alone: a row's bits stay those it has alone.
#include <algorithm>
#include <cmath>

#include "engine_f32/recipes/recipe.h"
#include "engine_f32/recipes/three_digit_weights.h"
#include "kernels/pack.h"

namespace fastgru {
namespace {

constexpr std::int64_t kLanes = 16;
// The largest value times factor of a row in digits: below it, their error is that of a float32 chain whose
// sums are about 1.
constexpr float kMostOfRow = 8;
// Rows in float32 at once.
constexpr std::int64_t kFloatRows = 8;

std::int64_t bytes_of(std::int64_t floats) { return floats * static_cast<std::int64_t>(sizeof(float)); }

// A matrix of three gates in three digits, and in float32.
struct Matrix {
  ThreeDigitWeights digits;
  float* floats = nullptr;

  void place(Pieces& pieces, std::int64_t units, std::int64_t depth) {
    digits.place(pieces, units, kGates, depth);
    floats = pieces.take<float>(packed_size(depth, units, kGates, kLanes));
  }
  void pack(const ThreeDigitTable& table, const float* weight, std::int64_t units, std::int64_t depth) {
    digits.pack(table, weight, depth, 1);
    pack_gates(weight, units, depth, 0, kGates, kLanes, false, floats);
  }
};

// f(row, count) for the runs of rows that have to be computed in float32.
template <class F>
void for_float_rows(std::int64_t rows, const float* scale, F f) {
  constexpr float kMost = kMostOfRow / kMostThreeDigits * 1.0001f;
  for (std::int64_t row = 0; row < rows;) {
    std::int64_t end = row;
    while (end < rows && end - row < kFloatRows && !(scale[end] <= kMost)) ++end;
    if (end > row) f(row, end - row);
    row = std::max(end, row + 1);
  }
}

class ThreeDigitsCell final : public ForwardCell {
 public:
  ThreeDigitsCell(const KernelSet& set, std::int64_t input, std::int64_t hidden)
      : ForwardCell(input, hidden),
        kernels_(*set.kernels),
        table_(*set.three_digits),
        sums_(kGates * padded_width(hidden, kLanes)) {}

  void place(Pieces& pieces) override {
    w_.place(pieces, hidden_size(), input_size());
    u_.place(pieces, hidden_size(), hidden_size());
    bias_ = pieces.take<float>(4 * padded_width(hidden_size(), kLanes));
    input_bias_ = pieces.take<float>(sums_);
    zeros_ = pieces.take<float>(4 * padded_width(hidden_size(), kLanes));
  }
  void pack(const CellParams& params) override {
    w_.pack(table_, params.weight_ih, hidden_size(), input_size());
    u_.pack(table_, params.weight_hh, hidden_size(), hidden_size());
    pack_bias(params.bias_ih, params.bias_hh, hidden_size(), true, kLanes, bias_, false);
    for (std::int64_t panel = 0; panel < panel_count(hidden_size(), kLanes); ++panel) {
      std::copy_n(bias_ + panel * 4 * kLanes, kGates * kLanes, input_bias_ + panel * kGates * kLanes);
    }
    std::fill_n(zeros_, 4 * padded_width(hidden_size(), kLanes), 0.0f);
  }
  std::int64_t scratch_bytes(std::int64_t rows, std::int64_t input_rows) const override {
    return bytes_of(kFloatRows * sums_) + 64 +
           std::max(u_.digits.row_bytes(rows), w_.digits.row_bytes(input_rows));
  }

  void input(const InputArgs& args) const override {
    if (!w_.digits.finite()) return input_in_floats(args);
    const ThreeDigitRows x =
        w_.digits.split(table_, args.rows, args.x, args.x_stride, digits_at(args.scratch));
    ThreeDigitProductArgs p{};
    p.vectors = args.panels;
    p.vectors.first *= kGates;
    p.vectors.last *= kGates;
    p.rows = args.rows;
    p.width = sums_;
    p.a = x;
    p.w = w_.digits.digits();
    p.bias = input_bias_;
    p.out = args.gx;
    p.out_stride = args.gx_stride;
    table_.product(p);
    for_float_rows(args.rows, x.scale, [&](std::int64_t row, std::int64_t count) {
      InputArgs some = args;
      some.rows = count;
      some.x += row * args.x_stride;
      some.gx += row * args.gx_stride;
      input_in_floats(some);
    });
  }

  void step(const StepArgs& args, int) const override {
    ThreeDigitCellArgs a{};
    a.panels = args.panels;
    a.rows = args.rows;
    a.hidden = hidden_size();
    a.u = u_.digits.digits();
    a.bias = bias_;
    a.gx = args.gx;
    a.gx_stride = args.gx_stride;
    a.h_prev = args.h_prev;
    a.h_prev_stride = args.h_prev_stride;
    a.h = args.h;
    a.h_stride = args.h_stride;
    a.slots = args.slots;
    a.slots_stride = args.slots_stride;
    float* sums = reinterpret_cast<float*>(args.scratch);
    if (!u_.digits.finite() || u_.digits.largest_factor() > kMostOfRow) return all_in_floats(a, sums);
    a.a = u_.digits.split(table_, args.rows, args.h_prev, args.h_prev_stride, digits_at(args.scratch));
    table_.cell(a);
    for_float_rows(args.rows, a.a.scale,
                   [&](std::int64_t row, std::int64_t count) { rows_in_floats(a, row, count, sums); });
  }

 private:
  // Behind the sums of float rows.
  char* digits_at(char* scratch) const { return next_line(scratch + bytes_of(kFloatRows * sums_)); }

  void input_in_floats(const InputArgs& args) const {
    float_input(kernels_, *this, w_.floats, bias_, false, args);
  }

  void all_in_floats(const ThreeDigitCellArgs& a, float* sums) const {
    for (std::int64_t row = 0; row < a.rows; row += kFloatRows) {
      rows_in_floats(a, row, std::min(kFloatRows, a.rows - row), sums);
    }
  }

  void rows_in_floats(ThreeDigitCellArgs a, std::int64_t row, std::int64_t count, float* sums) const {
    a.rows = count;
    a.gx += row * a.gx_stride;
    a.h_prev += row * a.h_prev_stride;
    a.h += row * a.h_stride;
    if (a.slots != nullptr) a.slots += row * a.slots_stride;
    InputGemmArgs g{};
    g.panels = a.panels;
    g.rows = count;
    g.input = g.hidden = hidden_size();
    g.x = a.h_prev;
    g.x_stride = a.h_prev_stride;
    g.w = u_.floats;
    g.bias = zeros_;
    g.gx = sums;
    g.gx_stride = a.gx_stride;
    kernels_.input_gemm(g);
    table_.cell_end(a, sums);
  }

  const KernelTable& kernels_;
  const ThreeDigitTable& table_;
  const std::int64_t sums_;  // of a row: [panel][3][lanes]
  Matrix w_, u_;
  float *bias_ = nullptr, *input_bias_ = nullptr, *zeros_ = nullptr;
};

std::unique_ptr<ForwardCell> make_cell(const GruConfig& config, const KernelSet& set, std::int64_t input) {
  return std::make_unique<ThreeDigitsCell>(set, input, config.hidden_size);
}

}  // namespace

const Recipe kThreeDigitsRecipe = {"three digits", true, 3, 3, 4 * kDigitTileRows, make_cell};

}  // namespace fastgru
