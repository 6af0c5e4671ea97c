// The tensors of a model by name.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/params.h"
#include "io/json.h"
#include "runtime/status.h"

namespace fastgru {

// The values of a tensor, of type S; none: there is no such tensor.
template <class S>
struct NamedValues {
  const S* data = nullptr;
  std::int64_t count = -1;
};

template <class S>
NamedValues<S> find_parameter(const std::vector<ParamSlot>& slots, const S* flat, std::string_view name) {
  for (const ParamSlot& slot : slots) {
    if (slot.name == name) return {flat + slot.offset, slot.size()};
  }
  return {};
}

// Copies the values as double.
template <class S>
Status copy_values(std::string_view name, const NamedValues<S>& from, double* values, std::int64_t count) {
  if (from.count == count) {
    std::copy_n(from.data, count, values);
    return {};
  }
  return Status::invalid(std::string(name) + " has " + std::to_string(from.count) + " values, room is for " +
                         std::to_string(count));
}

// The error for a name that no tensor has; names one that differs in its prefix.
inline Status unknown_parameter(const std::vector<ParamSlot>& slots, std::string_view name) {
  const auto ends_in = [](std::string_view text, std::string_view end) {
    return text.size() > end.size() && text.substr(text.size() - end.size()) == end &&
           text[text.size() - end.size() - 1] == '.';
  };
  const auto near = std::find_if(slots.begin(), slots.end(), [&](const ParamSlot& slot) {
    return ends_in(slot.name, name) || ends_in(name, slot.name);
  });
  return Status::invalid("the model has no parameter " + in_quotes(name) +
                         (near == slots.end() ? "" : "; it has " + in_quotes(near->name)));
}

}  // namespace fastgru
