// The list of losses.
#include "nn/losses/loss.h"

#include "nn/network_config.h"

namespace fastgru {

const Loss& squared_error();
const Loss& absolute_error();
const Loss& huber();
const Loss& quantile();
const Loss& cross_entropy();
const Loss& binary_cross_entropy();
const Loss& ctc();

const std::vector<const Loss*>& all_losses() {
  static const std::vector<const Loss*> losses = {
      &squared_error(), &absolute_error(),       &huber(), &quantile(),
      &cross_entropy(), &binary_cross_entropy(), &ctc()};
  return losses;
}

std::vector<std::string_view> loss_names() {
  std::vector<std::string_view> names;
  for (const Loss* loss : all_losses()) names.emplace_back(loss->name());
  return names;
}

const Loss& default_loss() { return *all_losses().front(); }

const Loss* find_loss(std::string_view name) {
  for (const Loss* loss : all_losses()) {
    if (name == loss->name()) return loss;
  }
  return nullptr;
}

std::int64_t Loss::logits(const NetworkConfig& config) const { return config.output_size; }
std::int64_t Loss::targets(const NetworkConfig& config) const { return config.output_size; }

Status check_losses(const NetworkConfig& config) {
  for (const Loss* loss : all_losses()) FASTGRU_RETURN_IF_ERROR(loss->check(config));
  return {};
}

}  // namespace fastgru
