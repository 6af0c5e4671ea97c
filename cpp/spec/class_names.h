// The names of a model's outputs: a classifier's labels, the symbols of a vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/status.h"

namespace fastgru {

// Reads the names from the object "fitted", which must have passed check_model_metadata(). Numbers and
// booleans are named as JSON writes them. There is one name per output; a single output may have two: its
// value is the probability of the second.
Status read_class_names(std::string_view fitted, std::int64_t outputs, std::vector<std::string>* names);

// Reads the symbols of the vocabulary in the object "fitted", which must have passed check_model_metadata(),
// as names of the outputs behind those that `first` names. Integers are named as JSON writes them. No names
// for the pieces of a tokenizer.
Status read_symbol_names(std::string_view fitted, const std::vector<std::string>& first, std::int64_t outputs,
                         std::vector<std::string>* names);

}  // namespace fastgru
