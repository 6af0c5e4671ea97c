// The loops that gather samples into a dense block (steps, rows, width) and encode each step.
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
    if (block.framing != nullptr) return run_frames(item);
    const std::int64_t begin = item * kRows, end = std::min(block.rows, begin + kRows);
    const Source* starts[kRows];
    std::int64_t strides[kRows], lengths[kRows];
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t sample = block.sample(b), skip = block.skip == nullptr ? 0 : block.skip[b];
      strides[b - begin] = source.stride(sample);
      starts[b - begin] = source.start<Source>(sample) + skip * strides[b - begin];
      lengths[b - begin] = block.length(b);
    }
    for (std::int64_t t = 0; t < block.steps; ++t) {
      for (std::int64_t b = begin; b < end; ++b) {
        S* to = out + (t * block.rows + b) * width;
        if (t < lengths[b - begin]) {
          encode(starts[b - begin] + t * strides[b - begin], to);
        } else {
          std::fill_n(to, width, S(0));
        }
      }
    }
  }

  void run_frames(std::int64_t item) const {
    const std::int64_t end = std::min(block.rows, (item + 1) * kRows),
                       step = block.framing->options.frame_step;
    for (std::int64_t b = item * kRows; b < end; ++b) {
      const std::int64_t sample = block.sample(b), skip = block.skip == nullptr ? 0 : block.skip[b];
      const std::int64_t first = block.framing->first(sample) + skip * step;
      for (std::int64_t t = 0; t < block.steps; ++t) {
        S* to = out + (t * block.rows + b) * width;
        if (t < block.length(b)) {
          encode_frame(sample, first + t * step, to);
        } else {
          std::fill_n(to, width, S(0));
        }
      }
    }
  }

  // The time steps before a sample's first are zeros.
  void encode_frame(std::int64_t sample, std::int64_t first, S* to) const {
    const std::int64_t count = block.framing->count(), each = width / count;
    for (std::int64_t t = first; t < first + count; ++t, to += each) {
      if (t < 0) {
        std::fill_n(to, each, S(0));
      } else {
        encode(source.start<Source>(sample) + t * source.stride(sample), to);
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
