// The class names of a classifier's file, and the symbols of a transcriber's.
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

// Reads the symbols of the vocabulary in "fitted", which must have passed check_model_metadata(): the name of
// output 0, the blank, is empty, and every other output has one symbol. Integers are named as JSON writes
// them.
Status read_symbol_names(std::string_view fitted, std::int64_t outputs, std::vector<std::string>* names);

}  // namespace fastgru
