// The dense head's products and packing, split over threads.
#include "kernels/dense.h"

#include <algorithm>

#include "kernels/pack.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

constexpr double kLeastProducts = 5e6;  // of a thread: some 0.1 ms
constexpr double kLeastCopies = 3e5;    // floats packed, likewise
constexpr std::int64_t kPartsPerThread = 4;

// How `count` units (vectors, tiles of rows) with `work` each are split: parts, at most `threads` of them at
// a time. Several parts a thread, so that a thread that was held up leaves some to the others, but only where
// a part is still worth it.
struct Split {
  std::int64_t count, parts;
  int threads;
  std::int64_t begin(std::int64_t part) const { return count * part / parts; }
};

Split split(std::int64_t count, double work, double least, int threads) {
  const double worth = std::max(1.0, static_cast<double>(count) * work / least);
  const double most = static_cast<double>(threads) * (threads > 1 ? kPartsPerThread : 1);
  const auto parts = static_cast<std::int64_t>(std::min({worth, most, static_cast<double>(count)}));
  return {count, std::max<std::int64_t>(parts, 1),
          static_cast<int>(std::min<std::int64_t>(threads, std::max<std::int64_t>(parts, 1)))};
}

// body(first, last, thread) for every part, in units.
template <class Body>
void for_parts(const Split& s, Body body) {
  if (s.parts == 1) {
    body(std::int64_t{0}, s.count, 0);
    return;
  }
  parallel_for(s.parts, s.threads,
               [&](std::int64_t part, int thread) { body(s.begin(part), s.begin(part + 1), thread); });
}

double products(std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  return static_cast<double>(rows) * static_cast<double>(inputs) * static_cast<double>(outputs);
}

constexpr std::int64_t kUnitRows = 8;  // the most rows of a tile

std::int64_t units_of(std::int64_t count, std::int64_t size) { return (count + size - 1) / size; }

// Rows that a thread must at least have where all threads pack, or read, the same weights.
constexpr std::int64_t kFewRows = 128;

bool by_rows(std::int64_t rows, int threads) { return rows >= kFewRows * threads; }

}  // namespace

std::int64_t dense_packed_size(const KernelTable& kernels, std::int64_t inputs, std::int64_t outputs) {
  return packed_size(inputs, outputs, 1, kernels.lanes);
}

std::int64_t dense_scratch_size(int threads) { return kDensePack * threads; }

void dense_pack(const KernelTable& kernels, const DensePackArgs& args, int threads) {
  const std::int64_t lanes = kernels.lanes, panels = panel_count(args.outputs, lanes);
  const Split s = split(panels, static_cast<double>(lanes * args.inputs), kLeastCopies, threads);
  for_parts(s, [&](std::int64_t first, std::int64_t last, int) {
    DensePackArgs part = args;
    part.outputs = std::min(last * lanes, args.outputs) - first * lanes;
    part.weight += first * lanes * args.inputs;
    part.weights += first * lanes * args.inputs;
    kernels.dense_pack(part);
  });
}

void dense_forward(const KernelTable& kernels, const DenseForwardArgs& args, int threads) {
  const double all = products(args.rows, args.inputs, args.outputs);
  if (threads <= 1 || all < 2 * kLeastProducts) {
    kernels.dense_forward(args);
    return;
  }
  const std::int64_t unit = by_rows(args.rows, threads) ? kUnitRows : kernels.lanes;
  const std::int64_t count = units_of(by_rows(args.rows, threads) ? args.rows : args.outputs, unit);
  const Split s = split(count, all / static_cast<double>(count), kLeastProducts, threads);
  for_parts(s, [&](std::int64_t first, std::int64_t last, int) {
    DenseForwardArgs part = args;
    const std::int64_t begin = first * unit;
    if (by_rows(args.rows, threads)) {
      part.rows = std::min(last * unit, args.rows) - begin;
      part.x += begin * args.x_stride;
      part.y += begin * args.y_stride;
    } else {
      part.outputs = std::min(last * unit, args.outputs) - begin;
      part.weights += begin * args.inputs;
      part.y += begin;
      if (part.bias != nullptr) part.bias += begin;
    }
    kernels.dense_forward(part);
  });
}

void dense_backward_input(const KernelTable& kernels, const DenseInputArgs& args, int threads) {
  const std::int64_t unit = by_rows(args.rows, threads) ? kUnitRows : kernels.lanes;
  const std::int64_t count = units_of(by_rows(args.rows, threads) ? args.rows : args.inputs, unit);
  const double all = products(args.rows, args.inputs, args.outputs);
  const Split s = split(count, all / static_cast<double>(count), kLeastProducts, threads);
  for_parts(s, [&](std::int64_t first, std::int64_t last, int thread) {
    DenseInputArgs part = args;
    const std::int64_t begin = first * unit;
    part.pack += thread * kDensePack;
    if (by_rows(args.rows, threads)) {
      part.rows = std::min(last * unit, args.rows) - begin;
      part.dy += begin * args.dy_stride;
      part.dx += begin * args.dx_stride;
    } else {
      part.inputs = std::min(last * unit, args.inputs) - begin;
      part.weight += begin;
      part.dx += begin;
    }
    kernels.dense_input_gradient(part);
  });
}

// By outputs, two vectors of them at least; where they are too few, by inputs.
void dense_backward_weights(const KernelTable& kernels, const DenseWeightArgs& args, int threads) {
  const bool by_inputs = args.outputs < 2 * kernels.lanes * threads;
  const std::int64_t unit = by_inputs ? kernels.lanes : 2 * kernels.lanes;
  const std::int64_t count = units_of(by_inputs ? args.inputs : args.outputs, unit);
  const double all = products(args.rows, args.inputs, args.outputs);
  const Split s = split(count, all / static_cast<double>(count), kLeastProducts, threads);
  for_parts(s, [&](std::int64_t first, std::int64_t last, int thread) {
    DenseWeightArgs part = args;
    const std::int64_t begin = first * unit;
    part.pack += thread * kDensePack;
    if (by_inputs) {
      part.inputs = std::min(last * unit, args.inputs) - begin;
      part.x += begin;
      part.dw += begin;
      if (begin > 0) part.dbias = nullptr;  // the first part's
    } else {
      part.outputs = std::min(last * unit, args.outputs) - begin;
      part.dy += begin;
      part.dw += begin * args.dw_stride;
      if (part.dbias != nullptr) part.dbias += begin;
    }
    kernels.dense_weight_gradient(part);
  });
}

}  // namespace fastgru
