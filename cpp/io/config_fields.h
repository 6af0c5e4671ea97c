// The configuration of a model file, field by field. It has passed check_model_metadata(): it is JSON, and no
// key comes twice.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
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

enum class OtherFields : bool { refused, allowed };

// Finds the wanted fields of the object `text`; those required must be there. `what` names it in messages.
Status read_fields(const char* what, std::string_view text, OtherFields others,
                   std::initializer_list<ConfigField*> wanted);

Status read_object(const ConfigField& field);  // that it is one
Status read_whole(const ConfigField& field, std::int64_t least, std::int64_t most, std::int64_t* value);
Status read_flag(const ConfigField& field, bool* value);
Status read_dropout(const ConfigField& field, double* value);  // in [0, 1)
Status read_number(const ConfigField& field, double* value);
Status read_numbers(const ConfigField& field, std::int64_t most,
                    std::vector<double>* values);  // with a point
Status read_choice(const ConfigField& field, std::initializer_list<std::string_view> choices,
                   std::size_t* which);
Status read_double(const ConfigField& field, bool* value);  // "float32" or "float64"

}  // namespace fastgru
