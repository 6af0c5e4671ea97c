// One mini-batch: from the caller's data to the loss and the gradient of every parameter.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/samples.h"
#include "nn/modules/chain.h"
#include "nn/network_config.h"
#include "runtime/aligned.h"

namespace fastgru {

// Owns the memory of a mini-batch; a smaller one, such as the last of an epoch, uses the same memory.
template <class S>
class TrainingStep {
 public:
  // Keeps a reference. bptt > 0 truncates backpropagation to so many steps; the forward state still crosses,
  // so the loss is unchanged. An answer at the end then has the gradient of a row's last steps; answers at
  // every step that of each stretch of bptt steps on its own.
  explicit TrainingStep(const NetworkLayout& layout, std::int64_t bptt = 0,
                        const std::vector<ModuleFactory<S>>& factories = module_factories<S>())
      : layout_(layout), bptt_(bptt), chain_(layout.config(), factories) {}

  // Room for mini-batches of `steps` steps and up to `rows` rows.
  Status reserve(std::int64_t steps, std::int64_t rows);

  // Chooses the samples order[first] ... order[first + rows - 1]. Serves one loss_and_gradient(), until which
  // everything passed here must stay.
  void choose(const TrainingData& data, const Scaling& scaling, const std::int64_t* order, std::int64_t first,
              std::int64_t rows);

  // How many answers the loss is taken of: the rows, or, with an answer for every step, their steps.
  std::int64_t count() const { return count_; }

  // loss = sum_i w_i * (mean loss of answer i) / (count() * mean_weight) of what was chosen, and, in
  // gradient(), its gradient. `seed` keys the dropout masks. A loss that is not finite leaves the gradient as
  // it was.
  Status loss_and_gradient(const Parameters<S>& params, double mean_weight, std::uint64_t seed,
                           const RunOptions& options, double& loss);
  // chain().total() values. A caller may change those that are not zero.
  S* gradient() { return gradient_.data(); }

  const Chain<S>& chain() const { return chain_; }

 private:
  const NetworkConfig& config() const { return layout_.config(); }
  bool truncated() const { return bptt_ > 0 && all_steps_ > bptt_; }
  std::int64_t row_length(std::int64_t b) const {
    return has_lengths_ ? lengths_[static_cast<std::size_t>(b)] : all_steps_;
  }

  // The block is from here on each row's `steps` steps (fewer where its length says so) from its step in
  // `skip` on; null: from the first.
  void set_block(std::int64_t steps, const std::int64_t* lengths, const std::int64_t* skip);
  // The stretch of bptt_ steps from `start` on of what `ends(b)` leaves of row b.
  template <class Ends>
  void set_stretch(std::int64_t start, Ends ends);
  // Targets and weights of `rows` rows of logits: those of the block's steps, from `skip` on.
  void load_targets(std::int64_t rows, const std::int64_t* skip);

  // The block's loss over `denominator`, and its gradient.
  Status run(double denominator, double& loss, S* gradient);
  Status run_last_steps(double denominator, std::uint64_t seed, double& loss);
  Status run_stretches(double denominator, std::uint64_t seed, double& loss);

  const NetworkLayout& layout_;
  std::int64_t bptt_;
  Chain<S> chain_;
  ModuleCall<S> call_;
  BlockRows block_;
  const TrainingData* data_ = nullptr;
  const std::int64_t* order_ = nullptr;
  const std::int64_t* target_skip_ = nullptr;
  std::int64_t first_ = 0, all_steps_ = 0, count_ = 0;
  bool weighted_ = false, has_lengths_ = false;
  std::vector<double> weights_;  // of each row of logits
  std::vector<std::int64_t> lengths_, stretch_, skip_;
  AlignedBuffer<S> d_logits_, targets_, gradient_, stretch_gradient_;
};

extern template class TrainingStep<float>;
extern template class TrainingStep<double>;

}  // namespace fastgru
