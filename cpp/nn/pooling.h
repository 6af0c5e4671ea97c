// What the head reads of the GRU's states, and the way back of its gradient.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "nn/layout.h"

namespace fastgru {

// The states of a block of rows as the GRU left them: h_n (L*D, rows, H), and, if the head reads all steps,
// y (steps, rows, D*H), zero beyond each row's length.
template <class S>
struct BlockStates {
  std::int64_t steps = 0, rows = 0;
  const std::int64_t* lengths = nullptr;  // (rows), null: all steps
  const S* h_n = nullptr;
  const S* y = nullptr;

  std::int64_t length(std::int64_t b) const { return lengths == nullptr ? steps : lengths[b]; }
};

// pooled (rows, D*H): the last state of each row, or the mean or the largest over its steps; zeros for a row
// of no steps. A mean is the sum in order of time, divided once: what a stream computes step by step.
template <class S>
void pool(const NetworkConfig& config, const BlockStates<S>& states, S* pooled);

// From d_pooled: for Pooling::last d_h_n (L*D, rows, H), and no view; for the others the gradient of y, in
// d_y (steps, rows, D*H). A mean's is the same at every step: only the first is written, and the view stays
// there (written for every step it was 8 % of an epoch of 150 steps). A largest value that several steps
// share counts for the first of them.
template <class S>
SequenceView<const S> pool_gradient(const NetworkConfig& config, const BlockStates<S>& states,
                                    const S* d_pooled, S* d_h_n, S* d_y);

// One more step of a running mean's sum or of a running maximum, for `count` units; `first`: there was none.
template <class S>
void pool_step(Pooling pooling, const S* h, std::int64_t count, bool first, S* running);

extern template void pool(const NetworkConfig&, const BlockStates<float>&, float*);
extern template void pool(const NetworkConfig&, const BlockStates<double>&, double*);
extern template SequenceView<const float> pool_gradient(const NetworkConfig&, const BlockStates<float>&,
                                                        const float*, float*, float*);
extern template SequenceView<const double> pool_gradient(const NetworkConfig&, const BlockStates<double>&,
                                                         const double*, double*, double*);
extern template void pool_step(Pooling, const float*, std::int64_t, bool, float*);
extern template void pool_step(Pooling, const double*, std::int64_t, bool, double*);

}  // namespace fastgru
