// Reads the names of outputs: a classifier's classes, a transcriber's symbols.
#include "spec/class_names.h"

#include <algorithm>

#include "spec/config_fields.h"

namespace fastgru {
namespace {

Status wrong(const std::string& what) { return {ErrorCode::model_format, "classes " + what}; }

// The text of a JSON string.
Status decode(std::string_view json, std::string* text) {
  std::string copy(json);
  JsonReader reader(copy.data(), copy.size(), true);
  JsonSpan span;
  FASTGRU_RETURN_IF_ERROR(reader.read_string(&span));
  *text = copy.substr(span.begin, span.size);
  return {};
}

}  // namespace

Status read_class_names(std::string_view fitted, std::int64_t outputs, std::vector<std::string>* names) {
  std::vector<ConfigField> state = {{"classes"}}, classes = {{"dtype"}, {"values"}};
  FASTGRU_RETURN_IF_ERROR(read_fields("fitted", fitted, state, UnknownFields::ignored));
  FASTGRU_RETURN_IF_ERROR(read_object(state[0]));
  FASTGRU_RETURN_IF_ERROR(read_fields("classes", state[0].text, classes));
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(outputs, 2));
  const Status read = for_elements(classes[1], [&](std::string_view text, JsonKind kind) -> Status {
    if (names->size() == most) return wrong("are more than the network has outputs");
    std::string name(text);
    if (kind == JsonKind::string) FASTGRU_RETURN_IF_ERROR(decode(text, &name));
    if (kind != JsonKind::string && kind != JsonKind::number && kind != JsonKind::boolean) {
      return wrong("must be texts, numbers or booleans, got " + in_quotes(text));
    }
    names->push_back(std::move(name));
    return {};
  });
  FASTGRU_RETURN_IF_ERROR(read);
  const auto count = static_cast<std::int64_t>(names->size());
  if (count == outputs || (outputs == 1 && count == 2)) return {};
  return wrong("are " + std::to_string(count) + ", but the network has " + std::to_string(outputs) +
               " outputs");
}

Status read_symbol_names(std::string_view fitted, std::int64_t outputs, std::vector<std::string>* names) {
  std::vector<ConfigField> state = {{"vocabulary"}}, parts = {{"symbols"}};
  FASTGRU_RETURN_IF_ERROR(read_fields("fitted", fitted, state, UnknownFields::ignored));
  FASTGRU_RETURN_IF_ERROR(read_object(state[0]));
  FASTGRU_RETURN_IF_ERROR(read_fields("vocabulary", state[0].text, parts, UnknownFields::ignored));
  *names = {""};
  const auto unlike = [&](const std::string& got) {
    return Status{ErrorCode::model_format, "symbols are " + got + ", but the network has " +
                                               std::to_string(outputs) + " outputs, the blank among them"};
  };
  const Status read = for_elements(parts[0], [&](std::string_view text, JsonKind kind) -> Status {
    if (static_cast<std::int64_t>(names->size()) >= outputs) return unlike("more");
    std::string name(text);
    if (kind == JsonKind::string) FASTGRU_RETURN_IF_ERROR(decode(text, &name));
    if (kind != JsonKind::string && kind != JsonKind::number) {
      return {ErrorCode::model_format, "symbols must be texts or numbers, got " + in_quotes(text)};
    }
    names->push_back(std::move(name));
    return {};
  });
  FASTGRU_RETURN_IF_ERROR(read);
  const auto count = static_cast<std::int64_t>(names->size());
  return count == outputs ? Status() : unlike(std::to_string(count - 1));
}

}  // namespace fastgru
