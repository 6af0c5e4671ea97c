// The bytes of a file that a test has written.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace fastgru::testing {

// Reads the file and removes it.
inline std::string taken_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  stream.close();
  std::filesystem::remove(path);
  return bytes;
}

}  // namespace fastgru::testing
