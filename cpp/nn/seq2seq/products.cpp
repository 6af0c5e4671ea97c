// Products of small matrices.
#include "nn/seq2seq/products.h"

#include <algorithm>

#include "kernels/dense.h"

namespace fastgru {

template <>
std::int64_t Products<float>::packed_size(std::int64_t inputs, std::int64_t outputs) const {
  return dense_packed_size(*kernels_, inputs, outputs);
}

template <>
std::int64_t Products<float>::scratch_size(int threads) const {
  return dense_scratch_size(threads);
}

template <>
void Products<float>::pack(const float* w, std::int64_t inputs, std::int64_t outputs, float* packed) const {
  DensePackArgs p;
  p.inputs = inputs;
  p.outputs = outputs;
  p.weight = w;
  p.weights = packed;
  dense_pack(*kernels_, p, 1);
}

template <>
void Products<float>::forward(const Shape& shape, In x, const float* packed, Out y, int threads) const {
  DenseForwardArgs d;
  d.rows = shape.rows;
  d.inputs = shape.inputs;
  d.outputs = shape.outputs;
  d.x = x.data;
  d.x_stride = x.stride;
  d.weights = packed;
  d.y = y.data;
  d.y_stride = y.stride;
  dense_forward(*kernels_, d, threads);
}

template <>
void Products<float>::input_gradient(const Shape& shape, In dy, In w, Out dx, float* scratch,
                                     int threads) const {
  DenseInputArgs d;
  d.rows = shape.rows;
  d.inputs = shape.inputs;
  d.outputs = shape.outputs;
  d.dy = dy.data;
  d.dy_stride = dy.stride;
  d.weight = w.data;
  d.weight_stride = w.stride;
  d.dx = dx.data;
  d.dx_stride = dx.stride;
  d.pack = scratch;
  dense_backward_input(*kernels_, d, threads);
}

template <>
void Products<float>::weight_gradient(const Shape& shape, In dy, In x, Out dw, float* scratch,
                                      int threads) const {
  DenseWeightArgs d;
  d.rows = shape.rows;
  d.inputs = shape.inputs;
  d.outputs = shape.outputs;
  d.x = x.data;
  d.x_stride = x.stride;
  d.dy = dy.data;
  d.dy_stride = dy.stride;
  d.dw = dw.data;
  d.dw_stride = dw.stride;
  d.pack = scratch;
  dense_backward_weights(*kernels_, d, threads);
}

#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template <>
std::int64_t Products<double>::packed_size(std::int64_t inputs, std::int64_t outputs) const {
  return inputs * outputs;
}

template <>
std::int64_t Products<double>::scratch_size(int) const {
  return 0;
}

template <>
void Products<double>::pack(const double* w, std::int64_t inputs, std::int64_t outputs,
                            double* packed) const {
  std::copy_n(w, inputs * outputs, packed);
}

template <>
void Products<double>::forward(const Shape& shape, In x, const double* packed, Out y, int /*threads*/) const {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t o = 0; o < shape.outputs; ++o) {
      double sum = 0;
      for (std::int64_t k = 0; k < shape.inputs; ++k) sum += x.row(row)[k] * packed[o * shape.inputs + k];
      y.row(row)[o] = sum;
    }
  }
}

template <>
void Products<double>::input_gradient(const Shape& shape, In dy, In w, Out dx, double* /*scratch*/,
                                      int /*threads*/) const {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    std::fill_n(dx.row(row), shape.inputs, 0.0);
    for (std::int64_t o = 0; o < shape.outputs; ++o) {
      for (std::int64_t k = 0; k < shape.inputs; ++k) dx.row(row)[k] += dy.row(row)[o] * w.row(o)[k];
    }
  }
}

template <>
void Products<double>::weight_gradient(const Shape& shape, In dy, In x, Out dw, double* /*scratch*/,
                                       int /*threads*/) const {
  for (std::int64_t o = 0; o < shape.outputs; ++o) {
    std::fill_n(dw.row(o), shape.inputs, 0.0);
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      for (std::int64_t k = 0; k < shape.inputs; ++k) dw.row(o)[k] += dy.row(row)[o] * x.row(row)[k];
    }
  }
}
#endif

}  // namespace fastgru
