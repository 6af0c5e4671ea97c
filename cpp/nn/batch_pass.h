// One mini-batch: from the caller's data to the loss and the gradient of every parameter.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"
#include "nn/layout.h"
#include "nn/pooling.h"
#include "nn/data/samples.h"
#include "runtime/aligned.h"

namespace fastgru {

// Owns the memory of a mini-batch; a smaller one, such as the last of an epoch, uses the same memory.
template <class S>
class BatchPass {
 public:
  // Keeps a reference. `bptt` above 0: gradients go back through so many steps at most. An answer at the end
  // then has the gradient of a row's last steps; answers at every step that of each stretch of steps on its
  // own. The states that enter a stretch are right in any case, so that the loss is what it is without.
  explicit BatchPass(const NetworkLayout& layout, std::int64_t bptt = 0) : layout_(layout), bptt_(bptt) {}

  // Room for mini-batches of `steps` steps and up to `rows` rows.
  Status reserve(std::int64_t steps, std::int64_t rows);

  // Chooses the samples order[first] ... order[first + rows - 1]. Serves one loss_and_gradient(), until which
  // everything passed here must stay.
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
  BlockStates<S> states() const { return {steps_, rows_, block_lengths_, h_n_.data(), y_.data()}; }
  bool truncated() const { return bptt_ > 0 && all_steps_ > bptt_; }
  std::int64_t row_length(std::int64_t b) const {
    return has_lengths_ ? lengths_[static_cast<std::size_t>(b)] : all_steps_;
  }

  // From here on `steps` steps of every row (fewer where its length in block_lengths_ says so), from its step
  // in `skip` on: standardised copies.
  void load_inputs(std::int64_t steps, const std::int64_t* skip);
  void load_targets(const std::int64_t* skip);
  void load_weights();
  // The loss of what is loaded over `denominator`, and its gradient.
  Status run(const Weights<S>& gru, const S* params, double denominator, std::uint64_t seed,
             const RunOptions& options, double& loss, S* gradient);
  Status run_last_steps(const Weights<S>& gru, const S* params, double denominator, std::uint64_t seed,
                        const RunOptions& options, double& loss, S* gradient);
  Status run_stretches(const Weights<S>& gru, const S* params, double denominator, std::uint64_t seed,
                       const RunOptions& options, double& loss, S* gradient);
  // The stretch of bptt_ steps from `start` on of what `ends(b)` leaves of row b.
  template <class Ends>
  void load_stretch(std::int64_t start, Ends ends);

  // The head's numbers, in outputs_.
  Status run_forward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options);
  // What the head reads, with its dropout.
  const S* head_inputs(std::uint64_t seed);
  // From d loss / d outputs, in d_outputs_.
  Status run_backward(const Weights<S>& gru, const S* params, std::uint64_t seed, const RunOptions& options,
                      S* gradient);
  void drop_inputs(S* inputs, std::uint64_t seed) const;
  void drop(S* states, std::uint64_t seed) const;
  bool has_tokens() const { return config().vocabulary_size > 0; }
  void look_up(const S* embedding);
  // The embedding's gradient from that of the GRU's inputs, in d_x_.
  void add_token_gradients(S* gradient) const;

  const NetworkLayout& layout_;
  std::int64_t bptt_;
  const TrainingData* data_ = nullptr;
  const Scaling* scaling_ = nullptr;
  const std::int64_t* order_ = nullptr;
  const std::int64_t* block_lengths_ = nullptr;  // of what is loaded; null: steps_ each
  const S* h0_ = nullptr;                        // the states that enter what is loaded; null: zeros
  int threads_ = 1;
  std::int64_t first_ = 0, all_steps_ = 0;
  std::int64_t steps_ = 0, rows_ = 0, count_ = 0;
  bool weighted_ = false, has_lengths_ = false;
  std::vector<double> weights_;  // of each head row
  std::vector<std::int64_t> lengths_, stretch_, skip_,
      tokens_;  // tokens_ (steps, rows), 0 beyond a row's length
  Tape<S> tape_;
  AlignedBuffer<S> x_, d_x_, y_, d_y_, h_n_, d_h_n_, entering_;  // the GRU's
  AlignedBuffer<S> stretch_gradient_;
  Workspace<S> workspace_;
  AlignedBuffer<S> pooled_, d_pooled_;              // the head's inputs
  AlignedBuffer<S> outputs_, d_outputs_, targets_;  // of head_rows()
  const S* head_inputs_ = nullptr;
};

extern template class BatchPass<float>;
extern template class BatchPass<double>;

}  // namespace fastgru
