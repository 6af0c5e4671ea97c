// One mini-batch: from the caller's data to the loss and the gradient of every parameter.
#pragma once

#include <cstdint>
#include <vector>

#include "gru/engine.h"
#include "nn/layout.h"
#include "nn/pooling.h"
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

  // Standardised copies of the samples order[first] ... order[first + rows - 1]. Serves one
  // loss_and_gradient().
  void gather(const TrainingData& data, const Scaling& scaling, const std::int64_t* order, std::int64_t first,
              std::int64_t rows, int threads);

  // How many answers the loss is taken of: the rows, or, with an answer for every step, their steps.
  std::int64_t count() const { return count_; }

  // loss = sum_i w_i * (mean loss of answer i) / (count() * mean_weight) of what was gathered, and its
  // gradient (layout.total() values). `gru` has been assigned `params`. `seed` keys the dropout masks. A loss
  // that is not finite leaves the gradient as it was.
  Status loss_and_gradient(const Weights<S>& gru, const S* params, double mean_weight, std::uint64_t seed,
                           const RunOptions& options, double& loss, S* gradient);

 private:
  const NetworkConfig& config() const { return layout_.config(); }
  // Rows of the head in this mini-batch: one for each row, or for each row and step.
  std::int64_t head_rows() const { return config().sequence ? steps_ * rows_ : rows_; }
  BlockStates<S> states() const { return {steps_, rows_, lengths(), h_n_.data(), y_.data()}; }
  const std::int64_t* lengths() const { return has_lengths_ ? lengths_.data() : nullptr; }

  void gather_weights(const TrainingData& data, const std::int64_t* order, std::int64_t first);
  // The head's numbers, in outputs_.
  Status run_forward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options);
  // What the head reads, with its dropout.
  const S* head_inputs(std::uint64_t seed);
  // From d loss / d outputs, in d_outputs_.
  Status run_backward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options,
                      S* gradient);
  void drop(S* states, std::uint64_t seed) const;
  bool has_tokens() const { return config().vocabulary_size > 0; }
  void look_up(const S* embedding);
  // The embedding's gradient from that of the GRU's inputs, in d_x_.
  void add_token_gradients(S* gradient) const;

  const NetworkLayout& layout_;
  std::int64_t steps_ = 0, rows_ = 0, count_ = 0;
  bool weighted_ = false, has_lengths_ = false;
  std::vector<double> weights_;                 // of each head row
  std::vector<std::int64_t> lengths_, tokens_;  // tokens_ (steps, rows), 0 beyond a row's length
  Tape<S> tape_;
  AlignedBuffer<S> x_, d_x_, y_, d_y_, h_n_, d_h_n_;  // the GRU's
  AlignedBuffer<S> pooled_, d_pooled_;                // the head's inputs
  AlignedBuffer<S> outputs_, d_outputs_, targets_;    // of head_rows()
  const S* head_inputs_ = nullptr;
};

extern template class BatchPass<float>;
extern template class BatchPass<double>;

}  // namespace fastgru
