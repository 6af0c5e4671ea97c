// The strict JSON reader, UTF-8 checks and JSON strings.
#include "io/json.h"

#include <cmath>

namespace fastgru {
namespace {

// Whether significand * 10^exponent is finite as a double. serde_json refuses a number that is not.
bool is_finite_number(std::uint64_t significand, std::int64_t exponent) {
  double value = static_cast<double>(significand);
  while (exponent < -308 && value != 0.0) {
    value /= 1e308;
    exponent += 308;
  }
  if (exponent <= 0 || value == 0.0) return true;
  return exponent <= 308 && std::isfinite(value * std::pow(10.0, static_cast<double>(exponent)));
}

// Appends a digit to the significand, unless it would reach 2^64.
bool append_digit(char digit, std::uint64_t* significand) {
  const auto value = static_cast<std::uint64_t>(digit - '0');
  if (*significand > (UINT64_MAX - value) / 10) return false;
  *significand = *significand * 10 + value;
  return true;
}

// Appends a code point at text[*write] as UTF-8.
void encode_utf8(std::uint32_t code, char* text, std::size_t* write) {
  auto put = [&](std::uint32_t byte) { text[(*write)++] = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// The length of the UTF-8 sequence at the start of `text`; 0 if it is not valid.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool too_high = lead == 0xF4 && byte(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

void append_hex_escape(const char* prefix, unsigned byte, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += prefix;
  *out += kDigits[(byte >> 4) & 15U];
  *out += kDigits[byte & 15U];
}

}  // namespace

Status JsonReader::fail(const char* what) const {
  return {ErrorCode::model_format, "InvalidHeaderJson: " + std::string(what) + " at byte " +
                                       std::to_string(position_) + " of the header"};
}

void JsonReader::skip_whitespace() {
  while (current() == ' ' || current() == '\n' || current() == '\t' || current() == '\r') ++position_;
}

Status JsonReader::peek(JsonKind* kind) {
  skip_whitespace();
  const char c = current();
  if (c == '{') {
    *kind = JsonKind::object;
  } else if (c == '[') {
    *kind = JsonKind::array;
  } else if (c == '"') {
    *kind = JsonKind::string;
  } else if (c == '-' || at_digit()) {
    *kind = JsonKind::number;
  } else if (c == 't' || c == 'f') {
    *kind = JsonKind::boolean;
  } else if (c == 'n') {
    *kind = JsonKind::null;
  } else {
    return fail("expected a value");
  }
  return {};
}

Status JsonReader::begin(char bracket, bool is_object) {
  skip_whitespace();
  if (current() != bracket) return fail(is_object ? "expected '{'" : "expected '['");
  if (depth_ == kMaxDepth) return fail("nested deeper than 127 levels");
  ++position_;
  in_object_[++depth_] = is_object;
  first_ = true;
  return {};
}

Status JsonReader::begin_object() { return begin('{', true); }
Status JsonReader::begin_array() { return begin('[', false); }

// Moves to the next entry of the innermost container, or closes it.
Status JsonReader::next(char closing, bool* more) {
  skip_whitespace();
  *more = current() != closing;
  if (!*more) {
    ++position_;
    --depth_;
    first_ = false;
    return {};
  }
  if (!first_) {
    if (current() != ',') return fail(closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    ++position_;
    skip_whitespace();
    if (current() == closing) return fail("trailing comma");
  }
  first_ = false;
  return {};
}

Status JsonReader::next_key(bool* more, JsonSpan* key) {
  FASTGRU_RETURN_IF_ERROR(next('}', more));
  if (!*more) return {};
  if (current() != '"') return fail("expected a key in quotes");
  FASTGRU_RETURN_IF_ERROR(read_string(key));
  skip_whitespace();
  if (current() != ':') return fail("expected ':'");
  ++position_;
  return {};
}

Status JsonReader::next_element(bool* more) { return next(']', more); }

Status JsonReader::read_string(JsonSpan* span) {
  skip_whitespace();
  if (current() != '"') return fail("expected a string");
  const std::size_t begin = ++position_;
  std::size_t write = begin;
  while (true) {
    if (position_ == size_) return fail("unfinished string");
    const char c = text_[position_];
    if (c == '"') break;
    if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
    ++position_;
    if (c == '\\') {
      FASTGRU_RETURN_IF_ERROR(read_escape(&write));
    } else {
      text_[write++] = c;
    }
  }
  ++position_;
  span->begin = static_cast<std::uint32_t>(begin);
  span->size = static_cast<std::uint32_t>(write - begin);
  return {};
}

Status JsonReader::read_escape(std::size_t* write) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char c = current();
  if (c == 'u') {
    ++position_;
    return read_unicode_escape(write);
  }
  const std::size_t letter = kLetters.find(c);
  if (letter == std::string_view::npos) return fail("unknown escape");
  ++position_;
  text_[(*write)++] = kMeanings[letter];
  return {};
}

Status JsonReader::read_hex4(std::uint32_t* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i, ++position_) {
    const char c = current();
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      *value = *value * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      *value = *value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return fail("\\u needs four hexadecimal digits");
    }
  }
  return {};
}

Status JsonReader::read_unicode_escape(std::size_t* write) {
  std::uint32_t code = 0;
  FASTGRU_RETURN_IF_ERROR(read_hex4(&code));
  const bool low_comes = position_ + 1 < size_ && text_[position_] == '\\' && text_[position_ + 1] == 'u';
  if (code >= 0xDC00 && code <= 0xDFFF && !surrogates_) return fail("low surrogate without its high one");
  if (code >= 0xD800 && code <= 0xDBFF && low_comes) {
    const std::size_t before = position_;
    std::uint32_t low = 0;
    position_ += 2;
    FASTGRU_RETURN_IF_ERROR(read_hex4(&low));
    const bool pair = low >= 0xDC00 && low <= 0xDFFF;
    if (!pair && !surrogates_) return fail("high surrogate without its low one");
    if (pair) {
      code = ((code - 0xD800) << 10) + (low - 0xDC00) + 0x10000;
    } else {
      position_ = before;  // the second escape is not part of a pair
    }
  } else if (code >= 0xD800 && code <= 0xDBFF && !surrogates_) {
    return fail("high surrogate without its low one");
  }
  encode_utf8(code, text_, write);  // never longer than the escape it replaces
  return {};
}

// 0, or digits without a leading 0; then an optional fraction and an optional exponent.
Status JsonReader::read_number(JsonNumber* number) {
  skip_whitespace();
  const bool negative = current() == '-';
  if (negative) ++position_;
  if (!at_digit()) return fail("expected a number");
  const bool leading_zero = current() == '0';
  std::uint64_t significand = 0;
  std::int64_t exponent = 0;
  const std::size_t begin = position_;
  for (; at_digit(); ++position_) {
    if (exponent > 0 || !append_digit(current(), &significand)) ++exponent;
  }
  if (leading_zero && position_ != begin + 1) return fail("number with a leading zero");
  number->is_unsigned = !negative && exponent == 0;
  number->value = significand;
  if (current() == '.') {
    number->is_unsigned = false;
    FASTGRU_RETURN_IF_ERROR(read_fraction(&significand, &exponent));
  }
  if (current() == 'e' || current() == 'E') {
    number->is_unsigned = false;
    FASTGRU_RETURN_IF_ERROR(read_exponent(&exponent));
  }
  return is_finite_number(significand, exponent) ? Status() : fail("number out of range");
}

Status JsonReader::read_fraction(std::uint64_t* significand, std::int64_t* exponent) {
  ++position_;
  if (!at_digit()) return fail("expected a digit after the decimal point");
  for (bool fits = true; at_digit(); ++position_) {
    fits = fits && append_digit(current(), significand);
    if (fits) --*exponent;
  }
  return {};
}

Status JsonReader::read_exponent(std::int64_t* exponent) {
  ++position_;
  const bool negative = current() == '-';
  if (negative || current() == '+') ++position_;
  if (!at_digit()) return fail("expected a digit in the exponent");
  std::int64_t value = 0;
  for (; at_digit(); ++position_) {
    if (value < INT32_MAX) value = value * 10 + (current() - '0');
  }
  *exponent += negative ? -value : value;
  return {};
}

Status JsonReader::read_literal(std::string_view word) {
  skip_whitespace();
  for (const char expected : word) {
    if (current() != expected) return fail("expected a value");
    ++position_;
  }
  return {};
}

Status JsonReader::read_null() { return read_literal("null"); }

Status JsonReader::skip_scalar(JsonKind kind) {
  JsonSpan span;
  JsonNumber number;
  switch (kind) {
    case JsonKind::null:
      return read_null();
    case JsonKind::boolean:
      return read_literal(current() == 't' ? "true" : "false");
    case JsonKind::number:
      return read_number(&number);
    case JsonKind::string:
      return read_string(&span);
    case JsonKind::array:
      return begin_array();
    case JsonKind::object:
      return begin_object();
  }
  return {};
}

Status JsonReader::skip_value() {
  const std::size_t base = depth_;
  do {
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(peek(&kind));
    FASTGRU_RETURN_IF_ERROR(skip_scalar(kind));
    // Moves to the next value, and closes containers that end here.
    for (bool more = false; depth_ > base && !more;) {
      JsonSpan key;
      FASTGRU_RETURN_IF_ERROR(in_object_[depth_] ? next_key(&more, &key) : next_element(&more));
    }
  } while (depth_ > base);
  return {};
}

Status JsonReader::finish() {
  skip_whitespace();
  return position_ == size_ ? Status() : fail("characters after the end of the JSON");
}

bool is_utf8(std::string_view text, std::size_t* bad) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i, 4));
    if (length == 0) {
      if (bad != nullptr) *bad = i;
      return false;
    }
    i += length;
  }
  return true;
}

void append_json_string(std::string_view text, std::string* out) {
  constexpr std::string_view kShort = "\b\t\n\f\r\"\\";
  constexpr std::string_view kLetters = "btnfr\"\\";
  *out += '"';
  for (const char c : text) {
    const std::size_t index = kShort.find(c);
    if (index != std::string_view::npos) {
      *out += '\\';
      *out += kLetters[index];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      append_hex_escape("\\u00", static_cast<unsigned char>(c), out);
    } else {
      *out += c;
    }
  }
  *out += '"';
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string out = "'";
  std::size_t i = 0;
  while (i < text.size() && out.size() < kLongest) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i, 4));
    const bool c1_control = length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (length == 0 || byte < 0x20 || byte == 0x7F || c1_control) {
      append_hex_escape("\\x", byte, &out);
      ++i;
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
  return out + (i < text.size() ? "…'" : "'");
}

}  // namespace fastgru
