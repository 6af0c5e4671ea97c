#include "nn/layout.h"

#include <limits>
#include <string>

namespace fastgru {

Status validate(const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(validate(config.gru));
  if (config.output_size < 1) {
    return Status::invalid("output_size must be at least 1, got " + std::to_string(config.output_size));
  }
  if (!(config.head_dropout >= 0.0 && config.head_dropout < 1.0)) {
    return Status::invalid("head_dropout must be in [0, 1), got " + std::to_string(config.head_dropout));
  }
  // validate(GruConfig) leaves the GRU's count below this bound as well, so that the sum can be counted in
  // bytes.
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024;
  if (config.output_size <= kMost / (config.head_inputs() + 1)) return {};
  return Status::invalid("output_size=" + std::to_string(config.output_size) +
                         " and hidden_size=" + std::to_string(config.gru.hidden_size) +
                         " need more parameters than can be counted");
}

NetworkLayout::NetworkLayout(const NetworkConfig& config) : config_(config) {
  const ParamLayout gru(config.gru);
  for (const ParamSlot& slot : gru.slots()) {
    slots_.push_back({"gru." + slot.name, slot.rows, slot.cols, slot.offset});
  }
  head_weight_ = gru.total();
  head_bias_ = head_weight_ + config.output_size * config.head_inputs();
  total_ = head_bias_ + config.output_size;
  slots_.push_back({"head.weight", config.output_size, config.head_inputs(), head_weight_});
  slots_.push_back({"head.bias", config.output_size, 0, head_bias_});
}

}  // namespace fastgru
