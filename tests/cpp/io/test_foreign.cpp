// Files of other formats are named.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "io/foreign.h"
#include "io/safetensors.h"

using namespace fastgru;
using namespace std::string_literals;

namespace {

std::string zip(const std::string& member) {
  std::string file = "PK\x03\x04"s + std::string(22, '\0');
  file += static_cast<char>(member.size());
  file += "\0\0\0"s;
  return file + member + std::string(100, '\x7f');
}

}  // namespace

TEST_CASE("foreign files: each by its first bytes") {
  const std::string rest(600, '\x01');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94"s + rest, "pickle"},
      {"\x80\x02}q"s + rest, "pickle"},
      {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19."s + rest, "before version 1.6"},
      {zip("archive/data.pkl"), "PyTorch"},
      {zip("model/data/0"), "PyTorch"},
      {zip("metadata.json"), "Keras"},
      {zip("x.npy"), ".npz"},
      {zip("a.txt"), "zip"},
      {"\x89HDF\r\n\x1a\n"s + rest, "HDF5"},
      {"\x93NUMPY\x01\0"s + rest, ".npy"},
      {"\x08\x0a\x12\x07pytorch"s + rest, "ONNX"},
      {"\x1f\x8b\x08\0\0\0\0\0"s + rest, "gzip"},
      {"BZh91AY&SY"s + rest, "bzip2"},
      {"\xfd"
       "7zXZ\0"s +
           rest,
       "xz"},
      {"\x28\xb5\x2f\xfd"s + rest, "zstd"},
      {std::string(257, '\0') + "ustar\0"s + rest, "tar"},
      {"GGUF\x03\0\0\0"s + rest, "GGUF"},
      {"{\"weights\": [1, 2]}", "JSON"},
      {"\xef\xbb\xbf [1.0, 2.0, 3.0]", "JSON"},
      {"<!DOCTYPE html><html>", "HTML"},
      {"\n<HTML lang=de>", "HTML"},
      {"<?xml version='1.0'?>", "XML"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "LFS"},
      {"a,b,c\n1,2,3\n", "text"},
      {std::string(64, '\0'), "zeros"},
  };
  for (const auto& [file, wanted] : cases) {
    CAPTURE(wanted);
    CHECK(foreign_format(file).find(wanted) != std::string::npos);
    SafetensorsHeader header;
    const Status status = parse_safetensors(file.data(), file.size(), &header);
    CHECK(status.code() == ErrorCode::model_format);
    CHECK(status.message().find("NotSafetensors: this is ") == 0);
    CHECK(status.message().find(wanted) != std::string::npos);
  }
}

TEST_CASE("foreign files: a damaged safetensors file is not called something else") {
  for (const std::string& start :
       {"\x1f\x8b\0\0\0\0\0\0"s, "\x80\x02\0\0\0\0\0\0"s, "\x08\x12\0\0\0\0\0\0"s}) {
    CHECK(foreign_format(start + "{\"a\":{}}").empty());
  }
  CHECK(foreign_format("").empty());
  CHECK(foreign_format("GRU").empty());
  CHECK(foreign_format(std::string(7, '\0')).empty());
  CHECK(foreign_format("\x01\x02\x03\x04\x05\x06\x07\x08\x09").empty());
}
