// Visitors that read and write a type with visit_fields() as a JSON object.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/fields.h"
#include "runtime/status.h"
#include "spec/config_fields.h"

namespace fastgru {

// choice_name(): the name of a choice's value. choose(): sets the value to name number `which`.
template <class T>
std::string_view choice_name(const T& value, const field::Choice& rule) {
  if constexpr (std::is_enum_v<T>) {
    return rule.names[static_cast<std::size_t>(value)];
  } else if constexpr (std::is_pointer_v<T>) {
    return value->name();
  } else {
    return value;
  }
}
template <class T>
void choose(T& value, const field::Choice& rule, std::size_t which) {
  if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(which);
  } else if constexpr (std::is_pointer_v<T>) {
    value = by_name(value, rule.names[which]);
  } else {
    value = std::string(rule.names[which]);
  }
}

// Reads the fields that were found, in the order of the visit. Keeps the first error.
class FieldReader {
 public:
  explicit FieldReader(const std::vector<ConfigField>& fields) : fields_(fields) {}

  template <class T, class Rule>
  void operator()(std::string_view, T& value, const Rule& rule, unsigned) {
    const ConfigField& field = fields_[next_++];
    if (!status_.ok() || !field.found()) return;
    if constexpr (std::is_same_v<Rule, field::Choice>) {
      std::size_t which = 0;
      status_ = read_value(field, rule, &which);
      if (status_.ok()) choose(value, rule, which);
    } else {
      status_ = read_value(field, rule, &value);
    }
  }
  const Status& status() const { return status_; }

 private:
  const std::vector<ConfigField>& fields_;
  std::size_t next_ = 0;
  Status status_;
};

// Sets `options` from the object `text`, which must have passed check_model_metadata(). Optional fields that
// are missing keep their defaults. `what` names the object in messages.
template <class Options>
Status read_options(const char* what, std::string_view text, Options* options) {
  std::vector<ConfigField> fields;
  visit_fields(static_cast<const Options&>(*options),
               [&](std::string_view name, const auto&, const auto&, unsigned traits) {
                 fields.push_back({name, !field::may_be_missing(traits)});
               });
  FASTGRU_RETURN_IF_ERROR(read_fields(what, text, fields));
  FieldReader reader(fields);
  visit_fields(*options, reader);
  return reader.status();
}

// Writes the JSON object that read_options() reads.
template <class Options>
std::string options_to_json(const Options& options) {
  std::string object;
  visit_fields(options, [&](std::string_view name, const auto& value, const auto& rule, unsigned traits) {
    if ((traits & field::kOmitted) != 0) return;
    object += (object.empty() ? "" : ",") + json_of(name) + ":";
    if constexpr (std::is_same_v<std::decay_t<decltype(rule)>, field::Choice>) {
      object += json_of(choice_name(value, rule));
    } else {
      object += json_of(value);
    }
  });
  return "{" + object + "}";
}

}  // namespace fastgru
