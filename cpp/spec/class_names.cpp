// Reads the names of outputs: a classifier's classes, the symbols of a vocabulary.
#include "spec/class_names.h"

#include <algorithm>

#include "spec/config_fields.h"

namespace fastgru {
namespace {

Status wrong(const char* what, const std::string& why) {
  return {ErrorCode::model_format, std::string(what) + " " + why};
}

// The text of a JSON string.
Status decode(std::string_view json, std::string* text) {
  std::string copy(json);
  JsonReader reader(copy.data(), copy.size(), true);
  JsonSpan span;
  FASTGRU_RETURN_IF_ERROR(reader.read_string(&span));
  *text = copy.substr(span.begin, span.size);
  return {};
}

// The elements of a list of names, at most so many.
Status read_names(const ConfigField& list, const char* what, std::size_t most,
                  std::vector<std::string>* names) {
  return for_elements(list, [&](std::string_view text, JsonKind kind) -> Status {
    if (names->size() == most) return wrong(what, "are more than the network has outputs");
    std::string name(text);
    if (kind == JsonKind::string) FASTGRU_RETURN_IF_ERROR(decode(text, &name));
    if (kind != JsonKind::string && kind != JsonKind::number && kind != JsonKind::boolean) {
      return wrong(what, "must be texts, numbers or booleans, got " + in_quotes(text));
    }
    names->push_back(std::move(name));
    return {};
  });
}

Status wrong_count(const char* what, std::int64_t count, std::int64_t outputs) {
  return wrong(
      what, "are " + std::to_string(count) + ", but the network has " + std::to_string(outputs) + " outputs");
}

}  // namespace

Status read_class_names(std::string_view fitted, std::int64_t outputs, std::vector<std::string>* names) {
  std::vector<ConfigField> state = {{"classes"}}, classes = {{"dtype"}, {"values"}};
  FASTGRU_RETURN_IF_ERROR(read_fields("fitted", fitted, state, UnknownFields::ignored));
  FASTGRU_RETURN_IF_ERROR(read_object(state[0]));
  FASTGRU_RETURN_IF_ERROR(read_fields("classes", state[0].text, classes));
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(outputs, 2));
  FASTGRU_RETURN_IF_ERROR(read_names(classes[1], "classes", most, names));
  const auto count = static_cast<std::int64_t>(names->size());
  if (count == outputs || (outputs == 1 && count == 2)) return {};
  return wrong_count("classes", count, outputs);
}

Status read_symbol_names(std::string_view fitted, const std::vector<std::string>& first, std::int64_t outputs,
                         std::vector<std::string>* names) {
  std::vector<ConfigField> state = {{"vocabulary"}}, vocabulary = {{"level"}, {"symbols", false}};
  FASTGRU_RETURN_IF_ERROR(read_fields("fitted", fitted, state, UnknownFields::ignored));
  FASTGRU_RETURN_IF_ERROR(read_object(state[0]));
  FASTGRU_RETURN_IF_ERROR(read_fields("vocabulary", state[0].text, vocabulary, UnknownFields::ignored));
  if (!vocabulary[1].found()) {
    return vocabulary[0].text == "\"tokenizer\"" ? Status()
                                                 : wrong("symbols", "of the vocabulary are missing");
  }
  *names = first;
  FASTGRU_RETURN_IF_ERROR(read_names(vocabulary[1], "symbols", static_cast<std::size_t>(outputs), names));
  const auto count = static_cast<std::int64_t>(names->size());
  return count == outputs ? Status() : wrong_count("symbols", count, outputs);
}

}  // namespace fastgru
