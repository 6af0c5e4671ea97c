#include "nn/layout.h"

#include <cmath>
#include <limits>
#include <string>

namespace fastgru {
namespace {

Status check_loss(const NetworkConfig& config) {
  if (!(config.huber_delta > 0 && std::isfinite(config.huber_delta))) {
    return Status::invalid("huber_delta must be a finite number above 0, got " +
                           std::to_string(config.huber_delta));
  }
  const auto count = static_cast<std::int64_t>(config.quantiles.size());
  if ((config.loss == Loss::quantile) != (count > 0) || count > kMaxQuantiles) {
    return Status::invalid("quantiles has " + std::to_string(count) + " values, wanted 1 to " +
                           std::to_string(kMaxQuantiles) + " for loss='quantile', none for other losses");
  }
  double before = 0;
  for (const double quantile : config.quantiles) {
    if (!(quantile > before && quantile < 1)) {
      return Status::invalid("quantiles must rise between 0 and 1, got " + std::to_string(quantile) +
                             " after " + std::to_string(before));
    }
    before = quantile;
  }
  if (config.loss == Loss::cross_entropy && config.output_size < 2) {
    return Status::invalid("output_size must be at least 2 classes for loss='cross_entropy', got " +
                           std::to_string(config.output_size));
  }
  if (config.sequence && config.pooling != Pooling::last) {
    return Status::invalid("pooling must be 'last' when the network answers every step");
  }
  return {};
}

Status check_inputs(const NetworkConfig& config) {
  if (config.missing_mask && (config.vocabulary_size > 0 || config.gru.input_size % 2 != 0)) {
    return Status::invalid("missing_mask wants an even input_size, half of it masks, and no tokens; got " +
                           std::to_string(config.gru.input_size) + " and vocabulary_size " +
                           std::to_string(config.vocabulary_size));
  }
  if (config.vocabulary_size != 0 && config.vocabulary_size < 2) {
    return Status::invalid("vocabulary_size must be 0 (no tokens) or at least 2 (padding and unknown), got " +
                           std::to_string(config.vocabulary_size));
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024;
  if (config.vocabulary_size > kMost / config.gru.input_size) {
    return Status::invalid(
        "vocabulary_size must be at most " + std::to_string(kMost / config.gru.input_size) +
        " with input_size=" + std::to_string(config.gru.input_size) +
        ", or there are more parameters than can be counted; got " + std::to_string(config.vocabulary_size));
  }
  return {};
}

}  // namespace

Status validate(const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(validate(config.gru));
  if (config.output_size < 1) {
    return Status::invalid("output_size must be at least 1, got " + std::to_string(config.output_size));
  }
  if (!(config.head_dropout >= 0.0 && config.head_dropout < 1.0)) {
    return Status::invalid("head_dropout must be in [0, 1), got " + std::to_string(config.head_dropout));
  }
  if (!(config.input_dropout >= 0.0 && config.input_dropout < 1.0)) {
    return Status::invalid("input_dropout must be in [0, 1), got " + std::to_string(config.input_dropout));
  }
  FASTGRU_RETURN_IF_ERROR(check_loss(config));
  FASTGRU_RETURN_IF_ERROR(check_inputs(config));
  // validate(GruConfig) leaves the GRU's count below this bound as well, so that the sum can be counted in
  // bytes.
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024 / kMaxQuantiles;
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
  head_bias_ = head_weight_ + config.answers() * config.head_inputs();
  total_ = head_bias_ + config.answers();
  slots_.push_back({"head.weight", config.answers(), config.head_inputs(), head_weight_});
  slots_.push_back({"head.bias", config.answers(), 0, head_bias_});
  if (config.vocabulary_size == 0) return;
  embedding_ = total_;
  total_ += config.vocabulary_size * config.gru.input_size;
  slots_.push_back({"embedding.weight", config.vocabulary_size, config.gru.input_size, embedding_});
}

}  // namespace fastgru
