// A dense layer, y = x W^T + b: its weights packed for the kernels, its product and its gradients. The head
// (dense.h) and other modules with a product over their inputs use it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/dense.h"
#include "kernels/dispatch.h"
#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

// The rows of a product, and where its gradients go.
template <class S>
struct DenseGradients {
  const S* x = nullptr;   // (rows, inputs)
  const S* dy = nullptr;  // (rows, outputs)
  std::int64_t rows = 0;
  bool adds = false;     // dW and db are added to what is there. Sums have the bits of one call over all rows
                         // if the calls before had multiples of kRowsOfASum rows.
  S* scratch = nullptr;  // DenseLayer::scratch_size() values
  S* dx = nullptr;       // (rows, inputs), overwritten
  S* gradient = nullptr;  // the flat vector of gradients
};

// float32: the kernels' packed weights and products. Other types: plain loops.
template <class S>
class DenseLayer final : public PackedParameters<S> {
 public:
  static constexpr std::int64_t kRowsOfASum = kBlockRows;
  // How many of `rows` rows a head takes at once, so that a few million logits are in memory at most.
  static std::int64_t rows_at_once(std::int64_t rows, std::int64_t outputs) {
    constexpr std::int64_t kLogits = std::int64_t{1} << 22;
    return std::min(rows, std::max(kRowsOfASum, kLogits / outputs / kRowsOfASum * kRowsOfASum));
  }

  // W (outputs, inputs) begins at `weight` in the flat vector, b (outputs) at `bias`.
  DenseLayer(std::int64_t inputs, std::int64_t outputs, std::int64_t weight, std::int64_t bias)
      : inputs_(inputs), outputs_(outputs), weight_(weight), bias_(bias) {}

  Status assign(const S* flat) override;
  void forward(const S* flat, const S* x, std::int64_t rows, int threads, S* y) const noexcept;
  static std::int64_t scratch_size(int threads);
  // dL/dx, dL/dW and dL/db of the rows.
  void backward(const S* flat, const DenseGradients<S>& g, int threads) const noexcept;

 private:
  std::int64_t inputs_, outputs_, weight_, bias_;
  const KernelTable* kernels_ = &active_kernels();
  AlignedBuffer<S> packed_;
};

template <>
Status DenseLayer<float>::assign(const float* flat);
template <>
Status DenseLayer<double>::assign(const double* flat);
template <>
void DenseLayer<float>::forward(const float*, const float*, std::int64_t, int, float*) const noexcept;
template <>
void DenseLayer<double>::forward(const double*, const double*, std::int64_t, int, double*) const noexcept;
template <>
std::int64_t DenseLayer<float>::scratch_size(int);
template <>
std::int64_t DenseLayer<double>::scratch_size(int);
template <>
void DenseLayer<float>::backward(const float*, const DenseGradients<float>&, int) const noexcept;
template <>
void DenseLayer<double>::backward(const double*, const DenseGradients<double>&, int) const noexcept;

}  // namespace fastgru
