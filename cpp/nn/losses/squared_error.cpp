// Squared error: e^2.
#include "nn/losses/error_loss.h"

namespace fastgru {
namespace {

class SquaredError final : public ErrorLoss<SquaredError> {
 public:
  const char* name() const override { return "squared_error"; }
  double value(const NetworkConfig&, double e) const { return e * e; }
  double slope(const NetworkConfig&, double e) const { return 2.0 * e; }
};

}  // namespace

const Loss& squared_error() {
  static const SquaredError loss;
  return loss;
}

}  // namespace fastgru
