// Rows of logits, their losses and gradients, split over threads.
#include "nn/losses/row_losses.h"

#include <algorithm>
#include <cstdint>

#include "nn/network_config.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// The work of one parallel_for, which captures a single pointer and so allocates nothing.
template <class S>
struct RowLosses {
  static constexpr std::int64_t kRows = 16;  // of an item

  const NetworkConfig& config;
  const LossRows<S>& rows;
  double* each;
  std::int64_t logits, targets;

  void run(std::int64_t item) const {
    const std::int64_t end = std::min(rows.rows, (item + 1) * kRows);
    for (std::int64_t i = item * kRows; i < end; ++i) {
      LossRows<S> row = rows;
      row.rows = 1;
      row.logits += i * logits;
      row.targets += i * targets;
      if (row.weights != nullptr) row.weights += i;
      if (row.gradient != nullptr) row.gradient += i * logits;
      each[i] = 0;
      config.loss->add(config, row, each[i]);
    }
  }
};

}  // namespace

template <class S>
void add_losses(const NetworkConfig& config, const LossRows<S>& rows, int threads, double* each,
                double& sum) {
  constexpr std::int64_t kWorthAThread = 1 << 17;  // logits: some 0.1 ms of a softmax
  const RowLosses<S> work{config, rows, each, config.logits(), config.targets()};
  const std::int64_t items = (rows.rows + RowLosses<S>::kRows - 1) / RowLosses<S>::kRows;
  if (rows.rows * work.logits < kWorthAThread) threads = 1;
  parallel_for(items, threads, [&work](std::int64_t item, int) { work.run(item); });
  for (std::int64_t i = 0; i < rows.rows; ++i) sum += each[i];
}

template void add_losses(const NetworkConfig&, const LossRows<float>&, int, double*, double&);
template void add_losses(const NetworkConfig&, const LossRows<double>&, int, double*, double&);

}  // namespace fastgru
