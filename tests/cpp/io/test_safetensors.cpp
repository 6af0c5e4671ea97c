// The safetensors reader and writer: good files, each named error, files that cannot be written, and
// mutations.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "io/safetensors.h"

namespace fs = std::filesystem;
using fastgru::ErrorCode;
using fastgru::SafetensorsFile;
using fastgru::SafetensorsHeader;
using fastgru::Status;
using fastgru::TensorDtype;
using fastgru::TensorInfo;
using fastgru::TensorSource;

namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string prefix(8, '\0');
  for (unsigned i = 0; i < 8; ++i) prefix[i] = static_cast<char>((length >> (8 * i)) & 255U);
  return prefix + rest;
}

std::string make_file(const std::string& json, std::size_t data_size = 0) {
  return with_length(json.size(), json + std::string(data_size, '\1'));
}

Status parse(const std::string& bytes, SafetensorsHeader* header = nullptr) {
  SafetensorsHeader unused;
  return fastgru::parse_safetensors(bytes.data(), bytes.size(), header != nullptr ? header : &unused);
}

std::string read_all(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void write_all(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A temporary directory for one test, removed at its end.
class Directory {
 public:
  Directory() {
    path_ = fs::temp_directory_path() / ("fastgru-io-" + std::to_string(std::random_device()()));
    fs::create_directory(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
  }

 private:
  fs::path path_;
};

const std::vector<float> kFloats = {1.0F, -2.5F, 3.0F, 0.0F, 5.0F, 6.0F};
const std::vector<std::uint8_t> kBytes = {1, 2, 3};

std::vector<TensorSource> two_tensors() {
  return {{"bytes", TensorDtype::u8, {3}, kBytes.data()},
          {"floats", TensorDtype::f32, {2, 3}, kFloats.data()}};
}

constexpr std::size_t kGoodDataSize = 24 + 3 + 0 + 8;

std::string good_file() {
  const Directory directory;
  const fs::path path = directory.path() / "good.safetensors";
  std::vector<TensorSource> tensors = two_tensors();
  tensors.push_back({"empty", TensorDtype::f64, {0, 7}, nullptr});
  tensors.push_back({"scalar \"\n", TensorDtype::i64, {}, kFloats.data()});
  const Status status = fastgru::write_safetensors(path, tensors, {{"kind", "GRU"}, {"config", "{\"a\":1}"}});
  REQUIRE(status.ok());
  return read_all(path);
}

}  // namespace

TEST_CASE("safetensors: reads what the safetensors crate's own test writes") {
  const std::string file =
      make_file("{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 16);
  SafetensorsHeader header;
  REQUIRE(parse(file, &header).ok());
  REQUIRE(header.tensor_count() == 1);
  const TensorInfo tensor = header.tensor(0);
  CHECK(tensor.name == "test");
  CHECK(tensor.dtype == TensorDtype::i32);
  CHECK(tensor.shape == std::vector<std::int64_t>{2, 2});
  CHECK(tensor.offset == file.size() - 16);
  CHECK(tensor.size == 16);
  CHECK(header.metadata_count() == 0);
}

TEST_CASE("safetensors: what is written is read back, and is the same whatever the order") {
  const Directory directory;
  const fs::path path = directory.path() / "m.safetensors";
  REQUIRE(fastgru::write_safetensors(path, two_tensors(), {{"b", "2"}, {"a", "\xC3\xA9"}}).ok());
  const std::string bytes = read_all(path);
  std::vector<TensorSource> reversed = two_tensors();
  std::reverse(reversed.begin(), reversed.end());
  REQUIRE(fastgru::write_safetensors(path, reversed, {{"a", "\xC3\xA9"}, {"b", "2"}}).ok());
  CHECK(read_all(path) == bytes);
  const std::string json =
      "{\"__metadata__\":{\"a\":\"\xC3\xA9\",\"b\":\"2\"},\"floats\":{\"dtype\":\"F32\",\"shape\":[2,3],"
      "\"data_offsets\":[0,24]},\"bytes\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}}";
  CHECK(bytes.substr(8, json.size()) == json);
  CHECK(static_cast<unsigned char>(bytes[0]) % 8 == 0);  // the tensors begin at a multiple of 8

  SafetensorsFile file;
  REQUIRE(SafetensorsFile::open(path, &file).ok());
  REQUIRE(file.header().tensor_count() == 2);
  CHECK(file.header().tensor(0).name == "floats");
  CHECK(file.header().metadata(0) == std::pair<std::string_view, std::string_view>("a", "\xC3\xA9"));
  CHECK(file.header().metadata(1) == std::pair<std::string_view, std::string_view>("b", "2"));
  std::vector<float> floats(6);
  REQUIRE(file.read(file.header().tensor(0), floats.data()).ok());
  CHECK(floats == kFloats);
  std::vector<std::uint8_t> small(3);
  REQUIRE(file.read(file.header().tensor(1), small.data()).ok());
  CHECK(small == kBytes);
}

TEST_CASE("safetensors: every dtype has its name and its size") {
  const std::vector<std::pair<const char*, std::size_t>> expected = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2}, {"F16", 2}, {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"C64", 8}, {"F64", 8}, {"I64", 8}, {"U64", 8}};
  REQUIRE(expected.size() == fastgru::kTensorDtypes);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto dtype = static_cast<TensorDtype>(i);
    CHECK(std::string(fastgru::dtype_name(dtype)) == expected[i].first);
    CHECK(fastgru::dtype_size(dtype) == expected[i].second);
    const std::string size = std::to_string(expected[i].second);
    SafetensorsHeader header;
    CHECK(parse(make_file("{\"a\":{\"dtype\":\"" + std::string(expected[i].first) +
                              "\",\"shape\":[1],\"data_offsets\":[0," + size + "]}}",
                          expected[i].second),
                &header)
              .ok());
    CHECK(header.tensor(0).dtype == dtype);
  }
}

