// Products on integer digits (kernels/digit_table.h). "two digits": U in two digits, W in float32. "int8": U
// and W in one digit, rows of states in one, rows of inputs in two.
//
// Inputs are not limited as states are, and their digits would count from a row's largest value: with two
// digits W x alone would have the larger part of the error (H=256: 8e-5 instead of 1.5e-5 over 60 steps). One
// digit for the weights has a larger error itself, which two digits of x do not add to.
#include <algorithm>

#include "engine_f32/recipes/recipe.h"
#include "kernels/pack.h"
#include "kernels/pack_digits.h"

namespace fastgru {
namespace {

struct PackedDigits {
  DigitParts parts;
  DigitMatrix matrix;

  void place(Pieces& pieces, const DigitSizes& sizes) {
    parts = {pieces.take<std::int8_t>(sizes.weights), pieces.take<std::int32_t>(sizes.start),
             pieces.take<float>(sizes.scale)};
    matrix = {sizes.depth, sizes.used, parts.weights, parts.start, parts.scale};
  }
};

// Rows of digits in a piece of scratch.
class Rows {
 public:
  Rows(const DigitTable& table, std::int64_t width, int digits)
      : table_(table),
        width_(width),
        digits_(digits),
        stride_(digits * padded_width(width, table.lanes) * table.digit_bytes) {}

  std::int64_t bytes(std::int64_t rows) const {
    return scale_bytes(rows) + padded_width(digit_rows_bytes(table_, rows, stride_), 64);
  }

  DigitRows split(std::int64_t rows, const float* x, std::int64_t x_stride, float least,
                  char* scratch) const {
    SplitArgs s{};
    s.rows = rows;
    s.width = width_;
    s.x = x;
    s.x_stride = x_stride;
    s.least = least;
    s.digits = digits_;
    s.scale = reinterpret_cast<float*>(scratch);
    s.out = scratch + scale_bytes(rows);
    s.out_stride = stride_;
    table_.split(s);
    return {s.out, stride_, s.scale};
  }

 private:
  static std::int64_t scale_bytes(std::int64_t rows) {
    return (rows * static_cast<std::int64_t>(sizeof(float)) + 63) / 64 * 64;
  }

  const DigitTable& table_;
  std::int64_t width_;
  int digits_;
  std::int64_t stride_;  // bytes
};

// U in `digits` digits, and so the states.
class DigitCell : public ForwardCell {
 public:
  DigitCell(const KernelSet& set, std::int64_t input, std::int64_t hidden, int digits)
      : ForwardCell(input, hidden), set_(set), digits_(digits), states_(*set.digits, hidden, digits) {}

  void place(Pieces& pieces) override {
    bias_ = pieces.take<float>(4 * padded_width(hidden_size(), set_.digits->lanes));
    u_.place(pieces, digit_sizes(*set_.digits, hidden_size(), hidden_size(), kGates, digits_));
  }
  void pack(const CellParams& params) override {
    pack_bias(params.bias_ih, params.bias_hh, hidden_size(), true, set_.digits->lanes, bias_, false);
    pack_digits(*set_.digits, params.weight_hh, hidden_size(), hidden_size(), 0, kGates, digits_, digits_,
                u_.parts);
  }
  std::int64_t scratch_bytes(std::int64_t rows, std::int64_t) const override { return states_.bytes(rows); }

  void step(const StepArgs& args, int) const override {
    DigitCellArgs a{};
    a.panels = args.panels;
    a.rows = args.rows;
    a.hidden = hidden_size();
    a.a = states_.split(args.rows, args.h_prev, args.h_prev_stride, 1.0f, args.scratch);
    a.u = u_.matrix;
    a.bias = bias_;
    a.gx = args.gx;
    a.gx_stride = args.gx_stride;
    a.h_prev = args.h_prev;
    a.h_prev_stride = args.h_prev_stride;
    a.h = args.h;
    a.h_stride = args.h_stride;
    a.slots = args.slots;
    a.slots_stride = args.slots_stride;
    (digits_ == 1 ? set_.digits->cell_one : set_.digits->cell_two)(a);
  }

 protected:
  const KernelSet& set() const { return set_; }
  float* bias() const { return bias_; }

 private:
  const KernelSet set_;
  const int digits_;
  const Rows states_;
  PackedDigits u_;
  float* bias_ = nullptr;
};

class TwoDigitsCell final : public DigitCell {
 public:
  TwoDigitsCell(const KernelSet& set, std::int64_t input, std::int64_t hidden)
      : DigitCell(set, input, hidden, 2) {}

  void place(Pieces& pieces) override {
    DigitCell::place(pieces);
    w_ = pieces.take<float>(packed_size(input_size(), hidden_size(), kGates, set().kernels->lanes));
  }
  void pack(const CellParams& params) override {
    DigitCell::pack(params);
    pack_gates(params.weight_ih, hidden_size(), input_size(), 0, kGates, set().kernels->lanes, false, w_);
  }

  void input(const InputArgs& args) const override {
    float_input(*set().kernels, *this, w_, bias(), false, args);
  }

 private:
  float* w_ = nullptr;
};

class Int8Cell final : public DigitCell {
 public:
  Int8Cell(const KernelSet& set, std::int64_t input, std::int64_t hidden)
      : DigitCell(set, input, hidden, 1), inputs_(*set.digits, input, 2) {}

  void place(Pieces& pieces) override {
    DigitCell::place(pieces);
    w_.place(pieces, digit_sizes(*set().digits, hidden_size(), input_size(), kGates, 1));
  }
  void pack(const CellParams& params) override {
    DigitCell::pack(params);
    pack_digits(*set().digits, params.weight_ih, hidden_size(), input_size(), 0, kGates, 1, 2, w_.parts);
  }
  std::int64_t scratch_bytes(std::int64_t rows, std::int64_t input_rows) const override {
    return std::max(DigitCell::scratch_bytes(rows, input_rows), inputs_.bytes(input_rows));
  }

  void input(const InputArgs& args) const override {
    DigitInputArgs g{};
    g.panels = args.panels;
    g.rows = args.rows;
    g.width = input_size();
    g.a = inputs_.split(args.rows, args.x, args.x_stride, 0.0f, args.scratch);
    g.w = w_.matrix;
    g.bias = bias();
    g.gx = args.gx;
    g.gx_stride = args.gx_stride;
    set().digits->input(g);
  }

 private:
  const Rows inputs_;
  PackedDigits w_;
};

template <class Cell>
std::unique_ptr<ForwardCell> make_cell(const GruConfig& config, const KernelSet& set, std::int64_t input) {
  return std::make_unique<Cell>(set, input, config.hidden_size);
}

}  // namespace

const Recipe kTwoDigitsRecipe = {"two digits", true, 2, 4, kAnyRows, make_cell<TwoDigitsCell>};
const Recipe kInt8Recipe = {"int8", true, 1, 1, kAnyRows, make_cell<Int8Cell>};

}  // namespace fastgru
