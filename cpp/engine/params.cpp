// Checks a configuration, and lays its parameters out in one flat vector.
#include "engine/params.h"

#include <algorithm>
#include <limits>

#include "runtime/number_text.h"

namespace fastgru {
namespace {

// Each layer has tensors with names: a hostile number of tiny layers must not eat the memory.
constexpr std::int64_t kMaxLayers = 65536;

// The products of so many bytes can be summed in 32 bits.
constexpr std::int64_t kMostInt8Inputs = 65536;

// a*b+c for non-negative numbers, false on overflow.
bool multiply_add(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t& result) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (b != 0 && a > kMax / b) return false;
  if (a * b > kMax - c) return false;
  result = a * b + c;
  return true;
}

Status positive(const char* name, std::int64_t value) {
  if (value >= 1) return {};
  return Status::invalid(std::string(name) + " must be at least 1, got " + std::to_string(value));
}

}  // namespace

Status validate(const GruConfig& config) {
  FASTGRU_RETURN_IF_ERROR(positive("input_size", config.input_size));
  FASTGRU_RETURN_IF_ERROR(positive("hidden_size", config.hidden_size));
  FASTGRU_RETURN_IF_ERROR(positive("num_layers", config.num_layers));
  if (config.num_layers > kMaxLayers) {
    return Status::invalid("num_layers must be at most " + std::to_string(kMaxLayers) + ", got " +
                           std::to_string(config.num_layers));
  }
  if (!(config.dropout >= 0.0 && config.dropout < 1.0)) {
    return Status::invalid("dropout must be in [0, 1), got " + number_text(config.dropout));
  }
  if (config.precision == Precision::int8 && !config.reset_after) {
    return Status::invalid("precision=\"int8\" needs reset_after=true");
  }
  const std::int64_t summed = std::max(config.input_size, config.hidden_size);
  if (config.precision == Precision::int8 &&
      (summed > kMostInt8Inputs || config.hidden_size * config.directions() > kMostInt8Inputs)) {
    return Status::invalid("precision=\"int8\" needs an input_size and a hidden_size of at most " +
                           std::to_string(kMostInt8Inputs) + ", of both directions together, got " +
                           std::to_string(config.input_size) + " and " + std::to_string(config.hidden_size));
  }
  // An upper bound of the count: every layer as wide as the widest, counted in steps that may overflow.
  const std::int64_t wide = std::numeric_limits<std::int64_t>::max() / 1024;
  std::int64_t width = 0, cell = 0, total = 0;
  const bool fits = config.input_size < wide && config.hidden_size < wide &&
                    multiply_add(config.hidden_size, 2, config.input_size, width) &&
                    multiply_add(config.hidden_size * 3, width + config.hidden_size + 2, 0, cell) &&
                    multiply_add(cell, config.num_layers, 0, total) && total < wide / 8;
  if (fits) return {};
  return Status::invalid("input_size=" + std::to_string(config.input_size) +
                         ", hidden_size=" + std::to_string(config.hidden_size) + " and num_layers=" +
                         std::to_string(config.num_layers) + " need more parameters than can be counted");
}

ParamLayout::ParamLayout(const GruConfig& config) : config_(config) {
  const std::int64_t gates = 3 * config.hidden_size;
  const auto add = [this](std::string name, std::int64_t rows, std::int64_t cols) {
    slots_.push_back({std::move(name), rows, cols, total_, cols > 0 && config_.precision == Precision::int8});
    const std::int64_t offset = total_;
    total_ += slots_.back().size();
    return offset;
  };
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    for (std::int64_t direction = 0; direction < config.directions(); ++direction) {
      const std::string suffix = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
      CellOffsets cell;
      cell.weight_ih = add("weight_ih" + suffix, gates, config.layer_input_size(layer));
      cell.weight_hh = add("weight_hh" + suffix, gates, config.hidden_size);
      if (config.bias) {
        cell.bias_ih = add("bias_ih" + suffix, gates, 0);
        cell.bias_hh = add("bias_hh" + suffix, gates, 0);
      }
      cells_.push_back(cell);
    }
  }
}

}  // namespace fastgru
