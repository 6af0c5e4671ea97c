// The self-test of a model file, as _self_test.py in Python: a short input and the answers it must give.
#include <cmath>
#include <cstdio>
#include <vector>

#include "model/model.h"

namespace fastgru {
namespace {

constexpr std::int64_t kMostSteps = 1024;

Status wrong(const std::string& what) { return {ErrorCode::model_format, what}; }

Status read_column(const ModelFile& file, const TensorInfo& tensor, std::vector<double>& values) {
  values.resize(static_cast<std::size_t>(tensor.size / sizeof(double)));
  FASTGRU_RETURN_IF_ERROR(file.read(tensor, values.data()));
  for (const double value : values) {
    if (!std::isfinite(value)) return wrong(tensor.name + " must hold finite float64 numbers");
  }
  return {};
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

}  // namespace

Status check_self_test(const ModelFile& file, const LoadedModel& model) {
  if (!file.has("selftest.x") && !file.has("selftest.y") && !file.has("selftest.tolerance")) return {};
  const ModelInfo& info = model.info();
  TensorInfo x_tensor, y_tensor, tolerance_tensor;
  FASTGRU_RETURN_IF_ERROR(file.find("selftest.x", TensorDtype::f64, {}, &x_tensor));
  const bool fits = x_tensor.shape.size() == 2 && x_tensor.shape[1] == info.input_size &&
                    x_tensor.shape[0] >= 1 && x_tensor.shape[0] <= kMostSteps;
  if (!fits) {
    return wrong("tensor 'selftest.x' must have the shape (1 to " + std::to_string(kMostSteps) + ", " +
                 std::to_string(info.input_size) + ")");
  }
  const std::int64_t steps = x_tensor.shape[0], answers = info.every_step ? steps : 1;
  FASTGRU_RETURN_IF_ERROR(file.find("selftest.y", TensorDtype::f64, {answers, info.output_size}, &y_tensor));
  FASTGRU_RETURN_IF_ERROR(
      file.find("selftest.tolerance", TensorDtype::f64, {info.output_size}, &tolerance_tensor));
  std::vector<double> x, wanted, tolerance;
  FASTGRU_RETURN_IF_ERROR(read_column(file, x_tensor, x));
  FASTGRU_RETURN_IF_ERROR(read_column(file, y_tensor, wanted));
  FASTGRU_RETURN_IF_ERROR(read_column(file, tolerance_tensor, tolerance));
  std::vector<double> y(wanted.size());
  SequenceCall<double> call;
  call.x = x.data();
  call.rows = 1;
  call.steps = steps;
  call.y = y.data();
  FASTGRU_RETURN_IF_ERROR(model.forward(call));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t output = i % tolerance.size();
    if (tolerance[output] < 0) return wrong("tensor 'selftest.tolerance' holds a negative number");
    if (std::fabs(y[i] - wanted[i]) <= tolerance[output]) continue;
    return wrong("SelfTestFailed: answer " + std::to_string(i / tolerance.size()) + ", output " +
                 std::to_string(output) + " is " + number(y[i]) + ", but the file says " + number(wanted[i]) +
                 " ± " + number(tolerance[output]) +
                 ": the file is damaged, or this machine computes something else");
  }
  return {};
}

}  // namespace fastgru
