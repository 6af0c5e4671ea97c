#include "nn/head.h"

#include <algorithm>

#include "runtime/denormals.h"

namespace fastgru {
namespace {

// R rows by C outputs: their chains are independent, so that one does not wait for the other.
template <int R, int C, class S>
void tile(const S* x, const S* weight, const S* bias, std::int64_t inputs, std::int64_t outputs, S* y) {
  S sum[R][C];
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) sum[r][c] = bias[c];
  }
  for (std::int64_t k = 0; k < inputs; ++k) {
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) sum[r][c] += x[r * inputs + k] * weight[c * inputs + k];
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) y[r * outputs + c] = sum[r][c];
  }
}

template <int R, class S>
void row_block(const HeadView<S>& head, const S* x, S* y) {
  std::int64_t o = 0;
  for (; o + 4 <= head.outputs; o += 4) {
    tile<R, 4>(x, head.weight + o * head.inputs, head.bias + o, head.inputs, head.outputs, y + o);
  }
  for (; o < head.outputs; ++o) {
    tile<R, 1>(x, head.weight + o * head.inputs, head.bias + o, head.inputs, head.outputs, y + o);
  }
}

// to += factor * from
template <class S>
void add_scaled(const S* from, S factor, std::int64_t count, S* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

}  // namespace

template <class S>
void head_forward(const HeadView<S>& head, const S* x, std::int64_t rows, S* y) {
  const FlushDenormals flush;
  std::int64_t b = 0;
  for (; b + 4 <= rows; b += 4) row_block<4>(head, x + b * head.inputs, y + b * head.outputs);
  for (; b < rows; ++b) row_block<1>(head, x + b * head.inputs, y + b * head.outputs);
}

template <class S>
void head_backward(const HeadView<S>& head, const S* x, const S* dy, std::int64_t rows, S* dx, S* dweight,
                   S* dbias) {
  const FlushDenormals flush;
  std::fill_n(dx, rows * head.inputs, S(0));
  std::fill_n(dweight, head.outputs * head.inputs, S(0));
  std::fill_n(dbias, head.outputs, S(0));
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < head.outputs; ++o) {
      const S d = dy[b * head.outputs + o];
      dbias[o] += d;
      add_scaled(x + b * head.inputs, d, head.inputs, dweight + o * head.inputs);
      add_scaled(head.weight + o * head.inputs, d, head.inputs, dx + b * head.inputs);
    }
  }
}

template void head_forward(const HeadView<float>&, const float*, std::int64_t, float*);
template void head_forward(const HeadView<double>&, const double*, std::int64_t, double*);
template void head_backward(const HeadView<float>&, const float*, const float*, std::int64_t, float*, float*,
                            float*);
template void head_backward(const HeadView<double>&, const double*, const double*, std::int64_t, double*,
                            double*, double*);

}  // namespace fastgru
