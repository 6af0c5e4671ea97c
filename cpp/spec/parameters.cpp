#include "spec/parameters.h"

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
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.x_mean", inputs, scaling.x_mean));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.x_scale", inputs, scaling.x_scale));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.y_mean", outputs, scaling.y_mean));
  FASTGRU_RETURN_IF_ERROR(read_column(file, "scaling.y_scale", outputs, scaling.y_scale));
  return as_model_error(validate(scaling, config));
}

}  // namespace fastgru
