// The configuration of a model file, field by field. It has passed check_model_metadata(): it is JSON, and no
// key comes twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// One wanted field of an object: its name, and after read_fields() its value, a piece of the object's text.
struct ConfigField {
  std::string_view name;
  bool required = true;
  std::string_view text = {};
  JsonKind kind = JsonKind::null;

  bool found() const { return !text.empty(); }
};

// Finds the wanted fields of the object `text`; those required must be there, others are refused. `what`
// names the object in messages.
Status read_fields(const char* what, std::string_view text, std::vector<ConfigField>& wanted);

Status read_object(const ConfigField& field);  // that it is one

// A field's value by its rule.
Status read_value(const ConfigField& field, const field::Whole& rule, std::int64_t* value);
Status read_value(const ConfigField& field, const field::Flag& rule, bool* value);
Status read_value(const ConfigField& field, const field::Share& rule, double* value);
Status read_value(const ConfigField& field, const field::Number& rule, double* value);
Status read_value(const ConfigField& field, const field::Numbers& rule,
                  std::vector<double>* values);  // with a point
Status read_value(const ConfigField& field, const field::Choice& rule, std::size_t* which);

// The same as JSON.
std::string json_of(double value);
inline std::string json_of(std::int64_t value) { return std::to_string(value); }
inline std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(const std::vector<double>& values);
std::string json_of(std::string_view text);

}  // namespace fastgru
