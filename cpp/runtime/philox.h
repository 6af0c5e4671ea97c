// Philox4x32-10: counter-based random numbers (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011). A number is a pure function of (key, position), so results do not depend on threads or on the
// order of work.
#pragma once

#include <array>
#include <cstdint>

namespace fastgru {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// Four 32-bit numbers for position (`counter`, `stream`) under `key`.
inline PhiloxBlock philox(std::uint64_t key, std::uint64_t counter, std::uint64_t stream) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  PhiloxBlock c = {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                   static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// The streams in use, so that no two purposes share random numbers. dropout_layer carries the layer above its
// low 8 bits; layer 0 has no masks, and nn/data/shuffle.h keys the seed of a training step there.
enum class RandomStream : std::uint64_t {
  dropout_layer = 1,
  dropout_head = 2,
  shuffle = 3,
  shuffle_batches = 4,
  dropout_input = 5,
  dropout_recurrent = 6,
  sampling = 7  // the row above its low 8 bits
};

}  // namespace fastgru
