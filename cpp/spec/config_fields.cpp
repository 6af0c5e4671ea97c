// Reads and writes the fields of a JSON object by their rules.
#include "spec/config_fields.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace fastgru {
namespace {

constexpr std::int64_t kMostWhole = std::int64_t{1} << 40;

Status wrong(const ConfigField& field, const std::string& wanted) {
  return {ErrorCode::model_format,
          std::string(field.name) + " must be " + wanted + ", got " + in_quotes(field.text)};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Numbers too large for a double were refused before. One too small for a double counts as zero.
bool parse_number(std::string_view text, double* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  if (error == std::errc::result_out_of_range) *value = 0;
  return (error == std::errc() || error == std::errc::result_out_of_range) && stop == end;
}

}  // namespace

Status read_fields(const char* what, std::string_view text, std::vector<ConfigField>& wanted,
                   UnknownFields unknown) {
  std::string copy(text);  // keys are decoded in place; values are taken from the original
  JsonReader reader(copy.data(), copy.size(), true);
  FASTGRU_RETURN_IF_ERROR(reader.begin_object());
  while (true) {
    bool more = false;
    JsonSpan span;
    FASTGRU_RETURN_IF_ERROR(reader.next_key(&more, &span));
    if (!more) break;
    const std::string_view key(copy.data() + span.begin, span.size);
    const auto field = std::find_if(wanted.begin(), wanted.end(), [&](auto& f) { return f.name == key; });
    if (field == wanted.end() && unknown == UnknownFields::ignored) {
      FASTGRU_RETURN_IF_ERROR(reader.skip_value());
      continue;
    }
    if (field == wanted.end()) {
      return {ErrorCode::model_format, std::string(what) + " has the unknown field " + in_quotes(key)};
    }
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(reader.peek(&kind));
    const std::size_t begin = reader.position();
    FASTGRU_RETURN_IF_ERROR(reader.skip_value());
    field->text = trimmed(text.substr(begin, reader.position() - begin));
    field->kind = kind;
  }
  for (const ConfigField& field : wanted) {
    if (field.found() || !field.required) continue;
    return {ErrorCode::model_format,
            std::string(what) + " needs " + in_quotes(field.name) + ", which is missing"};
  }
  return {};
}

Status read_object(const ConfigField& field) {
  return field.kind == JsonKind::object ? Status() : wrong(field, "an object");
}

Status for_elements(const ConfigField& field, const VisitElement& visit) {
  if (field.kind != JsonKind::array) return wrong(field, "a list");
  std::string copy(field.text);  // strings are decoded in place; elements are taken from the original
  JsonReader reader(copy.data(), copy.size(), true);
  FASTGRU_RETURN_IF_ERROR(reader.begin_array());
  while (true) {
    bool more = false;
    FASTGRU_RETURN_IF_ERROR(reader.next_element(&more));
    if (!more) return {};
    JsonKind kind = JsonKind::null;
    FASTGRU_RETURN_IF_ERROR(reader.peek(&kind));
    const std::size_t begin = reader.position();
    FASTGRU_RETURN_IF_ERROR(reader.skip_value());
    FASTGRU_RETURN_IF_ERROR(visit(trimmed(field.text.substr(begin, reader.position() - begin)), kind));
  }
}

Status read_value(const ConfigField& field, const field::Whole& rule, std::int64_t* value) {
  const char* end = field.text.data() + field.text.size();
  const auto [stop, error] = std::from_chars(field.text.data(), end, *value);
  const bool whole = field.kind == JsonKind::number && error == std::errc() && stop == end;
  if (whole && *value >= rule.least && *value <= kMostWhole) return {};
  return wrong(field, "an integer from " + std::to_string(rule.least) + " to " + std::to_string(kMostWhole));
}

Status read_value(const ConfigField& field, const field::Flag&, bool* value) {
  *value = field.text == "true";
  return field.kind == JsonKind::boolean ? Status() : wrong(field, "true or false");
}

Status read_value(const ConfigField& field, const field::Number&, double* value) {
  const bool number = field.kind == JsonKind::number && parse_number(field.text, value);
  return number ? Status() : wrong(field, "a number");
}

Status read_value(const ConfigField& field, const field::Share&, double* value) {
  const bool number = field.kind == JsonKind::number && parse_number(field.text, value);
  return number && *value >= 0 && *value < 1 ? Status() : wrong(field, "a number in [0, 1)");
}

Status read_value(const ConfigField& field, const field::Numbers& rule, std::vector<double>* values) {
  const Status unfit =
      wrong(field, "a list of at most " + std::to_string(rule.most) + " numbers, each with a point");
  if (field.kind != JsonKind::array) return unfit;
  values->clear();
  return for_elements(field, [&](std::string_view text, JsonKind kind) {
    const bool point = text.find_first_of(".eE") != std::string_view::npos;
    double value = 0;
    if (kind != JsonKind::number || !point || !parse_number(text, &value)) return unfit;
    if (static_cast<std::int64_t>(values->size()) == rule.most) return unfit;
    values->push_back(value);
    return Status();
  });
}

Status read_value(const ConfigField& field, const field::Choice& rule, std::size_t* which) {
  std::string list;
  *which = 0;
  for (const std::string_view choice : rule.names) {
    list += (list.empty() ? "" : ", ") + std::string(choice);
    const bool same = field.text.size() == choice.size() + 2 && field.text.substr(1, choice.size()) == choice;
    if (field.kind == JsonKind::string && same) return {};
    ++*which;
  }
  return wrong(field, "one of " + list);
}

// The shortest text that parses to this double, always with a point or an exponent.
std::string json_of(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  static_cast<void>(error);  // 32 characters hold every double
  std::string number(text.data(), end);
  return number.find_first_of(".e") == std::string::npos ? number + ".0" : number;
}

std::string json_of(const std::vector<double>& values) {
  std::string list;
  for (const double value : values) list += (list.empty() ? "" : ",") + json_of(value);
  return "[" + list + "]";
}

std::string json_of(std::string_view text) {
  std::string quoted;
  append_json_string(text, &quoted);
  return quoted;
}

}  // namespace fastgru
