// The fields of a JSON configuration. The text must have passed check_model_metadata(): it is JSON, and no
// key comes twice.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// An expected field of an object: its name and, after read_fields(), its value as a part of the object's
// text.
struct ConfigField {
  std::string_view name;
  bool required = true;
  std::string_view text = {};
  JsonKind kind = JsonKind::null;

  bool found() const { return !text.empty(); }
};

enum class UnknownFields { refused, ignored };

// Finds the expected fields of the object `text`. A missing required field and an unknown field are errors,
// unless unknown fields are ignored. `what` names the object in messages.
Status read_fields(const char* what, std::string_view text, std::vector<ConfigField>& wanted,
                   UnknownFields unknown = UnknownFields::refused);

Status read_object(const ConfigField& field);  // an error if the value is not an object

// Calls visit(text, kind) with each element of an array; the first error ends it.
using VisitElement = std::function<Status(std::string_view text, JsonKind kind)>;
Status for_elements(const ConfigField& field, const VisitElement& visit);

// Parses and checks a field's value by its rule.
Status read_value(const ConfigField& field, const field::Whole& rule, std::int64_t* value);
Status read_value(const ConfigField& field, const field::Flag& rule, bool* value);
Status read_value(const ConfigField& field, const field::Share& rule, double* value);
Status read_value(const ConfigField& field, const field::Number& rule, double* value);
Status read_value(const ConfigField& field, const field::Numbers& rule,
                  std::vector<double>* values);  // each with a point or exponent
Status read_value(const ConfigField& field, const field::Choice& rule, std::size_t* which);

// A value as JSON.
std::string json_of(double value);
inline std::string json_of(std::int64_t value) { return std::to_string(value); }
inline std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(const std::vector<double>& values);
std::string json_of(std::string_view text);

}  // namespace fastgru
