// One tensor of a model's parameters.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/params.h"
#include "io/json.h"

namespace fastgru {

// Copies the parameter's values as double.
template <class S>
Status copy_parameter(const std::vector<ParamSlot>& slots, const S* flat, std::string_view name,
                      double* values, std::int64_t count) {
  for (const ParamSlot& slot : slots) {
    if (slot.name != name) continue;
    if (slot.size() != count) {
      return Status::invalid(slot.name + " has " + std::to_string(slot.size()) + " values, room is for " +
                             std::to_string(count));
    }
    std::copy_n(flat + slot.offset, count, values);
    return {};
  }
  return Status::invalid("the model has no parameter " + in_quotes(name));
}

}  // namespace fastgru
