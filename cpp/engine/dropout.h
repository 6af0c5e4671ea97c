// Inverted dropout whose mask is a pure function of (seed, stream, position): the same at any thread count,
// and recomputed in the backward pass instead of being stored.
#pragma once

#include <cstdint>

#include "runtime/philox.h"

namespace fastgru {

// out[i] = in[i] / (1 - p) where position `first + i` is kept, else 0. `in` and `out` may be the same.
template <class S>
void dropout(const S* in, S* out, std::int64_t count, std::int64_t first, double p, std::uint64_t seed,
             std::uint64_t stream) {
  const std::uint32_t threshold = static_cast<std::uint32_t>(p * 4294967296.0);
  const S scale = static_cast<S>(1.0 / (1.0 - p));
  PhiloxBlock block{};
  std::int64_t current = -1;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t position = first + i;
    if (position / 4 != current) {
      current = position / 4;
      block = philox(seed, static_cast<std::uint64_t>(current), stream);
    }
    out[i] = block[static_cast<std::size_t>(position % 4)] >= threshold ? in[i] * scale : S(0);
  }
}

// The stream of the masks on the input of `layer` (1 and up).
inline std::uint64_t layer_dropout_stream(std::int64_t layer) {
  return static_cast<std::uint64_t>(RandomStream::dropout_layer) | static_cast<std::uint64_t>(layer) << 8;
}

}  // namespace fastgru