TEST_CASE("safetensors: each way to be wrong has its name") {
  const std::string good = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
  auto entry = [](const char* dtype, const char* shape, const char* offsets) {
    return std::string("{\"a\":{\"dtype\":\"") + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}}";
  };
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "HeaderTooSmall"},
      {std::string(7, '\0'), "HeaderTooSmall"},
      {with_length(100000001, "{}"), "HeaderTooLarge"},
      {with_length(UINT64_MAX, "{}"), "HeaderTooLarge"},
      {with_length(std::uint64_t{1} << 63, "{}"), "HeaderTooLarge"},
      {with_length(3, "{}"), "InvalidHeaderLength"},
      {with_length(100000000, "{}"), "InvalidHeaderLength"},
      {make_file("{\"\xFF\":" + good + "}", 4), "InvalidHeaderUtf8"},
      {make_file(""), "InvalidHeaderJson"},
      {make_file("[]"), "InvalidHeaderJson"},
      {make_file("{\"a\":" + good + ",}", 4), "InvalidHeaderJson"},
      {make_file("{}}"), "InvalidHeaderJson"},
      {make_file("{\"__metadata__\":[]}"), "InvalidMetadata"},
      {make_file("{\"__metadata__\":{\"a\":1}}"), "InvalidMetadata"},
      {make_file("{\"a\":null}"), "InvalidTensorEntry"},
      {make_file("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4), "InvalidTensorEntry"},
      {make_file(entry("F32", "[-1]", "[0,4]"), 4), "InvalidTensorEntry"},
      {make_file(entry("F32", "[1]", "[0,4,8]"), 4), "InvalidTensorEntry"},
      {make_file("{\"a\":" + good + ",\"a\":" + good + "}", 4), "DuplicateKey"},
      {make_file("{\"a\":" + good + ",\"\\u0061\":" + good + "}", 4), "DuplicateKey"},
      {make_file("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}"), "DuplicateKey"},
      {make_file("{\"__metadata__\":{},\"__metadata__\":{}}"), "DuplicateKey"},
      {make_file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
       "DuplicateKey"},
      {make_file(entry("F128", "[1]", "[0,4]"), 4), "UnknownDtype"},
      {make_file(entry("BF16", "[2]", "[0,4]"), 4), "UnsupportedDtype"},
      {make_file(entry("F32", "[0]", "[0,4]"), 4), "TensorInvalidInfo"},
      {make_file(entry("F32", "[18446744073709551615]", "[0,4]"), 4), "ValidationOverflow"},
      {make_file(entry("U8", "[0,4294967296,4294967296]", "[0,0]")), "ValidationOverflow"},
      {make_file(entry("F32", "[1]", "[4,8]"), 8), "InvalidOffset"},
      {make_file(entry("F32", "[0]", "[4,0]"), 4), "InvalidOffset"},
      {make_file("{\"a\":" + good + ",\"b\":" + good + "}", 4), "InvalidOffset"},
      {make_file(entry("F32", "[2]", "[0,4]"), 4), "TensorInvalidInfo"},
      {make_file(entry("F32", "[1]", "[0,9223372036854775807]"), 4), "TensorInvalidInfo"},
      {make_file("{\"a\":" + good + "}", 5), "MetadataIncompleteBuffer"},
      {make_file("{\"a\":" + good + "}", 3), "MetadataIncompleteBuffer"},
      {make_file("{}", 1), "MetadataIncompleteBuffer"},
  };
  for (const auto& [file, name] : cases) {
    CAPTURE(file);
    const Status status = parse(file);
    CAPTURE(status.message());
    CHECK(status.code() == ErrorCode::model_format);
    CHECK(status.message().rfind(std::string(name) + ": ", 0) == 0);
  }
}

