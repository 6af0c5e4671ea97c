// Reads a network's scaling from a model file.
#include "spec/parameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "spec/model_spec.h"

namespace fastgru {

Status check_int8_row(const ParamSlot& slot, std::int64_t row, const std::int8_t* numbers, float scale) {
  int largest = 0;
  for (std::int64_t k = 0; k < slot.cols; ++k) largest = std::max(largest, std::abs(int{numbers[k]}));
  std::uint32_t bits = 0;
  std::memcpy(&bits, &scale, sizeof bits);
  const bool fits =
      std::isfinite(scale) && scale >= 0 && (bits & 0xffu) == 0 && largest == (scale > 0 ? 127 : 0);
  if (fits) return {};
  return {ErrorCode::model_format,
          "row " + std::to_string(row) + " of " + slot.name +
              " must hold whole numbers from -127 to 127, one of them 127 or -127, and a "
              "scale above zero of 16 significant bits; or zeros alone"};
}

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
