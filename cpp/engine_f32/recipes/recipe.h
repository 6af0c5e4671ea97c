// A recipe: one arithmetic of a cell's forward step, with its packing of the weights. A new one touches its
// own files and the list in recipes.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/params.h"
#include "kernels/dispatch.h"

namespace fastgru {

// Hands out consecutive aligned pieces of one block: counts first (base null), places the second time.
class Pieces {
 public:
  explicit Pieces(char* base) : base_(base) {}
  template <class T>
  T* take(std::int64_t count) {
    T* piece = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    used_ += (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
  std::int64_t used() const { return used_; }  // bytes

 private:
  char* base_;
  std::int64_t used_ = 0;
};

// W x and biases of some rows, hoisted: gx [row][panel][3][L].
struct InputArgs {
  PanelRange panels;
  std::int64_t rows = 0;
  const float* x = nullptr;
  std::int64_t x_stride = 0;
  float* gx = nullptr;
  std::int64_t gx_stride = 0;
  char* scratch = nullptr;  // ForwardCell::scratch_bytes()
};

// One step of some rows. Recipes copy these field by field: a wider read waits for what was written just
// before it (forward_direction.cpp has the figure of one such wait).
struct StepArgs {
  PanelRange panels;
  std::int64_t rows = 0;
  const float* x = nullptr;  // read where gx is null
  std::int64_t x_stride = 0;
  const float* gx = nullptr;  // of input(); null: W x is computed in the step
  std::int64_t gx_stride = 0;
  const float* h_prev = nullptr;
  std::int64_t h_prev_stride = 0;
  float* h = nullptr;  // not h_prev
  std::int64_t h_stride = 0;
  float* slots = nullptr;  // null: no tape
  std::int64_t slots_stride = 0;
  char* scratch = nullptr;  // ForwardCell::scratch_bytes()
  float* shared = nullptr;  // rows * ForwardCell::shared_floats()
};

// The parameters of one (layer, direction), row-major. Null biases are zeros.
struct CellParams {
  const float *weight_ih, *weight_hh, *bias_ih, *bias_hh;
};

// One (layer, direction), packed for a recipe.
class ForwardCell {
 public:
  ForwardCell(std::int64_t input, std::int64_t hidden) : input_(input), hidden_(hidden) {}
  virtual ~ForwardCell() = default;
  ForwardCell(const ForwardCell&) = delete;
  ForwardCell& operator=(const ForwardCell&) = delete;

  std::int64_t input_size() const { return input_; }
  std::int64_t hidden_size() const { return hidden_; }

  virtual void place(Pieces& pieces) = 0;
  virtual void pack(const CellParams& params) = 0;
  // Of one thread, for step() of `rows` rows or input() of `input_rows`.
  virtual std::int64_t scratch_bytes(std::int64_t /*rows*/, std::int64_t /*input_rows*/) const { return 0; }
  virtual void input(const InputArgs& args) const = 0;
  // A step has one pass or two. A team that shares the hidden units waits between two, and shares some
  // memory.
  virtual int passes() const { return 1; }
  virtual std::int64_t shared_floats() const { return 0; }  // of one row
  virtual void step(const StepArgs& args, int pass) const = 0;

 private:
  const std::int64_t input_, hidden_;
};

// input() with packed float32 weights (gates) and biases; `shared_tail` as in InputGemmArgs.
void float_input(const KernelTable& kernels, const ForwardCell& cell, const float* w, const float* bias,
                 bool shared_tail, const InputArgs& args);

constexpr std::int64_t kAnyRows = std::int64_t{1} << 40;

struct Recipe {
  const char* name;
  bool input_first;  // a step needs hoisted W x
  int state_bytes;   // of a packed weight over the state, and over the input
  int input_bytes;
  std::int64_t hoisted_rows;  // of W x at once are enough, where the weights stay in L2
  std::unique_ptr<ForwardCell> (*make)(const GruConfig& config, const KernelSet& set, std::int64_t input);
};

extern const Recipe kFloat32Recipe, kFloat32ResetBeforeRecipe;
extern const Recipe kThreeDigitsRecipe, kTwoDigitsRecipe, kInt8Recipe;
// All of them.
const std::vector<const Recipe*>& recipes();

}  // namespace fastgru
