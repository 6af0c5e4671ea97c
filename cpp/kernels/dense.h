// The dense head in float32, y = x W^T + b, and its gradients, over several threads. The arguments are those
// of the kernels (kernel_table.h). A call does not allocate, and its results have the same bits on any number
// of threads.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace fastgru {

// Floats of the packed weights. They should begin at a multiple of 64 bytes, as should scratch.
std::int64_t dense_packed_size(const KernelTable& kernels, std::int64_t inputs, std::int64_t outputs);

// Floats of scratch of a gradient on at most `threads` threads.
std::int64_t dense_scratch_size(int threads);

// `threads` is what usable_threads() said; fewer are used where there is little to do.
void dense_pack(const KernelTable& kernels, const DensePackArgs& args, int threads);
void dense_forward(const KernelTable& kernels, const DenseForwardArgs& args, int threads);
// args.pack: dense_scratch_size(threads) floats.
void dense_backward_input(const KernelTable& kernels, const DenseInputArgs& args, int threads);
void dense_backward_weights(const KernelTable& kernels, const DenseWeightArgs& args, int threads);

}  // namespace fastgru
