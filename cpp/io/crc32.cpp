// CRC-32, eight bytes at a time: a table for each byte's distance to the end.
#include "io/crc32.h"

#include <array>

namespace fastgru {
namespace {

constexpr std::size_t kWidth = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kWidth>;

// Made on the first call: as constants the tables would cost the library 8 KiB.
Tables make_tables() {
  constexpr std::uint32_t kPolynomial = 0xEDB88320U;
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    tables[0][byte] = value;
  }
  for (std::size_t distance = 1; distance < kWidth; ++distance) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[distance - 1][byte];
      tables[distance][byte] = (before >> 8) ^ tables[0][before & 255U];
    }
  }
  return tables;
}

std::uint32_t word_at(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

}  // namespace

void Crc32::add(const void* bytes, std::size_t size) {
  static const Tables tables = make_tables();
  const auto* next = static_cast<const unsigned char*>(bytes);
  std::uint32_t state = state_;
  for (; size >= kWidth; size -= kWidth, next += kWidth) {
    const std::uint32_t low = state ^ word_at(next), high = word_at(next + 4);
    state = tables[7][low & 255U] ^ tables[6][(low >> 8) & 255U] ^ tables[5][(low >> 16) & 255U] ^
            tables[4][low >> 24] ^ tables[3][high & 255U] ^ tables[2][(high >> 8) & 255U] ^
            tables[1][(high >> 16) & 255U] ^ tables[0][high >> 24];
  }
  for (; size > 0; --size, ++next) state = (state >> 8) ^ tables[0][(state ^ *next) & 255U];
  state_ = state;
}

}  // namespace fastgru
