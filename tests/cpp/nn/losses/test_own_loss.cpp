// A loss defined in this file: shows what a new loss needs. It trains, predicts and evaluates like those of
// the list, and its gradient is that of its values.
#include <doctest/doctest.h>

#include <cmath>

#include "nn/losses/error_loss.h"
#include "nn_case.h"

namespace fastgru {
namespace {

// log(cosh(e)): a smooth loss between the squared and the absolute error.
class LogCosh final : public ErrorLoss<LogCosh> {
 public:
  const char* name() const override { return "log_cosh"; }
  double value(const NetworkConfig&, double e) const { return std::log(std::cosh(e)); }
  double slope(const NetworkConfig&, double e) const { return std::tanh(e); }
};

TEST_CASE("a loss that the list does not know trains a network") {
  static const LogCosh loss;
  NetworkConfig config = testing::network_config(2, 6, 1, false, 2);
  config.loss = &loss;
  const testing::NetworkCase<double> problem(config, 40, 5);
  TrainerOptions options;
  options.batch_size = 8;
  const auto trainer = testing::make_trainer(problem.network, options);
  double before = 0, after = 0;
  REQUIRE(trainer->evaluate(problem.data(true, true), nullptr, before).ok());
  for (int epoch = 0; epoch < 30; ++epoch) testing::run_epoch(*trainer, problem.data(true, true));
  REQUIRE(trainer->evaluate(problem.data(true, true), nullptr, after).ok());
  CHECK(after < 0.7 * before);
}

TEST_CASE("its gradient is that of its values") {
  static const LogCosh loss;
  const NetworkConfig config = testing::network_config(1, 1, 1, false, 1);
  for (const double logit : {-3.0, -0.1, 0.0, 2.5}) {
    const double target = 0.4, step = 1e-6;
    double gradient = 0, sums[3] = {0, 0, 0};
    LossRows<double> rows;
    rows.targets = &target;
    rows.rows = 1;
    for (int i = 0; i < 3; ++i) {
      const double moved = logit + (i - 1) * step;
      rows.logits = &moved;
      rows.gradient = i == 1 ? &gradient : nullptr;
      loss.add(config, rows, sums[i]);
    }
    CHECK(gradient == doctest::Approx((sums[2] - sums[0]) / (2 * step)).epsilon(1e-6));
  }
}

}  // namespace
}  // namespace fastgru
