// Runs a network version over any number of samples, one block of rows after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"
#include "nn/data/labels.h"
#include "nn/version.h"

namespace fastgru {

// Serves one call at a time, and keeps its scratch memory for the next.
template <class S>
class Predictor {
 public:
  // Keeps a reference to the configuration, which must be that of every version it runs.
  explicit Predictor(const NetworkConfig& config) : config_(config), chain_(config) {}

  // out (samples, logits), or, with a prediction for every step, (steps of all samples one after the other,
  // logits). `raw`: logits instead of probabilities. The bits of a row depend on that row alone.
  Status predict(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths,
                 bool raw, S* out, const RunOptions& options);

  // The GRU's input for x: out (steps or frames, samples, input_size), zeros beyond a row's length.
  Status inputs(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths, S* out,
                const RunOptions& options);

  // The weighted mean of the loss in scaled units, without dropout.
  Status evaluate(const NetworkVersion<S>& version, const TrainingData& data, const RunOptions& options,
                  double& loss);

  // The weighted loss of each prediction, 0 where there is no target: out (samples), or, with a prediction
  // for every step, (steps of all samples one after the other). Not for networks that read frames.
  Status losses(const NetworkVersion<S>& version, const TrainingData& data, const RunOptions& options,
                double* out);

 private:
  ModuleCall<S> call_of(const NetworkVersion<S>& version, const BlockRows& block,
                        const RunOptions& options) const;
  Status reserve(std::int64_t steps, std::int64_t rows);
  // The order in which samples are processed; null: their own order.
  const std::int64_t* order_of(const std::int64_t* lengths, std::int64_t samples);
  // Sets frames_, and the block's pointer to it if the network reads frames.
  void set_framing(const SampleArray& x, const std::int64_t* lengths, BlockRows& block);
  // Sets rows, steps and lengths of the block that begins at block.first.
  Status plan_block(const SampleArray& x, const std::int64_t* lengths, BlockRows& block,
                    const RunOptions& options);
  // Computes the input of the head for the block into features_.
  Status run_block(const NetworkVersion<S>& version, const SampleArray& x, const BlockRows& block,
                   const RunOptions& options);
  void set_places(const std::int64_t* lengths, std::int64_t samples);
  // Loads the targets and weights of a block's predictions: NaN, no target, beyond the end of a row.
  std::int64_t load_targets(const Scaling& scaling, const TrainingData& data, const BlockRows& block);
  // The weighted losses of a block's predictions, into block_losses_; adds them to `sum`.
  void add_block_loss(const NetworkVersion<S>& version, const TrainingData& data, const BlockRows& block,
                      const RunOptions& options, double& sum);
  // The same of a loss that aligns sequences.
  Status add_sequences(const NetworkVersion<S>& version, const TrainingData& data, const BlockRows& block,
                       const RunOptions& options, double& sum);
  // Runs all blocks, and calls use(block), which returns a Status, after each.
  template <class Use>
  Status for_blocks(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths,
                    const RunOptions& options, Use use);

  const NetworkConfig& config_;
  Chain<S> chain_;
  Signal<S> features_;
  Framing frames_;  // of the samples of the call
  std::vector<std::int64_t> order_, lengths_, places_;
  std::vector<double> weights_, block_losses_;
  LabelRows labels_;
  AlignedBuffer<S> outputs_, targets_, loss_scratch_;
};

extern template class Predictor<float>;
extern template class Predictor<double>;

}  // namespace fastgru
