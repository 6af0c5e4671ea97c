// One mini-batch: computes the loss and the gradient of every parameter from the caller's data.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/labels.h"
#include "nn/data/row_groups.h"
#include "nn/data/samples.h"
#include "nn/data/targets.h"
#include "nn/modules/chain.h"
#include "nn/network_config.h"
#include "runtime/aligned.h"

namespace fastgru {

// Owns the memory of a mini-batch, or, if its lengths differ widely, of one group of its rows at a time; the
// groups' gradients add up. A smaller mini-batch, such as the last of an epoch, uses the same memory.
template <class S>
class TrainingStep {
 public:
  // Keeps a reference to `layout`. bptt > 0 truncates backpropagation to so many steps; the forward state
  // still crosses, so the loss is unchanged. A prediction at the end has the gradient of the row's last bptt
  // steps. With a prediction at every step, each stretch of bptt steps has its own gradient.
  explicit TrainingStep(const NetworkLayout& layout, std::int64_t bptt = 0,
                        const std::vector<ModuleFactory<S>>& factories = module_factories<S>())
      : layout_(layout), bptt_(bptt), chain_(layout.config(), factories) {}

  // Everything here counts frames, where the network reads frames: bptt, too.
  // Chooses the samples order[first] ... order[first + rows - 1] for the next loss_and_gradient(). All
  // arguments must stay valid until then.
  void choose(const TrainingData& data, const Scaling& scaling, const std::int64_t* order, std::int64_t first,
              std::int64_t rows);

  // Between choose() and loss_and_gradient(), as often as it returns true: chooses the next stretch of bptt
  // steps (all steps without bptt) of the chosen samples, which must have a prediction at every step. The
  // loss and its gradient are then those of the stretch alone, and the state of the last one goes on: the
  // parameters may change in between (a language model's streams).
  bool next_stretch();

  // The number of predictions in the loss: the rows, or, with a prediction for every step, their steps. One
  // with k of n targets counts k / n. 1 if there is none.
  double count() const { return count_; }

  // loss = sum_i w_i * (mean loss of prediction i) / (count() * mean_weight) of the chosen samples;
  // gradient() becomes its gradient, unspecified if the loss is not finite. `seed` keys the dropout masks.
  Status loss_and_gradient(const Parameters<S>& params, double mean_weight, std::uint64_t seed,
                           const RunOptions& options, double& loss);
  // chain().total() values. A caller may change them, but must leave zeros zero: a module clears only the
  // values that it wrote (see Embedding).
  S* gradient() { return gradient_.data(); }

  const Chain<S>& chain() const { return chain_; }

 private:
  const NetworkConfig& config() const { return layout_.config(); }
  const Framing* framing(const Framing& frames) const { return config().framed() ? &frames : nullptr; }
  bool truncated(const RowGroup& group) const { return bptt_ > 0 && group.steps > bptt_; }
  Status reserve(const RowGroup& group);
  void set_count(std::int64_t targets);

  // Sets the block to `steps` steps of each row (fewer if the row is shorter) beginning at step skip[b] (0 if
  // null).
  void set_block(std::int64_t steps, const std::int64_t* lengths, const std::int64_t* skip);
  // Sets the block to the bptt_ steps from `start` on, where row b ends at step ends(b).
  template <class Ends>
  void set_stretch(std::int64_t start, Ends ends);
  // Loads targets and weights for `rows` rows of logits: those of the block's steps, beginning at `skip`.
  void load_targets(std::int64_t rows, const std::int64_t* skip);

  // These add their loss, divided by `denominator`, and its gradient.
  Status run_group(double denominator, std::uint64_t seed, double& loss);
  Status run_last_steps(double denominator, std::uint64_t seed, double& loss);
  Status run_stretches(double denominator, std::uint64_t seed, double& loss);
  Status run_block(double denominator, double& loss);
  // The head and the loss of run_block(), some rows at a time. `sum`: of the loss, not divided.
  Status run_head(const Signal<S>& features, double denominator, S* gradient, double& sum);
  // The same with a loss that aligns sequences, all rows at once.
  Status run_sequences(const Signal<S>& features, double denominator, S* gradient, double& sum);
  // The chosen stretch of next_stretch().
  Status run_stretch(double mean_weight, std::uint64_t seed, double& loss);

  const NetworkLayout& layout_;
  std::int64_t bptt_;
  Chain<S> chain_;
  ModuleCall<S> call_;
  BlockRows block_;
  Framing frames_, target_frames_;
  const TrainingData* data_ = nullptr;
  const std::int64_t* target_skip_ = nullptr;
  double count_ = 0;
  RowGroups groups_;
  RowGroup group_;  // the one that runs
  bool weighted_ = false;
  bool several_ = false;                  // blocks, whose gradients are added up
  std::vector<double> weights_, losses_;  // of each row of logits
  std::vector<std::int64_t> stretch_, skip_;
  LabelRows labels_;  // of the block, if the loss aligns them
  // Of next_stretch(): the number of the group (-1: not in use) and the first step of the chosen stretch.
  std::int64_t stretch_group_ = -1, stretch_start_ = 0;
  AlignedBuffer<S> d_logits_, loss_scratch_;  // if the loss aligns sequences
  AlignedBuffer<S> targets_, gradient_, block_gradient_;
};

extern template class TrainingStep<float>;
extern template class TrainingStep<double>;

}  // namespace fastgru
