// From a model file's tensors to one flat vector of parameters.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/checks.h"
#include "engine/params.h"
#include "io/model_file.h"
#include "runtime/aligned.h"

namespace fastgru {

template <class S>
constexpr TensorDtype tensor_dtype() {
  return std::is_same_v<S, double> ? TensorDtype::f64 : TensorDtype::f32;
}

// What the core says of sizes is, for a file, an error of its format.
inline Status as_model_error(const Status& status) {
  if (status.code() != ErrorCode::invalid_argument) return status;
  return {ErrorCode::model_format, status.message()};
}

// Every layer needs tensors: a claimed number of layers beyond them is refused before anything is made of it.
inline Status check_layers(const ModelFile& file, std::int64_t num_layers) {
  const auto tensors = static_cast<std::int64_t>(file.tensor_count());
  if (num_layers <= tensors) return {};
  return {ErrorCode::model_format, "num_layers is " + std::to_string(num_layers) +
                                       ", but the file has only " + std::to_string(tensors) + " tensors"};
}

// Whether every tensor of the file is a slot, one of `others` (sorted or not), or the self-test's.
inline Status check_names(const ModelFile& file, const std::vector<ParamSlot>& slots,
                          std::vector<std::string> others) {
  for (const ParamSlot& slot : slots) others.push_back(slot.name);
  if (file.version() >= 2) others.insert(others.end(), {"selftest.x", "selftest.y", "selftest.tolerance"});
  std::sort(others.begin(), others.end());
  for (std::size_t i = 0; i < file.tensor_count(); ++i) {
    const std::string_view name = file.tensor_name(i);
    if (std::binary_search(others.begin(), others.end(), name)) continue;
    return {ErrorCode::model_format, "unknown tensor " + in_quotes(name)};
  }
  return {};
}

// All shapes are held against the file before memory is taken for the sum.
template <class S>
Status read_parameters(const ModelFile& file, const std::vector<ParamSlot>& slots, std::int64_t total,
                       AlignedBuffer<S>& flat) {
  std::vector<TensorInfo> tensors(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const ParamSlot& slot = slots[i];
    const std::vector<std::int64_t> shape = slot.cols == 0 ? std::vector<std::int64_t>{slot.rows}
                                                           : std::vector<std::int64_t>{slot.rows, slot.cols};
    FASTGRU_RETURN_IF_ERROR(file.find(slot.name, tensor_dtype<S>(), shape, &tensors[i]));
  }
  if (!flat.reserve(total)) return out_of_memory();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    FASTGRU_RETURN_IF_ERROR(file.read(tensors[i], flat.data() + slots[i].offset));
  }
  return {};
}

// One tensor of parameters that were read, in double.
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

template <class S>
Status check_finite(const std::vector<ParamSlot>& slots, const S* flat) {
  for (const ParamSlot& slot : slots) {
    for (std::int64_t i = 0; i < slot.size(); ++i) {
      if (std::isfinite(flat[slot.offset + i])) continue;
      return {ErrorCode::model_format, slot.name + " holds values that are not finite"};
    }
  }
  return {};
}

}  // namespace fastgru
