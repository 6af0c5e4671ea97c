// Recognises files of other formats by their first bytes.
#include "io/foreign.h"

#include <algorithm>
#include <array>

#include "io/json.h"

namespace fastgru {
namespace {

struct Signature {
  std::string_view bytes;
  const char* name;
  std::size_t offset = 0;
};

using namespace std::string_view_literals;

// The first that matches counts.
constexpr std::array<Signature, 11> kSignatures = {{
    {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9"sv, "a PyTorch checkpoint in the format before version 1.6"},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file, as Keras writes it (.h5)"},
    {"\x93NUMPY"sv, "a NumPy array (.npy)"},
    {"\x1f\x8b"sv, "a gzip-compressed file"},
    {"BZh"sv, "a bzip2-compressed file"},
    {"\xfd"
     "7zXZ\0"sv,
     "an xz-compressed file"},
    {"\x28\xb5\x2f\xfd"sv, "a zstd-compressed file"},
    {"ustar"sv, "a tar archive", 257},
    {"GGUF"sv, "a GGUF file"},
    {"TFL3"sv, "a TensorFlow Lite model", 4},
    {"PAR1"sv, "a Parquet file"},
}};

bool stands_at(std::string_view text, std::size_t offset, std::string_view wanted) {
  return text.size() >= offset + wanted.size() && text.substr(offset, wanted.size()) == wanted;
}

unsigned byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

// A zip archive, by the name of its first member.
const char* zip_format(std::string_view start) {
  constexpr std::size_t kName = 30;
  const std::size_t size = byte_at(start, 26) | byte_at(start, 27) << 8;
  const std::string_view name = start.size() > kName ? start.substr(kName, size) : std::string_view();
  const auto ends_in = [&](std::string_view end) {
    return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
  };
  if (name.find("/data") != std::string_view::npos) {
    return "a PyTorch checkpoint (.pt, .pth): GRU.load_state_dict takes the tensors that torch.load gives";
  }
  if (ends_in(".npy")) return "a NumPy archive (.npz)";
  if (name == "metadata.json" || name == "config.json") return "a Keras model (.keras)";
  return "a zip archive";
}

// The protocol buffer of an ONNX model: field 1, the IR version, then one of ModelProto's other fields.
bool may_be_onnx(std::string_view start) {
  constexpr std::string_view kNext = "\x12\x1a\x22\x28\x32\x3a\x42";
  return byte_at(start, 0) == 0x08 && byte_at(start, 1) >= 1 && byte_at(start, 1) < 64 && start.size() > 2 &&
         kNext.find(start[2]) != std::string_view::npos;
}

bool is_text(std::string_view start) {
  if (start.size() < 8) return false;
  std::size_t bad = 0;
  if (!is_utf8(start, &bad) && bad + 4 < start.size()) return false;  // the last character may be cut
  return std::all_of(start.begin(), start.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
}

// A text by its first word.
const char* text_format(std::string_view start) {
  if (stands_at(start, 0, "\xef\xbb\xbf")) start.remove_prefix(3);
  start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  const auto begins = [&](std::string_view word) {
    return start.size() >= word.size() &&
           std::equal(word.begin(), word.end(), start.begin(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
  };
  if (begins("version https://git-lfs")) {
    return "a pointer of Git LFS, which stands for the file itself: `git lfs pull` fetches it";
  }
  if (begins("<!doctype html") || begins("<html") || begins("<head")) return "a web page (HTML)";
  if (begins("<")) return "an XML file";
  if (begins("{") || begins("[")) return "JSON";
  return "a text file";
}

}  // namespace

std::string foreign_format(std::string_view start) {
  start = start.substr(0, kForeignStart);
  if (is_text(start)) return text_format(start);
  // The length of a safetensors header may happen to look like one of the short signatures below.
  if (byte_at(start, 8) == '{') return {};
  for (const Signature& signature : kSignatures) {
    if (stands_at(start, signature.offset, signature.bytes)) return signature.name;
  }
  if (stands_at(start, 0, "PK\x03\x04")) return zip_format(start);
  if (byte_at(start, 0) == 0x80 && byte_at(start, 1) >= 2 && byte_at(start, 1) <= 5) {
    return "a Python pickle, as pickle, joblib and torch.save write it";
  }
  if (may_be_onnx(start)) return "a protocol buffer, such as an ONNX model";
  const bool zeros = std::all_of(start.begin(), start.end(), [](char c) { return c == '\0'; });
  return zeros && start.size() > 8 ? "zeros, as a broken copy leaves them" : std::string();
}

}  // namespace fastgru
