// The Huber loss (Huber 1964): e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2).
#include <algorithm>
#include <cmath>
#include <string>

#include "nn/losses/error_loss.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

class Huber final : public ErrorLoss<Huber> {
 public:
  const char* name() const override { return "huber"; }
  double value(const NetworkConfig& config, double e) const {
    const double delta = config.huber_delta, size = std::abs(e);
    return size <= delta ? 0.5 * e * e : delta * (size - 0.5 * delta);
  }
  double slope(const NetworkConfig& config, double e) const {
    return std::clamp(e, -config.huber_delta, config.huber_delta);
  }

  Status check(const NetworkConfig& config) const override {
    if (config.huber_delta > 0 && std::isfinite(config.huber_delta)) return {};
    return Status::invalid("huber_delta must be a finite number above 0, got " +
                           number_text(config.huber_delta));
  }
};

}  // namespace

const Loss& huber() {
  static const Huber loss;
  return loss;
}

}  // namespace fastgru
