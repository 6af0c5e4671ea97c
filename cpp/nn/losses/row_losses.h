// The losses of many rows over several threads.
#pragma once

#include "nn/losses/loss.h"

namespace fastgru {

// The configuration's loss, as Loss::add() gives it, with the same bits on any number of threads. each
// (rows): the term of each row.
template <class S>
void add_losses(const NetworkConfig& config, const LossRows<S>& rows, int threads, double* each, double& sum);

extern template void add_losses(const NetworkConfig&, const LossRows<float>&, int, double*, double&);
extern template void add_losses(const NetworkConfig&, const LossRows<double>&, int, double*, double&);

}  // namespace fastgru
