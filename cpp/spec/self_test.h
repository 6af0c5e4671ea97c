// The self-test of a model file: a short input and the predictions that the model must give for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "spec/model_spec.h"

namespace fastgru {

inline constexpr std::array<std::string_view, 3> kSelfTest = {"selftest.x", "selftest.y",
                                                              "selftest.tolerance"};
constexpr int kFirstSelfTest = 2;  // the first format version with a self-test

// Runs the model: maps x (steps, features) to y (steps or 1, outputs).
using AnswerSequence = std::function<Status(const double* x, std::int64_t steps, double* y)>;

// Runs the file's self-test, if it has one.
Status check_self_test(const ModelFile& file, const ModelSpec& spec, const AnswerSequence& answer);

}  // namespace fastgru
