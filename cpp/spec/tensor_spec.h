// What a model file is to hold: one tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace fastgru {

enum class TensorRole { parameter, scaling, history };

constexpr std::int64_t kAnyLength = -1;

struct TensorSpec {
  std::string name;
  TensorDtype dtype = TensorDtype::f32;
  std::vector<std::int64_t> shape;  // kAnyLength: decided by the file
  TensorRole role = TensorRole::parameter;
};

}  // namespace fastgru
