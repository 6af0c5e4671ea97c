// Checks the checksum of a safetensors file.
#include "io/checksum.h"

#include <algorithm>
#include <array>

#include "io/crc32.h"
#include "io/safetensors_format.h"

namespace fastgru {
namespace {

// A part of a file.
struct Piece {
  std::array<char, 1U << 14> bytes;
  std::uint64_t offset = 0;
  std::size_t size = 0;

  // Writes zeros over the digits, which begin at `place` of the file.
  void blank(std::uint64_t place) {
    for (std::size_t i = 0; i < kNoChecksum.size(); ++i) {
      const std::uint64_t digit = place + i;
      if (digit >= offset && digit < offset + size) bytes[digit - offset] = kNoChecksum[i];
    }
  }
};

Status compute(std::uint64_t file_size, std::uint64_t place, const ReadBytes& read, Crc32& crc) {
  Piece piece;
  for (piece.offset = 0; piece.offset < file_size; piece.offset += piece.size) {
    piece.size =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.bytes.size(), file_size - piece.offset));
    FASTGRU_RETURN_IF_ERROR(read(piece.offset, piece.bytes.data(), piece.size));
    piece.blank(place);
    crc.add(piece.bytes.data(), piece.size);
  }
  return {};
}

}  // namespace

std::string checksum_text(std::uint32_t crc) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(crc >> shift) & 15U];
  return text;
}

Status check_checksum(const SafetensorsHeader& header, std::uint64_t file_size, const ReadBytes& read) {
  for (std::size_t i = 0; i < header.metadata_count(); ++i) {
    const auto [key, said] = header.metadata(i);
    if (key != kChecksumKey) continue;
    Crc32 crc;
    FASTGRU_RETURN_IF_ERROR(compute(file_size, header.metadata_offset(i), read, crc));
    const std::string found = checksum_text(crc.value());
    if (found == said) return {};
    return model_error("ChecksumMismatch", "the bytes of the file give the checksum " + found +
                                               ", its metadata say " + in_quotes(said) +
                                               ": the file was damaged or changed after it was saved");
  }
  return model_error("ChecksumMismatch", "metadata key 'checksum' is missing");
}

}  // namespace fastgru
