// The JSON reader: it accepts and refuses the same texts as serde_json.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/json.h"

using fastgru::JsonKind;
using fastgru::JsonNumber;
using fastgru::JsonReader;
using fastgru::JsonSpan;
using fastgru::Status;

namespace {

Status parse_whole(std::string text) {
  JsonReader reader(text.data(), text.size());
  FASTGRU_RETURN_IF_ERROR(reader.skip_value());
  return reader.finish();
}

// The string that the JSON `text` encodes, or the error's message.
std::string decoded(std::string text) {
  JsonReader reader(text.data(), text.size());
  JsonSpan span;
  const Status status = reader.read_string(&span);
  return status.ok() ? text.substr(span.begin, span.size) : status.message();
}

std::string repeated(std::string_view piece, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += piece;
  return out;
}

}  // namespace

TEST_CASE("json: what is right is accepted") {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "10",
                           "1.5",
                           "-1.5e-3",
                           "1E5",
                           "1e+5",
                           "0e99999999999",
                           "1e-99999999999",
                           "123456789012345678901234567890",
                           "1e308",
                           "1.7976931348623157e308",
                           "\"\"",
                           "[]",
                           "{}",
                           "[1,2]",
                           "[[],{}]",
                           " [ 1 , { \"a\" : [ ] , \"b\" : null } ] ",
                           "\t\n\r1",
                           "{\"a\":1,\"a\":2}",
                           "\"\x7f\"",
                           "\"\\u0000\""}) {
    CAPTURE(text);
    CHECK(parse_whole(text).ok());
  }
}

TEST_CASE("json: what is wrong is refused, with the byte where it is") {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"", "expected a value at byte 0"},
      {"  ", "expected a value at byte 2"},
      {"nul", "expected a value at byte 3"},
      {"True", "expected a value at byte 0"},
      {"NaN", "expected a value at byte 0"},
      {"Infinity", "expected a value at byte 0"},
      {"'a'", "expected a value at byte 0"},
      {"01", "leading zero"},
      {"-", "expected a number at byte 1"},
      {"-a", "expected a number"},
      {"+1", "expected a value"},
      {".5", "expected a value"},
      {"1.", "digit after the decimal point at byte 2"},
      {"1.e5", "digit after the decimal point"},
      {"1e", "digit in the exponent"},
      {"1e+", "digit in the exponent"},
      {"1e309", "out of range"},
      {"1e99999999999", "out of range"},
      {"1.8e308", "out of range"},
      {"0x10", "characters after the end"},
      {"1 2", "characters after the end"},
      {"null}", "characters after the end"},
      {"[1,]", "trailing comma"},
      {"[,1]", "expected a value"},
      {"[1 2]", "expected ',' or ']'"},
      {"[1", "expected ',' or ']'"},
      {"[", "expected a value at byte 1"},
      {"]", "expected a value"},
      {"[}", "expected a value"},
      {"[1}", "expected ',' or ']'"},
      {"{\"a\":1]", "expected ',' or '}'"},
      {"{\"a\":1,}", "trailing comma"},
      {"{\"a\"}", "expected ':'"},
      {"{\"a\":}", "expected a value"},
      {"{a:1}", "key in quotes"},
      {"{1:1}", "key in quotes"},
      {"{", "key in quotes"},
      {"{\"a\":1", "expected ',' or '}'"},
      {"\"a", "unfinished string at byte 2"},
      {"\"a\\", "unknown escape"},
      {"\"\\x\"", "unknown escape"},
      {"\"\\u12\"", "four hexadecimal digits"},
      {"\"\\u12g4\"", "four hexadecimal digits"},
      {"\"\\ud800\"", "high surrogate without its low one"},
      {"\"\\ud800\\n\"", "high surrogate without its low one"},
      {"\"\\ud800\\u0041\"", "high surrogate without its low one"},
      {"\"\\udc00\"", "low surrogate without its high one"},
      {"\"\n\"", "control character"},
      {"\"\x1f\"", "control character"},
      {"/* */1", "expected a value"},
  };
  for (const auto& [text, what] : cases) {
    CAPTURE(text);
    const Status status = parse_whole(text);
    CHECK(status.code() == fastgru::ErrorCode::model_format);
    CHECK(status.message().rfind("InvalidHeaderJson: ", 0) == 0);
    CHECK(status.message().find(what) != std::string::npos);
  }
}

