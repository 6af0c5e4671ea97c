// Reads a model file's tensors into one flat vector of parameters, and into a network's scaling.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/checks.h"
#include "engine/params.h"
#include "nn/data/samples.h"
#include "runtime/aligned.h"
#include "spec/model_file.h"
#include "spec/tensor_spec.h"

namespace fastgru {

template <class S>
constexpr TensorDtype tensor_dtype() {
  return std::is_same_v<S, double> ? TensorDtype::f64 : TensorDtype::f32;
}

// Turns an invalid_argument of the core (about sizes, say) into a model_format Status.
inline Status as_model_error(const Status& status) {
  if (status.code() != ErrorCode::invalid_argument) return status;
  return {ErrorCode::model_format, status.message()};
}

inline std::vector<std::int64_t> slot_shape(const ParamSlot& slot) {
  if (slot.cols == 0) return {slot.rows};
  return {slot.rows, slot.cols};
}

// The tensors that hold a slot: its values, or one-byte numbers and the scale of each row.
inline std::vector<TensorSpec> slot_tensors(const ParamSlot& slot, TensorDtype dtype) {
  if (!slot.int8) return {{slot.name, dtype, slot_shape(slot)}};
  return {{slot.name, TensorDtype::i8, slot_shape(slot)},
          {slot.name + ".scale", TensorDtype::f32, {slot.rows}}};
}

// What rounding gives: the largest number is 127 or -127, or all are zero; the scale is a number of 16
// significant bits. Other weights would be rounded again, to others than the file has.
Status check_int8_row(const ParamSlot& slot, std::int64_t row, const std::int8_t* numbers, float scale);

// Reads a slot of one-byte numbers.
template <class S>
Status read_int8(const ModelFile& file, const ParamSlot& slot, S* values) {
  TensorInfo numbers, scales;
  FASTGRU_RETURN_IF_ERROR(file.find(slot.name, TensorDtype::i8, slot_shape(slot), &numbers));
  FASTGRU_RETURN_IF_ERROR(file.find(slot.name + ".scale", TensorDtype::f32, {slot.rows}, &scales));
  std::vector<std::int8_t> m(static_cast<std::size_t>(slot.size()));
  std::vector<float> scale(static_cast<std::size_t>(slot.rows));
  FASTGRU_RETURN_IF_ERROR(file.read(numbers, m.data()));
  FASTGRU_RETURN_IF_ERROR(file.read(scales, scale.data()));
  for (std::int64_t row = 0; row < slot.rows; ++row) {
    const std::int8_t* numbers_of_row = m.data() + row * slot.cols;
    const float of_row = scale[static_cast<std::size_t>(row)];
    FASTGRU_RETURN_IF_ERROR(check_int8_row(slot, row, numbers_of_row, of_row));
    for (std::int64_t k = 0; k < slot.cols; ++k) {
      values[row * slot.cols + k] = static_cast<S>(static_cast<float>(numbers_of_row[k]) * of_row);
    }
  }
  return {};
}

// Checks all shapes before memory is taken for the whole.
template <class S>
Status read_parameters(const ModelFile& file, const std::vector<ParamSlot>& slots, std::int64_t total,
                       AlignedBuffer<S>& flat) {
  TensorInfo tensor;
  for (const ParamSlot& slot : slots) {
    for (const TensorSpec& part : slot_tensors(slot, tensor_dtype<S>())) {
      FASTGRU_RETURN_IF_ERROR(file.find(part.name, part.dtype, part.shape, &tensor));
    }
  }
  if (!flat.reserve(total)) return out_of_memory();
  for (const ParamSlot& slot : slots) {
    if (slot.int8) {
      FASTGRU_RETURN_IF_ERROR(read_int8(file, slot, flat.data() + slot.offset));
      continue;
    }
    FASTGRU_RETURN_IF_ERROR(file.find(slot.name, tensor_dtype<S>(), slot_shape(slot), &tensor));
    FASTGRU_RETURN_IF_ERROR(file.read(tensor, flat.data() + slot.offset));
  }
  return {};
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

// Reads a float64 tensor of one dimension.
Status read_column(const ModelFile& file, std::string_view name, std::int64_t size,
                   std::vector<double>& values);

Status read_scaling(const ModelFile& file, const NetworkConfig& config, Scaling& scaling);

}  // namespace fastgru
