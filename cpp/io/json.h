// A pull parser for untrusted JSON. It is as strict as the parser of the safetensors package (serde_json), so
// that both accept the same headers. It builds no tree and does not recurse: a hostile header costs no more
// memory than its text.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/status.h"

namespace fastgru {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

// The place of a decoded string in the reader's text.
struct JsonSpan {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

struct JsonNumber {
  bool is_unsigned = false;  // written without sign, fraction or exponent, and below 2^64
  std::uint64_t value = 0;   // only if is_unsigned
};

// Use: peek() gives the kind of the next value; read_…, begin_… or skip_value() consume it. Inside an object
// call next_key() until `more` is false, inside an array next_element(), and consume one value after each
// call. Every error is a model_format Status that begins with "InvalidHeaderJson: ".
class JsonReader {
 public:
  static constexpr std::size_t kMaxDepth = 127;  // serde_json's

  // `text` must be valid UTF-8, below 4 GiB, and outlive the reader. Strings are decoded in place, so the
  // text between their quotes changes when they are read. `surrogates`: whether a \u escape may be a lone
  // surrogate, as in Python's json; it is then encoded in three bytes.
  JsonReader(char* text, std::size_t size, bool surrogates = false)
      : text_(text), size_(size), surrogates_(surrogates) {}

  Status peek(JsonKind* kind);
  Status begin_object();
  Status begin_array();
  Status next_key(bool* more, JsonSpan* key);
  Status next_element(bool* more);
  Status read_string(JsonSpan* span);
  Status read_number(JsonNumber* number);
  Status read_null();
  Status skip_value();  // of any kind; checked as strictly as a value that is read
  Status finish();      // an error unless only white space follows

  std::size_t position() const { return position_; }  // in bytes from the start of the text

 private:
  Status fail(const char* what) const;
  char current() const { return position_ < size_ ? text_[position_] : '\0'; }
  bool at_digit() const { return current() >= '0' && current() <= '9'; }
  void skip_whitespace();
  Status begin(char bracket, bool is_object);
  Status next(char closing, bool* more);
  Status skip_scalar(JsonKind kind);  // a scalar, or the opening bracket of a container
  Status read_literal(std::string_view word);
  Status read_escape(std::size_t* write);
  Status read_unicode_escape(std::size_t* write);
  Status read_hex4(std::uint32_t* value);
  Status read_fraction(std::uint64_t* significand, std::int64_t* exponent);
  Status read_exponent(std::int64_t* exponent);

  char* text_;
  std::size_t size_;
  bool surrogates_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::bitset<kMaxDepth + 1> in_object_;  // per depth: object or array
  bool first_ = false;                    // no entry of the container at depth_ has been read yet
};

// Whether the text is valid UTF-8 (no surrogates, no overlong forms). If not, *bad is the first invalid byte.
bool is_utf8(std::string_view text, std::size_t* bad = nullptr);

// Appends `text`, which must be UTF-8, as a JSON string with the escapes of serde_json.
void append_json_string(std::string_view text, std::string* out);

// Quotes a text for messages: shortened, without control characters and invalid UTF-8.
std::string in_quotes(std::string_view text);

}  // namespace fastgru
