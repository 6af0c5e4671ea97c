// CRC-32, the checksum of zlib, PNG and gzip.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastgru {

class Crc32 {
 public:
  void add(const void* bytes, std::size_t size);
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = 0xFFFFFFFFU;
};

}  // namespace fastgru
