// The kernels of one instruction set: a table of functions over packed operands. The same source (*.inl,
// listed in isa.inl) is compiled once per ISA; the engine holds a table and never asks which ISA it is.
//
// This header is seen by the per-ISA files. It may include nothing with inline code in it: such code would be
// compiled with the ISA's flags, merged by the linker with the same code elsewhere, and run on CPUs that lack
// the ISA.
//
// Packed operands. L = lanes, panels = ceil(width / L), the last panel padded with zeros:
// - gates [panel][k][g][L]: the three gates of L hidden units side by side (g = r, z, n; two of them or one
//   where said)
// - columns [panel][k][L]: a plain matrix
// - bias [panel][4][L]: r, z, n of the input side, and q = the recurrent bias of n
// Tail: with reset_after, where the three gates of the last panel's u units fit one vector (3u <= L), they
// share it: [k][r of u, z of u, n of u, zeros] in gates, and so in hoisted W x and in bias, whose q stands in
// the fourth vector at n's place. So H=50 takes 10 vectors of 16 lanes a k, not 12.
//
// Rows are not packed: a pointer and a stride in floats. Nothing need be aligned to more than a float.
//
// A tape row (one sample, one step) has 4 slots of H floats. forward writes q | r | z | n there, backward
// overwrites them with dq | da_r | da_z | da_n: then [q r z] and [r z n] are both contiguous, as the two big
// products want them. With reset_after=false the q slot holds r*h, which the weight gradient needs, and
// backward leaves it.
#pragma once

#include <stdint.h>

#include "runtime/exact.h"

