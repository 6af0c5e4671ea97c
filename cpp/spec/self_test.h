// The self-test of a model file: a short input and the answers that the model must give to it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "spec/model_spec.h"

namespace fastgru {

inline constexpr std::array<std::string_view, 3> kSelfTest = {"selftest.x", "selftest.y",
                                                              "selftest.tolerance"};
constexpr int kFirstSelfTest = 2;  // the first format version that has it

// The model: from x (steps, features) to y (steps or 1, answers).
using AnswerSequence = std::function<Status(const double* x, std::int64_t steps, double* y)>;

// Runs the file's self-test, if it has one.
Status check_self_test(const ModelFile& file, const ModelSpec& spec, const AnswerSequence& answer);

}  // namespace fastgru
