// A network version over any number of samples, block of rows by block of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "gru/engine.h"
#include "nn/version.h"

namespace fastgru {

// out[b] = the last state of the top layer of row b, both directions side by side: h_n is (L*D, rows, H),
// out (rows, D*H).
template <class S>
void top_states(const GruConfig& config, const S* h_n, std::int64_t rows, S* out);

// Scratch memory that serves one call at a time and is kept for the next.
template <class S>
class Predictor {
 public:
  // out (samples, outputs) in raw units. The bits of a row depend on that row alone.
  Status predict(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths, S* out,
                 const RunOptions& options);

  // The weighted mean of the squared error in scaled units, without dropout.
  Status evaluate(const NetworkVersion<S>& version, const TrainingData& data, const RunOptions& options,
                  double& loss);

 private:
  Status reserve(const NetworkConfig& config, std::int64_t steps, std::int64_t rows);
  // The order in which samples are taken; null: their own.
  const std::int64_t* order_of(const std::int64_t* lengths, std::int64_t samples);
  // How many rows and steps the block from block.first on has, and their lengths.
  Status plan_block(const NetworkConfig& config, const SampleArray& x, const std::int64_t* lengths,
                    BlockRows& block, const RunOptions& options);
  // Scaled outputs of the block, in outputs_.
  Status run_block(const NetworkVersion<S>& version, const SampleArray& x, const BlockRows& block,
                   const RunOptions& options);
  // use(block) after each block was run.
  template <class Use>
  Status for_blocks(const NetworkVersion<S>& version, const SampleArray& x, const std::int64_t* lengths,
                    const RunOptions& options, Use use);

  Workspace<S> workspace_;
  std::vector<std::int64_t> order_, lengths_;
  AlignedBuffer<S> x_, h_n_, states_, outputs_, targets_;
};

extern template class Predictor<float>;
extern template class Predictor<double>;
extern template void top_states(const GruConfig&, const float*, std::int64_t, float*);
extern template void top_states(const GruConfig&, const double*, std::int64_t, double*);

}  // namespace fastgru
