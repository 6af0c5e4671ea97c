// Reads a network's scaling from a model file.
#include "spec/parameters.h"

#include <array>

#include "spec/model_spec.h"

namespace fastgru {

Status read_column(const ModelFile& file, std::string_view name, std::int64_t size,
                   std::vector<double>& values) {
  TensorInfo tensor;
  FASTGRU_RETURN_IF_ERROR(file.find(name, TensorDtype::f64, {size}, &tensor));
  values.resize(static_cast<std::size_t>(tensor.size / sizeof(double)));
  return file.read(tensor, values.data());
}

Status read_scaling(const ModelFile& file, const NetworkConfig& config, Scaling& scaling) {
  const std::int64_t inputs = config.features(), outputs = config.output_size;
  const std::array<std::vector<double>*, 4> columns = {&scaling.x_mean, &scaling.x_scale, &scaling.y_mean,
                                                       &scaling.y_scale};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    FASTGRU_RETURN_IF_ERROR(read_column(file, kScaling[i], i < 2 ? inputs : outputs, *columns[i]));
  }
  const Status status = validate(scaling, config);
  if (status.ok()) return {};
  return {ErrorCode::model_format, "tensor scaling." + status.message()};
}

}  // namespace fastgru
