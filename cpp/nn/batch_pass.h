// One mini-batch: from the caller's data to the loss and the gradient of every parameter.
#pragma once

#include <cstdint>
#include <vector>

#include "gru/engine.h"
#include "nn/layout.h"
#include "nn/samples.h"
#include "runtime/aligned.h"

namespace fastgru {

// Owns the memory of a mini-batch; a smaller one, such as the last of an epoch, uses the same memory.
template <class S>
class BatchPass {
 public:
  explicit BatchPass(const NetworkLayout& layout) : layout_(layout) {}  // keeps a reference

  // Room for mini-batches of `steps` steps and up to `rows` rows.
  Status reserve(std::int64_t steps, std::int64_t rows);

  // Standardised copies of the samples order[first] ... order[first + rows - 1].
  void gather(const TrainingData& data, const Scaling& scaling, const std::int64_t* order, std::int64_t first,
              std::int64_t rows, int threads);

  // loss = sum_i w_i * mean_o(error_io^2) / (rows * mean_weight) of what was gathered, and its gradient
  // (layout.total() values). `gru` has been assigned `params`. `seed` keys the dropout masks. A loss that is
  // not finite leaves the gradient as it was.
  Status loss_and_gradient(const Weights<S>& gru, const S* params, double mean_weight, std::uint64_t seed,
                           const RunOptions& options, double& loss, S* gradient);

 private:
  // Scaled outputs of the network, in outputs_.
  Status run_forward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options);
  // From d loss / d outputs, in d_outputs_.
  Status run_backward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options,
                      S* gradient);
  void drop(S* states, std::uint64_t seed) const;
  std::int64_t state_size() const;

  const NetworkLayout& layout_;
  std::int64_t steps_ = 0, rows_ = 0;
  bool weighted_ = false, has_lengths_ = false;
  std::vector<double> sample_weight_;
  std::vector<std::int64_t> lengths_;
  Tape<S> tape_;
  AlignedBuffer<S> x_, y_, h_n_, d_h_n_;            // the GRU's
  AlignedBuffer<S> states_, d_states_;              // the head's inputs
  AlignedBuffer<S> outputs_, d_outputs_, targets_;  // (rows, outputs)
};

extern template class BatchPass<float>;
extern template class BatchPass<double>;

}  // namespace fastgru
