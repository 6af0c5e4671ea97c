// A network version over any number of samples, block of rows by block of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"
#include "nn/version.h"

namespace fastgru {

// Scratch memory that serves one call at a time and is kept for the next.
template <class S>
class Predictor {
 public:
  // Keeps a reference: to the configuration of all the versions it will run.
  explicit Predictor(const NetworkConfig& config) : config_(config), chain_(config) {}

  // out (samples, logits), or, with an answer for every step, (all steps of all samples one after the other,
  // logits); see Network::predict for `raw`. The bits of a row depend on that row alone.
  Status predict(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths,
                 bool raw, S* out, const RunOptions& options);

  // What the GRU reads of x: out (steps, samples, input_size), zeros beyond a row's length.
  Status inputs(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths, S* out,
                const RunOptions& options);

  // The weighted mean of the loss in scaled units, without dropout.
  Status evaluate(const NetworkVersion<S>& version, const TrainingData& data, const RunOptions& options,
                  double& loss);

 private:
  ModuleCall<S> call_of(const NetworkVersion<S>& version, const BlockRows& block,
                        const RunOptions& options) const;
  Status reserve(std::int64_t steps, std::int64_t rows);
  // The order in which samples are taken; null: their own.
  const std::int64_t* order_of(const std::int64_t* lengths, std::int64_t samples);
  // How many rows and steps the block from block.first on has, and their lengths.
  Status plan_block(const SampleArray& x, const std::int64_t* lengths, BlockRows& block,
                    const RunOptions& options);
  // The block's logits, in logits_.
  Status run_block(const NetworkVersion<S>& version, const SampleArray& x, const BlockRows& block,
                   const RunOptions& options);
  void set_places(const std::int64_t* lengths, std::int64_t samples);
  void add_block_loss(const Scaling& scaling, const TrainingData& data, const BlockRows& block, double& sum);
  // use(block) after each block was run.
  template <class Use>
  Status for_blocks(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths,
                    const RunOptions& options, Use use);

  const NetworkConfig& config_;
  Chain<S> chain_;
  Signal<S> logits_;
  std::vector<std::int64_t> order_, lengths_, places_;
  AlignedBuffer<S> outputs_, targets_;
};

extern template class Predictor<float>;
extern template class Predictor<double>;

}  // namespace fastgru
