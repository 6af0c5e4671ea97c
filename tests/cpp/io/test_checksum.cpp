// The checksum of a file: the known CRC-32, and every single bit of a sealed file.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "file_bytes.h"
#include "io/checksum.h"
#include "io/crc32.h"

using namespace fastgru;

namespace {

std::string crc_of(std::string_view text) {
  Crc32 crc;
  crc.add(text.data(), text.size());
  return checksum_text(crc.value());
}

std::string sealed_file() {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fastgru-crc-" + std::to_string(std::random_device()()));
  const std::vector<float> values = {1.0f, -2.0f, 3.5f};
  TensorSource tensor;
  tensor.name = "weight";
  tensor.shape = {3};
  tensor.data = values.data();
  const Status status = write_safetensors(
      path, {tensor}, {{"a", "é\n"}, {std::string(kChecksumKey), std::string(kNoChecksum)}, {"z", ""}});
  REQUIRE(status.ok());
  return testing::taken_bytes(path);
}

// The error of reading the file and checking its checksum; empty if there is none.
std::string verdict(const std::string& file) {
  SafetensorsHeader header;
  Status status = parse_safetensors(file.data(), file.size(), &header);
  if (status.ok()) {
    status = check_checksum(header, file.size(), [&](std::uint64_t offset, void* to, std::size_t size) {
      std::memcpy(to, file.data() + offset, size);
      return Status();
    });
  }
  return status.message();
}

}  // namespace

TEST_CASE("checksum: the CRC-32 that everybody knows, in pieces as in one") {
  CHECK(crc_of("123456789") == "cbf43926");
  CHECK(crc_of("") == "00000000");
  CHECK(crc_of("a") == "e8b7be43");
  std::string text;
  for (int i = 0; i < 5000; ++i) text += static_cast<char>(i * 37);
  for (const std::size_t cut : {0, 1, 7, 8, 9, 4999}) {
    Crc32 crc;
    crc.add(text.data(), cut);
    crc.add(text.data() + cut, text.size() - cut);
    CHECK(checksum_text(crc.value()) == crc_of(text));
  }
}

TEST_CASE("checksum: no bit of a sealed file can change") {
  const std::string good = sealed_file();
  REQUIRE(verdict(good).empty());
  std::size_t by_checksum = 0;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string file = good;
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
    const std::string error = verdict(file);
    CHECK_MESSAGE(!error.empty(), "bit ", bit);
    by_checksum += error.find("ChecksumMismatch: ") == 0 ? 1 : 0;
  }
  CHECK(by_checksum > 8 * 3 * sizeof(float));  // the values of the tensor, and what JSON still reads
}

TEST_CASE("checksum: larger than a piece of reading, wherever the digits stand") {
  for (const std::size_t before : {std::size_t{1} << 14, (std::size_t{1} << 14) - 60, std::size_t{40000}}) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("fastgru-crc-" + std::to_string(std::random_device()()));
    for (std::size_t shift = 0; shift < 40; ++shift) {  // the digits across the border of two pieces
      REQUIRE(write_safetensors(path, {},
                                {{"a", std::string(before - shift, 'x')},
                                 {std::string(kChecksumKey), std::string(kNoChecksum)}})
                  .ok());
      std::ifstream stream(path, std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
      CHECK(verdict(bytes).empty());
    }
    std::filesystem::remove(path);
  }
}

TEST_CASE("checksum: a file without one") {
  const std::string good = sealed_file();
  std::string file = good;
  const std::size_t at = file.find("checksum");
  file.replace(at, 8, "checksun");
  CHECK(verdict(file) == "ChecksumMismatch: metadata key 'checksum' is missing");
}