TEST_CASE("safetensors: 64 dimensions are read, 65 are not") {
  auto file = [](int dimensions) {
    std::string shape = "1";
    for (int i = 1; i < dimensions; ++i) shape += ",1";
    return make_file("{\"a\":{\"dtype\":\"U8\",\"shape\":[" + shape + "],\"data_offsets\":[0,1]}}", 1);
  };
  SafetensorsHeader header;
  REQUIRE(parse(file(64), &header).ok());
  CHECK(header.tensor(0).shape == std::vector<std::int64_t>(64, 1));
  CHECK(parse(file(65)).message().rfind("TooManyDimensions: ", 0) == 0);
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
  const std::string good = good_file();
  REQUIRE(parse(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    const std::vector<char> cut(good.begin(),
                                good.begin() + static_cast<std::ptrdiff_t>(size));  // sanitizers see its end
    SafetensorsHeader header;
    CHECK(fastgru::parse_safetensors(cut.data(), cut.size(), &header).code() == ErrorCode::model_format);
  }
}

TEST_CASE("safetensors: mutated files never crash, and what is accepted lies inside the file") {
  const std::string good = good_file();
  const std::vector<std::string> tokens = {"\"",
                                           "\\",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           ":",
                                           "0",
                                           "9",
                                           "-",
                                           "null",
                                           "\\ud800",
                                           "18446744073709551615",
                                           "9223372036854775808",
                                           "\"a\":",
                                           "\xFF",
                                           "\\u0041"};
  std::mt19937_64 random(20240607);
  auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  std::size_t accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    std::string file = good;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at =
          below(4) == 0 ? below(file.size()) : below(std::min<std::size_t>(file.size(), 300));
      switch (below(4)) {
        case 0:
          file[at] = static_cast<char>(below(256));
          break;
        case 1:
          file.insert(at, tokens[below(tokens.size())]);
          break;
        case 2:
          file.erase(at, 1 + below(8));
          break;
        default:
          file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
          break;
      }
      if (file.size() < 16) file = good;
    }
    if (below(2) == 0) {  // half of them with a corrected length, else the JSON is seldom reached
      const std::uint64_t length = std::max<std::size_t>(file.size(), 8 + kGoodDataSize) - 8 - kGoodDataSize;
      file = with_length(length, file.substr(8));
    }
    const std::vector<char> bytes(file.begin(), file.end());
    SafetensorsHeader header;
    const Status status = fastgru::parse_safetensors(bytes.data(), bytes.size(), &header);
    if (!status.ok()) {
      REQUIRE(status.code() == ErrorCode::model_format);
      REQUIRE(fastgru::is_utf8(status.message()));
      REQUIRE(status.message().size() < 400);
      continue;
    }
    ++accepted;
    for (std::size_t i = 0; i < header.tensor_count(); ++i) {
      const TensorInfo tensor = header.tensor(i);
      REQUIRE(tensor.offset <= bytes.size());
      REQUIRE(tensor.size <= bytes.size() - tensor.offset);
    }
  }
  CHECK(accepted > 1000);
}

