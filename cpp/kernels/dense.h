// The three products of a dense layer, y = x W^T + b, in float32 on the kernels of one table.
//
// Every output and every gradient by x is one FMA chain, of a logit in the order of the inputs from the bias
// on, of dx in the order of the outputs. Gradients of the weights are summed in blocks of kBlockRows rows. So
// the bits do not depend on the rows that are computed together, nor on the threads.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "runtime/aligned.h"

namespace fastgru {

struct DenseShape {
  std::int64_t inputs = 0, outputs = 0;
};

// Floats of the packed weights; the packing itself, from `weight` (outputs, inputs).
std::int64_t dense_packed_size(const KernelTable& kernels, const DenseShape& shape);
void dense_pack(const KernelTable& kernels, const DenseShape& shape, const float* weight, float* packed);

struct DenseForward {
  const float* x = nullptr;  // (rows, inputs)
  std::int64_t rows = 0;
  const float* packed = nullptr;
  const float* bias = nullptr;  // (outputs)
  float* y = nullptr;           // (rows, outputs)
  int threads = 1;
};

void dense_forward(const KernelTable& kernels, const DenseShape& shape, const DenseForward& args);

struct DenseBackward {
  const float* x = nullptr;   // (rows, inputs)
  const float* dy = nullptr;  // (rows, outputs)
  std::int64_t rows = 0;
  const float* weight = nullptr;  // (outputs, inputs)
  float* dx = nullptr;            // (rows, inputs), null: not wanted
  float* dweight = nullptr;       // (outputs, inputs)
  float* dbias = nullptr;         // (outputs)
  float* scratch = nullptr;       // dense_scratch_size() floats
  int threads = 1;
};

std::int64_t dense_scratch_size(const KernelTable& kernels, const DenseShape& shape, int threads);
// Overwrites the gradients.
void dense_backward(const KernelTable& kernels, const DenseShape& shape, const DenseBackward& args);

// How many threads a product of this shape is worth.
int dense_threads(const DenseShape& shape, std::int64_t rows, int requested);

}  // namespace fastgru
