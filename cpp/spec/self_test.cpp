// Runs the self-test of a model file.
#include "spec/self_test.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "runtime/number_text.h"

namespace fastgru {
namespace {

constexpr std::int64_t kMostSteps = 1024;

Status wrong(const std::string& what) { return {ErrorCode::model_format, what}; }

Status read_finite(const ModelFile& file, const TensorInfo& tensor, std::vector<double>& values) {
  values.resize(static_cast<std::size_t>(tensor.size / sizeof(double)));
  FASTGRU_RETURN_IF_ERROR(file.read(tensor, values.data()));
  for (const double value : values) {
    if (!std::isfinite(value)) return wrong(tensor.name + " must hold finite float64 numbers");
  }
  return {};
}

}  // namespace

Status check_self_test(const ModelFile& file, const ModelSpec& spec, const AnswerSequence& answer) {
  const auto [x_name, y_name, tolerance_name] = kSelfTest;
  if (!file.has(x_name) && !file.has(y_name) && !file.has(tolerance_name)) return {};
  TensorInfo x_tensor, y_tensor, tolerance_tensor;
  FASTGRU_RETURN_IF_ERROR(file.find(x_name, TensorDtype::f64, {}, &x_tensor));
  const bool fits = x_tensor.shape.size() == 2 && x_tensor.shape[1] == spec.features() &&
                    x_tensor.shape[0] >= 1 && x_tensor.shape[0] <= kMostSteps;
  if (!fits) {
    return wrong("tensor 'selftest.x' must have the shape (1 to " + std::to_string(kMostSteps) + ", " +
                 std::to_string(spec.features()) + ")");
  }
  const std::int64_t steps = x_tensor.shape[0], answers = spec.every_step() ? steps : 1;
  FASTGRU_RETURN_IF_ERROR(file.find(y_name, TensorDtype::f64, {answers, spec.answers()}, &y_tensor));
  FASTGRU_RETURN_IF_ERROR(file.find(tolerance_name, TensorDtype::f64, {spec.answers()}, &tolerance_tensor));
  std::vector<double> x, wanted, tolerance;
  FASTGRU_RETURN_IF_ERROR(read_finite(file, x_tensor, x));
  FASTGRU_RETURN_IF_ERROR(read_finite(file, y_tensor, wanted));
  FASTGRU_RETURN_IF_ERROR(read_finite(file, tolerance_tensor, tolerance));
  std::vector<double> y(wanted.size());
  FASTGRU_RETURN_IF_ERROR(answer(x.data(), steps, y.data()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t output = i % tolerance.size();
    if (tolerance[output] < 0) return wrong("tensor 'selftest.tolerance' holds a negative number");
    if (std::fabs(y[i] - wanted[i]) <= tolerance[output]) continue;
    return wrong("SelfTestFailed: answer " + std::to_string(i / tolerance.size()) + ", output " +
                 std::to_string(output) + " is " + number_text(y[i]) + ", but the file says " +
                 number_text(wanted[i]) + " ± " + number_text(tolerance[output]) +
                 ": the file is damaged, or this machine computes something else");
  }
  return {};
}

}  // namespace fastgru