TEST_CASE("safetensors: what could not be read back is not written") {
  const Directory directory;
  const fs::path path = directory.path() / "m.safetensors";
  auto message = [&](const std::vector<TensorSource>& tensors,
                     const std::vector<std::pair<std::string, std::string>>& metadata) {
    const Status status = fastgru::write_safetensors(path, tensors, metadata);
    CHECK(status.code() == ErrorCode::invalid_argument);
    return status.message();
  };
  const TensorSource one = {"a", TensorDtype::u8, {3}, kBytes.data()};
  CHECK(message({one, one}, {}) == "two tensors are named 'a'");
  CHECK(message({{"__metadata__", TensorDtype::u8, {3}, kBytes.data()}}, {}).find("reserved") !=
        std::string::npos);
  CHECK(message({{"\xFF", TensorDtype::u8, {3}, kBytes.data()}}, {}).find("'\\xff'") != std::string::npos);
  CHECK(message({{"a", TensorDtype::u8, {-3}, kBytes.data()}}, {}).find("negative dimension -3") !=
        std::string::npos);
  CHECK(message({{"a", TensorDtype::f64, {std::int64_t{1} << 62}, nullptr}}, {}).find("overflows") !=
        std::string::npos);
  CHECK(message({{"a", TensorDtype::u8, std::vector<std::int64_t>(65, 1), kBytes.data()}}, {})
            .find("64 dimensions") != std::string::npos);
  CHECK(message({one}, {{"k", "1"}, {"k", "2"}}) == "two metadata keys are 'k'");
  CHECK(message({one}, {{"k", "\xC0\x80"}}).find("not UTF-8") != std::string::npos);
  CHECK(message({one}, {{"k", std::string(100000001, 'x')}}).find("100 MB") != std::string::npos);
  CHECK(directory.entries() == 0);
}

TEST_CASE("safetensors: files that are not there, or not files") {
  const Directory directory;
  SafetensorsFile file;
  int code = 0;
  const Status missing = SafetensorsFile::open(directory.path() / "no\nfile", &file, &code);
  CHECK(missing.code() == ErrorCode::io_error);
  CHECK(missing.message().find("no\\x0afile") != std::string::npos);
  CHECK(code == ENOENT);
  CHECK(SafetensorsFile::open(directory.path(), &file, &code).code() == ErrorCode::io_error);
  CHECK(code == EISDIR);
  CHECK(fastgru::write_safetensors(directory.path(), two_tensors(), {}, &code).code() == ErrorCode::io_error);
  CHECK(code == EISDIR);
  const fs::path nowhere = directory.path() / "none" / "m.safetensors";
  CHECK(fastgru::write_safetensors(nowhere, two_tensors(), {}, &code).code() == ErrorCode::io_error);
  CHECK(code == ENOENT);
  CHECK(directory.entries() == 0);
}

TEST_CASE("safetensors: an error in a file names the file") {
  const Directory directory;
  const fs::path path = directory.path() / "bad.safetensors";
  write_all(path, make_file("{}", 1));
  SafetensorsFile file;
  const Status status = SafetensorsFile::open(path, &file);
  CHECK(status.code() == ErrorCode::model_format);
  CHECK(status.message().find("bad.safetensors': MetadataIncompleteBuffer: ") != std::string::npos);
}

TEST_CASE("safetensors: a file that shrinks while it is read is an error, not a crash") {
  const Directory directory;
  const fs::path path = directory.path() / "m.safetensors";
  write_all(path, good_file());
  SafetensorsFile file;
  REQUIRE(SafetensorsFile::open(path, &file).ok());
  fs::resize_file(path, fs::file_size(path) - 30);
  std::vector<char> bytes(64);
  Status last;
  for (std::size_t i = 0; i < file.header().tensor_count(); ++i) {
    const Status status = file.read(file.header().tensor(i), bytes.data());
    if (!status.ok()) last = status;
  }
  CHECK(last.code() == ErrorCode::io_error);
}

TEST_CASE("safetensors: replacing keeps permissions and links, and leaves nothing behind") {
  const Directory directory;
  const fs::path target = directory.path() / "real.safetensors";
  const fs::path link = directory.path() / "link.safetensors";
  write_all(target, "old");
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("real.safetensors", link);
  REQUIRE(fastgru::write_safetensors(link, two_tensors(), {}).ok());
  CHECK(fs::is_symlink(link));
  CHECK(parse(read_all(target)).ok());
  CHECK(fs::status(target).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(directory.entries() == 2);
}
