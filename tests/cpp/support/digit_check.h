// Compares the kernels on digits of two tables.
#pragma once

#include <cstdint>

#include "kernels/digit_table.h"

namespace fastgru {

// Whether both give the same bits, for W x, a step of one digit and a step of two, of some made-up numbers.
// Both have the same lanes.
bool same_bits(const DigitTable& a, const DigitTable& b, std::int64_t rows, std::int64_t input,
               std::int64_t hidden);

}  // namespace fastgru
