// The products of a dense layer: on the kernels in float32, plain loops in double.
#include "nn/modules/dense_layer.h"

#include "engine/checks.h"

namespace fastgru {

template <>
Status DenseLayer<float>::assign(const float* flat) {
  if (!packed_.reserve(dense_packed_size(*kernels_, inputs_, outputs_))) return out_of_memory();
  DensePackArgs p;
  p.inputs = inputs_;
  p.outputs = outputs_;
  p.weight = flat + weight_;
  p.weights = packed_.data();
  dense_pack(*kernels_, p, 1);  // 0.24 ms for 256 inputs and 5 000 outputs, whose step takes 100
  return {};
}

template <>
void DenseLayer<float>::forward(const float* flat, const float* x, std::int64_t rows, int threads,
                                float* y) const noexcept {
  DenseForwardArgs d;
  d.rows = rows;
  d.inputs = d.x_stride = inputs_;
  d.outputs = d.y_stride = outputs_;
  d.x = x;
  d.weights = packed_.data();
  d.bias = flat + bias_;
  d.y = y;
  dense_forward(*kernels_, d, threads);
}

template <>
std::int64_t DenseLayer<float>::scratch_size(int threads) {
  return dense_scratch_size(threads);
}

template <>
void DenseLayer<float>::backward(const float* flat, const DenseGradients<float>& g,
                                 int threads) const noexcept {
  DenseInputArgs d;
  d.rows = g.rows;
  d.inputs = d.weight_stride = d.dx_stride = inputs_;
  d.outputs = d.dy_stride = outputs_;
  d.dy = g.dy;
  d.weight = flat + weight_;
  d.dx = g.dx;
  d.pack = g.scratch;
  dense_backward_input(*kernels_, d, threads);
  DenseWeightArgs w;
  w.rows = g.rows;
  w.inputs = w.x_stride = w.dw_stride = inputs_;
  w.outputs = w.dy_stride = outputs_;
  w.x = g.x;
  w.dy = g.dy;
  w.adds = g.adds;
  w.dw = g.gradient + weight_;
  w.dbias = g.gradient + bias_;
  w.pack = g.scratch;
  dense_backward_weights(*kernels_, w, threads);
}

template <>
Status DenseLayer<double>::assign(const double*) {
  return {};
}

// Every output is one chain of sums: the bias, then the inputs in order.
template <>
void DenseLayer<double>::forward(const double* flat, const double* x, std::int64_t rows, int /*threads*/,
                                 double* y) const noexcept {
  const double* weight = flat + weight_;
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < outputs_; ++o) {
      double sum = flat[bias_ + o];
      for (std::int64_t k = 0; k < inputs_; ++k) {
        sum += x[b * inputs_ + k] * weight[o * inputs_ + k];
      }
      y[b * outputs_ + o] = sum;
    }
  }
}

template <>
std::int64_t DenseLayer<double>::scratch_size(int) {
  return 0;
}

// dL/dx is summed in the order of the outputs, dL/dW and dL/db in the order of the rows.
template <>
void DenseLayer<double>::backward(const double* flat, const DenseGradients<double>& g,
                                  int /*threads*/) const noexcept {
  const double* weight = flat + weight_;
  double* d_weight = g.gradient + weight_;
  double* d_bias = g.gradient + bias_;
  if (!g.adds) {
    std::fill_n(d_weight, outputs_ * inputs_, 0.0);
    std::fill_n(d_bias, outputs_, 0.0);
  }
  std::fill_n(g.dx, g.rows * inputs_, 0.0);
  for (std::int64_t b = 0; b < g.rows; ++b) {
    for (std::int64_t o = 0; o < outputs_; ++o) {
      const double d = g.dy[b * outputs_ + o];
      d_bias[o] += d;
      for (std::int64_t k = 0; k < inputs_; ++k) {
        g.dx[b * inputs_ + k] += d * weight[o * inputs_ + k];
        d_weight[o * inputs_ + k] += d * g.x[b * inputs_ + k];
      }
    }
  }
}

}  // namespace fastgru
