// The decoder's dense head with its loss: cross entropy of the next symbol, whose target is smoothed (Szegedy
// et al. 2016): 1 - s on the true symbol, and s shared out evenly over all. The logits are computed for some
// rows at a time, so that those of large vocabularies fill no memory.
#pragma once

#include <cstdint>

#include "nn/modules/dense_layer.h"
#include "runtime/aligned.h"
#include "runtime/status.h"

namespace fastgru {

template <class S>
struct HeadRows {
  const S* x = nullptr;                   // (rows, inputs)
  const std::int64_t* classes = nullptr;  // (rows)
  std::int64_t rows = 0;
  double denominator = 1.0;  // divides the gradient of the sum
  double smoothing = 0.0;
};

template <class S>
class HeadLoss {
 public:
  HeadLoss(std::int64_t inputs, std::int64_t classes) : inputs_(inputs), classes_(classes) {}

  // sum += the rows' losses, in double and in their order. `gradient` of W and b is overwritten at its place,
  // as is dx (rows, inputs).
  Status add(const DenseLayer<S>& head, const S* flat, const HeadRows<S>& rows, int threads, S* dx,
             S* gradient, double& sum);

  // visit(row, log probability of its class) for every row, in order.
  template <class Visit>
  Status score(const DenseLayer<S>& head, const S* flat, const HeadRows<S>& rows, int threads, Visit visit) {
    FASTGRU_RETURN_IF_ERROR(reserve(rows.rows, false, threads));
    const std::int64_t most = rows_at_once(rows.rows);
    for (std::int64_t first = 0; first < rows.rows; first += most) {
      const std::int64_t count = std::min(most, rows.rows - first);
      head.forward(flat, rows.x + first * inputs_, count, threads, logits_.data());
      losses(rows, first, count, threads, false);
      for (std::int64_t i = 0; i < count; ++i) visit(first + i, -losses_.data()[i]);
    }
    return {};
  }

 private:
  std::int64_t rows_at_once(std::int64_t rows) const { return DenseLayer<S>::rows_at_once(rows, classes_); }
  Status reserve(std::int64_t rows, bool training, int threads);
  // losses_[i] = the loss of row first + i; with `gradient`, its logits become their gradient.
  void losses(const HeadRows<S>& rows, std::int64_t first, std::int64_t count, int threads, bool gradient);

  std::int64_t inputs_, classes_;
  AlignedBuffer<S> logits_, scratch_;
  AlignedBuffer<double> losses_;
};

extern template class HeadLoss<float>;
extern template class HeadLoss<double>;

}  // namespace fastgru
