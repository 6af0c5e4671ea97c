// Checks and errors that the trainers share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/optim/optimizer.h"
#include "runtime/status.h"

namespace fastgru {

// The options of every loop over mini-batches.
Status check_loop(std::int64_t batch_size, int num_threads);

// The error of a mini-batch of which `what` is not finite. `inputs`: what else may be the reason.
Status divergence(const char* what, double value, std::size_t batch, std::int64_t epoch,
                  const OptimizerOptions& options, const char* inputs);

}  // namespace fastgru
