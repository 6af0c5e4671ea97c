// The checksum of a safetensors file: the CRC-32 of all its bytes, as eight hexadecimal digits in its
// metadata. The digits themselves count as zeros. Any single changed bit, and any change within 32 bits, is
// found.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "io/safetensors.h"
#include "runtime/status.h"

namespace fastgru {

inline constexpr std::string_view kChecksumKey = "checksum";
// As the value of that key: write_safetensors() writes the file's checksum in its place.
inline constexpr std::string_view kNoChecksum = "00000000";

std::string checksum_text(std::uint32_t crc);

// Copies a part of the file.
using ReadBytes = std::function<Status(std::uint64_t offset, void* to, std::size_t size)>;

// An error if the metadata have no checksum, or another than the bytes of the file.
Status check_checksum(const SafetensorsHeader& header, std::uint64_t file_size, const ReadBytes& read);

}  // namespace fastgru
