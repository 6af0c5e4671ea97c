// Absolute error: |e|.
#include <cmath>

#include "nn/losses/error_loss.h"

namespace fastgru {
namespace {

class AbsoluteError final : public ErrorLoss<AbsoluteError> {
 public:
  const char* name() const override { return "absolute_error"; }
  double value(const NetworkConfig&, double e) const { return std::abs(e); }
  double slope(const NetworkConfig&, double e) const { return e > 0 ? 1.0 : (e < 0 ? -1.0 : 0.0); }
};

}  // namespace

const Loss& absolute_error() {
  static const AbsoluteError loss;
  return loss;
}

}  // namespace fastgru
