// The loop that gathers samples into a dense block (steps, rows, width) and encodes each step.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nn/data/samples.h"
#include "runtime/threads.h"

namespace fastgru {

// The work of one parallel_for, which captures a single pointer and so allocates nothing.
template <class S, class Source, class Encode>
struct Gather {
  static constexpr std::int64_t kRows = 32;  // per item: their cache lines stay in L1 over several steps

  const SampleArray& source;
  const BlockRows& block;
  std::int64_t width;
  const Encode& encode;
  S* out;

  void run(std::int64_t item) const {
    const std::int64_t begin = item * kRows, end = std::min(block.rows, begin + kRows);
    const std::int64_t count = block.framing == nullptr ? 1 : block.framing->count(), each = width / count;
    const std::int64_t step = block.framing == nullptr ? 1 : block.framing->options.frame_step;
    const Source* starts[kRows];
    std::int64_t firsts[kRows], strides[kRows], lengths[kRows];
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t sample = block.sample(b), skip = block.skip == nullptr ? 0 : block.skip[b];
      starts[b - begin] = source.start<Source>(sample);
      firsts[b - begin] = skip * step + (block.framing == nullptr ? 0 : block.framing->first(sample));
      strides[b - begin] = source.stride(sample);
      lengths[b - begin] = block.length(b);
    }
    for (std::int64_t t = 0; t < block.steps; ++t) {
      for (std::int64_t b = begin; b < end; ++b) {
        S* to = out + (t * block.rows + b) * width;
        const bool there = t < lengths[b - begin];
        const std::int64_t first = firsts[b - begin] + t * step;
        for (std::int64_t i = first; i < first + count; ++i, to += each) {
          if (there && i >= 0) {  // below 0: in a frame, before the sequence
            encode(starts[b - begin] + i * strides[b - begin], to);
          } else {
            std::fill_n(to, each, S(0));
          }
        }
      }
    }
  }

  void run_all(int threads) const {
    constexpr std::int64_t kWorthAThread = 1 << 18;
    const std::int64_t items = (block.rows + kRows - 1) / kRows;
    if (block.rows * block.steps * width < kWorthAThread) threads = 1;
    parallel_for(items, threads, [this](std::int64_t item, int) { run(item); });
  }
};

// encode(const Source* from, S* to) encodes a time step; the time steps of a frame have `width` values
// together. Steps beyond a row's length become zeros.
template <class S, class Encode>
void gather_steps(const SampleArray& source, const BlockRows& block, std::int64_t width, const Encode& encode,
                  S* out, int threads) {
  if (source.type == SampleType::float64) {
    Gather<S, double, Encode>{source, block, width, encode, out}.run_all(threads);
  } else if (source.type == SampleType::float32) {
    Gather<S, float, Encode>{source, block, width, encode, out}.run_all(threads);
  } else {
    Gather<S, std::int64_t, Encode>{source, block, width, encode, out}.run_all(threads);
  }
}

}  // namespace fastgru
