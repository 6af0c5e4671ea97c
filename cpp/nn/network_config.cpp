// Checks of a network's options, and the offsets of its parameters.
#include "nn/network_config.h"

#include <limits>
#include <string>

#include "nn/modules/chain.h"

namespace fastgru {
namespace {

// validate(GruConfig) keeps the GRU's parameters below this bound as well, so that the size of all parameters
// in bytes does not overflow.
Status check_count(const NetworkConfig& config) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024 / kMaxQuantiles;
  if (config.output_size <= kMost / (config.head_inputs() + 1)) return {};
  return Status::invalid("output_size=" + std::to_string(config.output_size) +
                         " and hidden_size=" + std::to_string(config.gru.hidden_size) +
                         " need more parameters than can be counted");
}

}  // namespace

std::int64_t NetworkConfig::features() const { return raw_features(gru.input_size, vocabulary_size); }

Status validate(const NetworkConfig& config) {
  FASTGRU_RETURN_IF_ERROR(validate(config.gru));
  FASTGRU_RETURN_IF_ERROR(config.check_head());
  FASTGRU_RETURN_IF_ERROR(config.check_dropout());
  FASTGRU_RETURN_IF_ERROR(check_losses(config));
  FASTGRU_RETURN_IF_ERROR(config.check_steps());
  FASTGRU_RETURN_IF_ERROR(config.check_inputs(config.gru.input_size, config.vocabulary_size));
  FASTGRU_RETURN_IF_ERROR(config.check_vocabulary(config.gru.input_size));
  FASTGRU_RETURN_IF_ERROR(config.check_tied(config.vocabulary_size, config.gru.input_size,
                                            config.head_inputs(), config.logits()));
  return check_count(config);
}

NetworkLayout::NetworkLayout(const NetworkConfig& config) : config_(config) {
  const Chain<float> chain(config_);  // offsets are the same in both precisions
  slots_ = chain.slots();
  total_ = chain.total();
}

}  // namespace fastgru
