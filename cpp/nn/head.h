// The dense head: y = x W^T + b.
#pragma once

#include <cstdint>

#include "nn/layout.h"

namespace fastgru {

template <class S>
struct HeadView {
  const S* weight = nullptr;  // (outputs, inputs)
  const S* bias = nullptr;    // (outputs)
  std::int64_t inputs = 0, outputs = 0;
};

template <class S>
HeadView<S> head_view(const NetworkLayout& layout, const S* flat) {
  return {flat + layout.head_weight(), flat + layout.head_bias(), layout.config().head_inputs(),
          layout.config().answers()};
}

// x (rows, inputs), y (rows, outputs). Every output is one chain of sums, the bias first, then in the order
// of the inputs: a row's bits depend on nothing but the row.
template <class S>
void head_forward(const HeadView<S>& head, const S* x, std::int64_t rows, S* y);

// From dy (rows, outputs): dx (rows, inputs), dweight and dbias, all overwritten. Sums run in the order of
// the rows.
template <class S>
void head_backward(const HeadView<S>& head, const S* x, const S* dy, std::int64_t rows, S* dx, S* dweight,
                   S* dbias);

extern template void head_forward(const HeadView<float>&, const float*, std::int64_t, float*);
extern template void head_forward(const HeadView<double>&, const double*, std::int64_t, double*);
extern template void head_backward(const HeadView<float>&, const float*, const float*, std::int64_t, float*,
                                   float*, float*);
extern template void head_backward(const HeadView<double>&, const double*, const double*, std::int64_t,
                                   double*, double*, double*);

}  // namespace fastgru