TEST_CASE("json: a NUL byte is no white space and no end") {
  CHECK_FALSE(parse_whole(std::string("1\0", 2)).ok());
  CHECK_FALSE(parse_whole(std::string("\0", 1)).ok());
  CHECK_FALSE(parse_whole(std::string("[1\0]", 4)).ok());
}

TEST_CASE("json: nesting is limited, and costs no stack") {
  CHECK(parse_whole(repeated("[", 127) + repeated("]", 127)).ok());
  CHECK(parse_whole(repeated("[", 128) + repeated("]", 128)).message().find("127 levels at byte 127") !=
        std::string::npos);
  CHECK_FALSE(parse_whole(repeated("{\"a\":", 1000000)).ok());
  CHECK(parse_whole("[" + repeated("[[]],", 1000) + "[]]").ok());  // wide, but not deep
}

TEST_CASE("json: strings are decoded") {
  CHECK(decoded("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"") == "a\"\\/\b\f\n\r\tz");
  CHECK(decoded("\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(decoded("\"\\u0000\"") == std::string(1, '\0'));
  CHECK(decoded(" \"\"") == "");
  CHECK(decoded("1") == "InvalidHeaderJson: expected a string at byte 0 of the header");
}

TEST_CASE("json: unsigned integers are told from other numbers") {
  auto number = [](std::string text) {
    JsonReader reader(text.data(), text.size());
    JsonNumber out;
    CHECK(reader.read_number(&out).ok());
    return out;
  };
  CHECK(number("0").is_unsigned);
  CHECK(number("18446744073709551615").value == 18446744073709551615U);
  for (const char* text : {"18446744073709551616", "-1", "-0", "1.0", "1e0", "100000000000000000000"}) {
    CAPTURE(text);
    CHECK_FALSE(number(text).is_unsigned);
  }
}

TEST_CASE("json: objects and arrays are walked through") {
  std::string text = "{\"a\": [7, 8], \"b\": {\"c\": null}, \"d\": \"e\"}";
  JsonReader reader(text.data(), text.size());
  bool more = false;
  JsonSpan span;
  JsonNumber number;
  JsonKind kind = JsonKind::null;
  REQUIRE(reader.begin_object().ok());
  REQUIRE(reader.next_key(&more, &span).ok());
  CHECK(text.substr(span.begin, span.size) == "a");
  REQUIRE(reader.begin_array().ok());
  std::vector<std::uint64_t> values;
  while (reader.next_element(&more).ok() && more) {
    REQUIRE(reader.read_number(&number).ok());
    values.push_back(number.value);
  }
  CHECK(values == std::vector<std::uint64_t>{7, 8});
  REQUIRE(reader.next_key(&more, &span).ok());
  REQUIRE(reader.peek(&kind).ok());
  CHECK(kind == JsonKind::object);
  REQUIRE(reader.skip_value().ok());
  REQUIRE(reader.next_key(&more, &span).ok());
  REQUIRE(reader.read_string(&span).ok());
  CHECK(text.substr(span.begin, span.size) == "e");
  REQUIRE(reader.next_key(&more, &span).ok());
  CHECK_FALSE(more);
  CHECK(reader.finish().ok());
}

TEST_CASE("json: UTF-8 is checked to the bit") {
  for (const char* good : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(good);
    CHECK(fastgru::is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
                          "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF0\x90\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xFE"}) {
    CAPTURE(bad);
    std::size_t position = 0;
    CHECK_FALSE(fastgru::is_utf8(std::string("ab") + bad, &position));
    CHECK(position == 2);
  }
}

TEST_CASE("json: what is written can be read, whatever the string") {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\xC3\xA9\xF0\x9F\x98\x80";
  std::string json;
  fastgru::append_json_string(all, &json);
  CHECK(fastgru::is_utf8(json));
  CHECK(decoded(json) == all);
  std::string control;
  fastgru::append_json_string(std::string_view("\0\x1f\n\"\\/", 6), &control);
  CHECK(control == "\"\\u0000\\u001f\\n\\\"\\\\/\"");
}

TEST_CASE("json: names in messages are short and printable") {
  CHECK(fastgru::in_quotes("gru.weight") == "'gru.weight'");
  CHECK(fastgru::in_quotes("a\x1b[2J\n\xFF\xC2\x85\xC3\xA9") == "'a\\x1b[2J\\x0a\\xff\\xc2\\x85\xC3\xA9'");
  const std::string longest = fastgru::in_quotes(std::string(1000000, 'x'));
  CHECK(longest.size() < 100);
  CHECK(fastgru::is_utf8(longest));
}
