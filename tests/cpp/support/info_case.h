// Model files that say something of every kind an app can read. The engine's names and those of fastgru.hpp
// do not go into one file.
#pragma once

#include <cstdint>
#include <string>

#include "spec/model_metadata.h"

namespace fastgru_test {

// A classifier of two directions with masked inputs, without biases; `classes`: the JSON of its names.
std::string classifier_file(const std::string& classes, std::int64_t outputs,
                            const fastgru::OwnMetadata& own = {});
std::string info_layer_file();  // of 2 inputs and 3 units

}  // namespace fastgru_test
