// float32: chains of fused multiply-adds. Two recipes, one for each place of the reset gate.
#include "engine_f32/recipes/recipe.h"
#include "kernels/pack.h"

namespace fastgru {
namespace {

class Float32Cell : public ForwardCell {
 public:
  Float32Cell(const KernelTable& kernels, std::int64_t input, std::int64_t hidden, bool shared_tail)
      : ForwardCell(input, hidden), kernels_(kernels), shared_tail_(shared_tail) {}

  void input(const InputArgs& args) const override {
    float_input(kernels_, *this, w_, bias_, shared_tail_, args);
  }

 protected:
  const KernelTable& kernels() const { return kernels_; }
  std::int64_t lanes() const { return kernels_.lanes; }
  const float* w() const { return w_; }
  const float* bias() const { return bias_; }

  void place_input(Pieces& pieces) {
    w_ = pieces.take<float>(packed_size(input_size(), hidden_size(), kGates, lanes()));
    bias_ = pieces.take<float>(4 * padded_width(hidden_size(), lanes()));
  }
  void pack_input(const CellParams& params, bool reset_after) const {
    pack_gates(params.weight_ih, hidden_size(), input_size(), 0, kGates, lanes(), shared_tail_, w_);
    pack_bias(params.bias_ih, params.bias_hh, hidden_size(), reset_after, lanes(), bias_);
  }

 private:
  const KernelTable& kernels_;
  const bool shared_tail_;
  float *w_ = nullptr, *bias_ = nullptr;
};

class ResetAfterCell final : public Float32Cell {
 public:
  ResetAfterCell(const KernelTable& kernels, std::int64_t input, std::int64_t hidden)
      : Float32Cell(kernels, input, hidden, true) {}

  void place(Pieces& pieces) override {
    place_input(pieces);
    u_ = pieces.take<float>(packed_size(hidden_size(), hidden_size(), kGates, lanes()));
  }
  void pack(const CellParams& params) override {
    pack_input(params, true);
    pack_gates(params.weight_hh, hidden_size(), hidden_size(), 0, kGates, lanes(), true, u_);
  }
  void step(const StepArgs& args, int) const override {
    CellForwardArgs a{};
    a.panels = args.panels;
    a.rows = args.rows;
    a.hidden = hidden_size();
    a.x = args.x;
    a.x_stride = args.x_stride;
    a.input = input_size();
    a.w = w();
    a.gx = args.gx;
    a.gx_stride = args.gx_stride;
    a.u = u_;
    a.bias = bias();
    a.h_prev = args.h_prev;
    a.h_prev_stride = args.h_prev_stride;
    a.h = args.h;
    a.h_stride = args.h_stride;
    a.slots = args.slots;
    a.slots_stride = args.slots_stride;
    kernels().cell_forward(a);
  }

 private:
  float* u_ = nullptr;
};

class ResetBeforeCell final : public Float32Cell {
 public:
  ResetBeforeCell(const KernelTable& kernels, std::int64_t input, std::int64_t hidden)
      : Float32Cell(kernels, input, hidden, false) {}

  void place(Pieces& pieces) override {
    place_input(pieces);
    u_rz_ = pieces.take<float>(packed_size(hidden_size(), hidden_size(), 2, lanes()));
    u_n_ = pieces.take<float>(packed_size(hidden_size(), hidden_size(), 1, lanes()));
  }
  void pack(const CellParams& params) override {
    pack_input(params, false);
    pack_gates(params.weight_hh, hidden_size(), hidden_size(), 0, 2, lanes(), false, u_rz_);
    pack_gates(params.weight_hh, hidden_size(), hidden_size(), 2, 1, lanes(), false, u_n_);
  }
  int passes() const override { return 2; }
  std::int64_t shared_floats() const override { return 2 * padded(); }  // z and r*h

  void step(const StepArgs& args, int pass) const override {
    ResetBeforeForwardArgs a{};
    a.panels = args.panels;
    a.rows = args.rows;
    a.hidden = hidden_size();
    a.gx = args.gx;
    a.gx_stride = args.gx_stride;
    a.u_rz = u_rz_;
    a.u_n = u_n_;
    a.h_prev = args.h_prev;
    a.h_prev_stride = args.h_prev_stride;
    a.z = args.shared;
    a.rh = args.shared + padded();
    a.scratch_stride = shared_floats();
    a.h = args.h;
    a.h_stride = args.h_stride;
    a.slots = args.slots;
    a.slots_stride = args.slots_stride;
    (pass == 0 ? kernels().reset_before_rz : kernels().reset_before_n)(a);
  }

 private:
  std::int64_t padded() const { return padded_width(hidden_size(), lanes()); }

  float *u_rz_ = nullptr, *u_n_ = nullptr;
};

template <class Cell>
std::unique_ptr<ForwardCell> make_cell(const GruConfig& config, const KernelSet& set, std::int64_t input) {
  return std::make_unique<Cell>(*set.kernels, input, config.hidden_size);
}

}  // namespace

void float_input(const KernelTable& kernels, const ForwardCell& cell, const float* w, const float* bias,
                 bool shared_tail, const InputArgs& args) {
  InputGemmArgs g{};
  g.panels = args.panels;
  g.shared_tail = shared_tail;
  g.rows = args.rows;
  g.input = cell.input_size();
  g.hidden = cell.hidden_size();
  g.x = args.x;
  g.x_stride = args.x_stride;
  g.w = w;
  g.bias = bias;
  g.gx = args.gx;
  g.gx_stride = args.gx_stride;
  kernels.input_gemm(g);
}

const Recipe kFloat32Recipe = {"float32", false, 4, 4, kAnyRows, make_cell<ResetAfterCell>};
const Recipe kFloat32ResetBeforeRecipe = {"float32, reset before",   true, 4, 4, kAnyRows,
                                          make_cell<ResetBeforeCell>};

}  // namespace fastgru
