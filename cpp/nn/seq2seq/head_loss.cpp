// The smoothed cross entropy of a dense head, some rows at a time.
#include "nn/seq2seq/head_loss.h"

#include <algorithm>

#include "nn/losses/vector_math.h"
#include "nn/seq2seq/products.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// The mean, summed in double in a fixed order: independent sums, because one would wait for itself.
template <class S>
double mean_of(const S* values, std::int64_t count) {
  constexpr int kSums = 8;
  double sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int k = 0; k < kSums; ++k) sums[k] += static_cast<double>(values[i + k]);
  }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(values[i]);
  for (const double each : sums) sum += each;
  return sum / static_cast<double>(count);
}

// The loss of one row; its logits become `factor` times their gradient if factor is not 0.
template <class S>
double smoothed(S* logits, std::int64_t classes, std::int64_t target, double smoothing, double factor) {
  // Of log softmax, the normaliser is the same for all symbols.
  double moved = 0;
  if (smoothing > 0) {
    moved = smoothing * (mean_of(logits, classes) - static_cast<double>(logits[target]));
  }
  const double loss = cross_entropy(logits, classes, target, factor, factor != 0 ? logits : nullptr) - moved;
  if (factor == 0 || smoothing == 0) return loss;
  const S share = static_cast<S>(factor * smoothing / static_cast<double>(classes));
  for (std::int64_t k = 0; k < classes; ++k) logits[k] -= share;
  logits[target] += static_cast<S>(factor * smoothing);
  return loss;
}

}  // namespace

template <class S>
Status HeadLoss<S>::reserve(std::int64_t rows, bool training, int threads) {
  const std::int64_t some = rows_at_once(rows);
  const bool fits = logits_.reserve(some * classes_) && losses_.reserve(some) &&
                    scratch_.reserve(training ? DenseLayer<S>::scratch_size(threads) : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
void HeadLoss<S>::losses(const HeadRows<S>& rows, std::int64_t first, std::int64_t count, int threads,
                         bool gradient) {
  constexpr std::int64_t kEach = 16;  // rows of a work item
  const double factor = gradient ? 1.0 / rows.denominator : 0.0;
  const double work = 10 * static_cast<double>(count) * static_cast<double>(classes_);  // an exponential: ten
  parallel_for((count + kEach - 1) / kEach, threads_worth(work, threads), [&](std::int64_t item, int) {
    for (std::int64_t i = item * kEach; i < std::min(count, (item + 1) * kEach); ++i) {
      losses_.data()[i] =
          smoothed(logits_.data() + i * classes_, classes_, rows.classes[first + i], rows.smoothing, factor);
    }
  });
}

template <class S>
Status HeadLoss<S>::add(const DenseLayer<S>& head, const S* flat, const HeadRows<S>& rows, int threads, S* dx,
                        S* gradient, double& sum) {
  FASTGRU_RETURN_IF_ERROR(reserve(rows.rows, true, threads));
  const std::int64_t most = rows_at_once(rows.rows);
  for (std::int64_t first = 0; first < rows.rows; first += most) {
    const std::int64_t count = std::min(most, rows.rows - first);
    head.forward(flat, rows.x + first * inputs_, count, threads, logits_.data());
    losses(rows, first, count, threads, true);
    for (std::int64_t i = 0; i < count; ++i) sum += losses_.data()[i];
    DenseGradients<S> g;
    g.x = rows.x + first * inputs_;
    g.dy = logits_.data();
    g.rows = count;
    g.adds = first > 0;
    g.scratch = scratch_.data();
    g.dx = dx + first * inputs_;
    g.gradient = gradient;
    head.backward(flat, g, threads);
  }
  return {};
}

template class HeadLoss<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class HeadLoss<double>;
#endif

}  // namespace fastgru