namespace fastgru {

constexpr int kGates = 3;
constexpr int kSlots = 4;
constexpr int kBlockRows = 256;   // rows of one block of a weight gradient's sum
constexpr int kOuterVectors = 3;  // vectors of gates a weight gradient's tile takes at most
constexpr int kOuterParts = 3;    // weight gradients that share the tape's rows
constexpr int kDigitVectors = 8;  // vectors of gates that a weight gradient in digits packs at once

// The panels of hidden units that a call computes, and their order. Serpentine panel order (backwards at
// every other step) finds the last step's weights still in the cache (H=512, batch 1: 1.5 times faster); the
// bits are the same.
struct PanelRange {
  int64_t first = 0, last = 0;
  bool backwards = false;
  bool weights_exceed_l2 = false;  // then a panel's tiles prefetch the next panel's weights
};

struct CellForwardArgs {
  PanelRange panels;
  int64_t rows = 0, hidden = 0;
  // W x is computed here from x (rows of `input` values) ...
  const float* x = nullptr;
  int64_t x_stride = 0, input = 0;
  const float* w = nullptr;  // gates
  // ... or was computed before: [row][panel][3][L], with the biases in it. Null: from x.
  const float* gx = nullptr;
  int64_t gx_stride = 0;
  const float* u = nullptr;     // gates
  const float* bias = nullptr;  // bias
  const float* h_prev = nullptr;
  int64_t h_prev_stride = 0;
  float* h = nullptr;  // not h_prev: other panels still read that
  int64_t h_stride = 0;
  float* slots = nullptr;  // null: no tape
  int64_t slots_stride = 0;
};

// reset_after=false runs in two passes: the candidate needs r of all units.
struct ResetBeforeForwardArgs {
  PanelRange panels;
  int64_t rows = 0, hidden = 0;
  const float* gx = nullptr;  // [row][panel][3][L]
  int64_t gx_stride = 0;
  const float* u_rz = nullptr;  // gates r, z
  const float* u_n = nullptr;   // columns
  const float* h_prev = nullptr;
  int64_t h_prev_stride = 0;
  float* z = nullptr;   // scratch [row][hidden padded]
  float* rh = nullptr;  // scratch [row][hidden padded]
  int64_t scratch_stride = 0;
  float* h = nullptr;
  int64_t h_stride = 0;
  float* slots = nullptr;
  int64_t slots_stride = 0;
};

// One step back in time for some rows: carry += a * weights, then the gradients of the step's gates, which
// follow from carry.
struct CellBackwardArgs {
  PanelRange panels;  // always in order
  int64_t rows = 0, hidden = 0;
  // The product; depth 0: none. carry is [row][hidden padded].
  const float* a = nullptr;
  int64_t a_stride = 0, depth = 0;
  const float* weights = nullptr;  // columns
  float* carry = nullptr;
  int64_t carry_stride = 0;
  // The step whose slots are turned into gradients.
  const float* dy = nullptr;  // null: zeros
  int64_t dy_stride = 0;
  const float* h_prev = nullptr;
  int64_t h_prev_stride = 0;
  float* slots = nullptr;
  int64_t slots_stride = 0;
};

struct GemmArgs {
  int64_t rows = 0, depth = 0, width = 0;
  const float* a = nullptr;
  int64_t a_stride = 0;
  const float* weights = nullptr;  // columns
  float* c = nullptr;              // c += a * weights; the padding lanes of c are not touched
  int64_t c_stride = 0;
};

// gx = bias + x w, [row][panel][3][L]
struct InputGemmArgs {
  PanelRange panels;
  bool shared_tail = false;  // a tail is laid out as with reset_after
  int64_t rows = 0, input = 0, hidden = 0;
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* w = nullptr;     // gates
  const float* bias = nullptr;  // bias
  float* gx = nullptr;
  int64_t gx_stride = 0;
};

// A run of (t, b) rows, the operands of the weight gradients: the tape's rows a, and of each part the second
// operand b (x, h_prev or r*h). All have fixed strides. A null b is zeros.
struct RowRun {
  const float* a = nullptr;
  int64_t a_stride = 0, rows = 0;
  const float* b[kOuterParts] = {};
  int64_t b_stride[kOuterParts] = {};
};

// out[j][i] += sum over rows of b[row][j] * a[row][i], first <= i < last, j < depth: a gradient transposed,
// vectors along the gates. Vectors that straddle an end of the range are written in full.
struct WeightGradientPart {
  int64_t first = 0, last = 0;  // columns of a; none: the part is not wanted
  int64_t depth = 0;            // columns of b
  float* out = nullptr;         // row j begins at out + j * out_stride, with the call's first column
  float* pack = nullptr;        // scratch: kBlockRows * depth floats; in digits depth is padded
};

// The sums are taken over blocks of at most kBlockRows rows, each from zero, and the block sums are added in
// order. In digits (outer_digits.inl): scratch begins at whole lines of 64 bytes.
struct OuterArgs {
  const RowRun* runs = nullptr;
  const int64_t* block_ends = nullptr;  // runs of block k end at block_ends[k]
  int64_t first_block = 0, last_block = 0;
  int64_t first = 0, last = 0;  // columns of a that this call takes; `first` is a multiple of the lanes
  int64_t width = 0;            // all columns of a
  WeightGradientPart parts[kOuterParts];
  float* sums = nullptr;  // sums[i] += sum over rows of a[row][i], from the call's first column on; padded
  int64_t out_stride = 0;
  float* pack_a = nullptr;  // scratch: kBlockRows * kOuterVectors * lanes floats; in digits kDigitVectors
};

using OuterKernel = void (*)(const OuterArgs&);

// One step of Adam (Kingma and Ba 2015) over `count` parameters. The corrections for the step number are in
// step_size and inverse_root: step_size = rate / (1 - beta_1^t), inverse_root = 1 / sqrt(1 - beta_2^t).
struct AdamArgs {
  int64_t count = 0;
  const float* params = nullptr;
  const float* gradient = nullptr;  // times clip, plus decay * params
  float* first = nullptr;           // moments, updated in place
  float* second = nullptr;
  float* updated = nullptr;
  float clip = 0, decay = 0;
  float beta_1 = 0, beta_2 = 0, one_minus_beta_1 = 0, one_minus_beta_2 = 0;
  float step_size = 0, inverse_root = 0, epsilon = 0;
};

// The dense head: y[row][o] = bias[o] + sum over k of x[row][k] * w[o][k], w (outputs, inputs). Every sum is
// made of chains of FMAs in the order said, whatever the number of rows or columns of a call.
constexpr int64_t kDenseBlock = 256;  // depth and width of a packed piece of an operand
constexpr int64_t kDensePack = kDenseBlock * (kDenseBlock + 16);  // floats of scratch of the gradients

struct DensePackArgs {
  int64_t inputs = 0, outputs = 0;
  const float* weight = nullptr;  // (outputs, inputs)
  float* weights = nullptr;       // columns: [panel][k][L]; a last panel of few outputs without padding
};

// Four segments of the inputs, added in order, the first of which starts from the bias.
struct DenseForwardArgs {
  int64_t rows = 0, inputs = 0, outputs = 0;
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* weights = nullptr;  // columns, from dense_pack
  const float* bias = nullptr;     // null: zeros
  float* y = nullptr;
  int64_t y_stride = 0;
};

// dx[row][k] = sum over o of dy[row][o] * w[o][k], from zero, in the order of the outputs.
struct DenseInputArgs {
  int64_t rows = 0, inputs = 0, outputs = 0;
  const float* dy = nullptr;
  int64_t dy_stride = 0;
  const float* weight = nullptr;  // (outputs, inputs), as it is
  int64_t weight_stride = 0;
  float* dx = nullptr;
  int64_t dx_stride = 0;
  float* pack = nullptr;  // scratch: kDensePack floats
};

// At least one row: dw[o][k] = sum over the rows of dy[row][o] * x[row][k], and dbias[o] = sum of dy[row][o],
// over blocks of kBlockRows rows, each from zero; the block sums are added in order.
struct DenseWeightArgs {
  int64_t rows = 0, inputs = 0, outputs = 0;
  bool adds = false;  // the block sums are added to what dw and dbias hold
  const float* x = nullptr;
  int64_t x_stride = 0;
  const float* dy = nullptr;
  int64_t dy_stride = 0;
  float* dw = nullptr;
  int64_t dw_stride = 0;
  float* dbias = nullptr;  // null: not wanted
  float* pack = nullptr;   // scratch: kDensePack floats
};

struct ExpSumArgs {
  int64_t n = 0;  // at least 1
  const float* x = nullptr;
  float* e = nullptr;  // e[i] = exp(x[i] - largest); null: not wanted; may be x
  float largest = 0;   // out
  double sum = 0;      // out: of e, the same on every ISA for the same e
};

struct KernelTable {
  const char* name;
  int lanes;
  int tile_rows;
  void (*cell_forward)(const CellForwardArgs&);
  void (*reset_before_rz)(const ResetBeforeForwardArgs&);
  void (*reset_before_n)(const ResetBeforeForwardArgs&);
  void (*input_gemm)(const InputGemmArgs&);
  void (*gemm)(const GemmArgs&);
  // reset_after: dq, da_r, da_z, da_n of the step; reset_before: da_z, da_n (the r and q slots are kept)
  void (*backward_reset_after)(const CellBackwardArgs&);
  void (*backward_reset_before)(const CellBackwardArgs&);
  // reset_after=false, second half of a step: `a` is da_n, the product is d(r*h): da_r into its slot, carry
  // += d(r*h) * r. Its product starts from zero, not from carry.
  void (*backward_reset_before_pass2)(const CellBackwardArgs&);
  OuterKernel outer;
  void (*adam)(const AdamArgs&);
  void (*dense_pack)(const DensePackArgs&);
  void (*dense_forward)(const DenseForwardArgs&);
  void (*dense_input_gradient)(const DenseInputArgs&);
  void (*dense_weight_gradient)(const DenseWeightArgs&);
  void (*exp_sum)(ExpSumArgs&);
  void (*scale)(float* x, float factor, int64_t n);  // x[i] *= factor
  // Elementwise over n values; y may be x. log1p: for 0 <= x <= 1.
  void (*map_exp)(const float* x, float* y, int64_t n);
  void (*map_sigmoid)(const float* x, float* y, int64_t n);
  void (*map_tanh)(const float* x, float* y, int64_t n);
  void (*map_log)(const float* x, float* y, int64_t n);
  void (*map_log1p)(const float* x, float* y, int64_t n);
  void (*map_softplus)(const float* x, float* y, int64_t n);
};

}  // namespace fastgru
