// The update rules against their textbook formulae, one parameter at a time in long double.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/optim/optimizer.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::Random;
using testing::random_vector;
using Real = long double;

// Large enough for several chunks a tensor and for more than one thread.
NetworkConfig wide_config() { return testing::network_config(3, 160, 1, false, 2); }

struct Formula {
  OptimizerOptions options;
  std::vector<bool> decays;
  std::vector<Real> params, first, second;
  int step = 0;

  Formula(const OptimizerOptions& o, const NetworkLayout& layout, const std::vector<double>& start)
      : options(o), params(start.begin(), start.end()), first(start.size(), 0), second(start.size(), 0) {
    for (const ParamSlot& slot : layout.slots()) {
      const bool matrix = slot.name.find("weight") != std::string::npos;
      decays.insert(decays.end(), static_cast<std::size_t>(slot.size()), matrix);
    }
  }

  Real norm(const std::vector<double>& gradient) const {
    Real sum = 0;
    for (const double g : gradient) sum += static_cast<Real>(g) * g;
    return std::sqrt(sum);
  }

  void update(const std::vector<double>& gradient) {
    const OptimizerOptions& o = options;
    const Real clip = o.clip_norm > 0 ? std::min(Real(1), o.clip_norm / (norm(gradient) + 1e-6L)) : Real(1);
    ++step;
    for (std::size_t i = 0; i < params.size(); ++i) {
      const Real g = gradient[i] * clip + (decays[i] ? o.alpha * params[i] : Real(0));
      if (o.solver == Solver::sgd) {
        first[i] = o.momentum * first[i] + g;
        params[i] -= o.learning_rate * (o.nesterov ? g + o.momentum * first[i] : first[i]);
      } else {
        first[i] = o.beta_1 * first[i] + (1 - Real(o.beta_1)) * g;
        second[i] = o.beta_2 * second[i] + (1 - Real(o.beta_2)) * g * g;
        const Real m = first[i] / (1 - std::pow(Real(o.beta_1), step));
        const Real v = second[i] / (1 - std::pow(Real(o.beta_2), step));
        params[i] -= o.learning_rate * m / (std::sqrt(v) + o.epsilon);
      }
    }
  }
};

template <class S>
void check_against_formula(const OptimizerOptions& options, double tolerance) {
  const NetworkLayout layout(wide_config());
  Optimizer<S> optimizer(layout.slots(), layout.total(), options);
  REQUIRE(optimizer.allocate().ok());
  Random random(3);
  std::vector<S> params = random_vector<S>(random, layout.total());
  std::vector<S> updated(params.size());
  Formula formula(options, layout, std::vector<double>(params.begin(), params.end()));
  for (int step = 0; step < 6; ++step) {
    const std::vector<S> gradient = random_vector<S>(random, layout.total(), step == 2 ? 1e-4 : 0.1);
    const std::vector<double> exact(gradient.begin(), gradient.end());
    const double norm = optimizer.norm(gradient.data(), 1);
    CHECK(norm == doctest::Approx(static_cast<double>(formula.norm(exact))).epsilon(1e-14));
    REQUIRE(optimizer.step(params.data(), gradient.data(), norm, updated.data(), 1));
    params.swap(updated);
    formula.update(exact);
  }
  double worst = 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(params[i] - formula.params[i])));
  }
  CHECK(worst < tolerance);
  CHECK(optimizer.step_count() == 6);
}

TEST_CASE_TEMPLATE("updates follow the formulae", S, float, double) {
  const double tolerance = sizeof(S) == 4 ? 1e-6 : 1e-14;
  OptimizerOptions options;
  for (const double alpha : {0.0, 0.3}) {
    for (const double clip_norm : {0.0, 1.0, 1e6}) {
      options.alpha = alpha;
      options.clip_norm = clip_norm;
      CAPTURE(alpha);
      CAPTURE(clip_norm);
      options.solver = Solver::adam;
      check_against_formula<S>(options, tolerance);
      options.solver = Solver::sgd;
      for (const bool nesterov : {false, true}) {
        options.nesterov = nesterov;
        check_against_formula<S>(options, tolerance);
      }
      options.momentum = 0.0;
      check_against_formula<S>(options, tolerance);
      options.momentum = 0.9;
    }
  }
}

TEST_CASE_TEMPLATE("norm and update have the same bits at any thread count", S, float, double) {
  const NetworkLayout layout(wide_config());
  REQUIRE(layout.total() > 65536);
  Random random(4);
  const std::vector<S> params = random_vector<S>(random, layout.total());
  const std::vector<S> gradient = random_vector<S>(random, layout.total());
  std::vector<S> wanted(params.size()), got(params.size());
  Optimizer<S> one(layout.slots(), layout.total(), OptimizerOptions());
  REQUIRE(one.allocate().ok());
  const double norm = one.norm(gradient.data(), 1);
  REQUIRE(one.step(params.data(), gradient.data(), norm, wanted.data(), 1));
  for (const int threads : {2, 3, 7}) {
    Optimizer<S> many(layout.slots(), layout.total(), OptimizerOptions());
    REQUIRE(many.allocate().ok());
    CHECK(many.norm(gradient.data(), threads) == norm);
    REQUIRE(many.step(params.data(), gradient.data(), norm, got.data(), threads));
    CHECK(got == wanted);
  }
}

TEST_CASE("an update that is not finite is refused and the moments start afresh") {
  const NetworkLayout layout(testing::network_config(1, 2, 1, false, 1));
  OptimizerOptions options;
  options.solver = Solver::sgd;
  options.learning_rate = 1e30;
  options.clip_norm = 0;
  Optimizer<float> optimizer(layout.slots(), layout.total(), options);
  REQUIRE(optimizer.allocate().ok());
  const std::vector<float> params(static_cast<std::size_t>(layout.total()), 1.0f);
  std::vector<float> gradient(params.size(), 0.0f), updated(params.size());
  gradient.back() = 1e20f;
  const double norm = optimizer.norm(gradient.data(), 1);
  CHECK_FALSE(optimizer.step(params.data(), gradient.data(), norm, updated.data(), 1));
  CHECK(optimizer.step_count() == 0);
  for (std::int64_t i = 0; i < optimizer.size(); ++i) CHECK(optimizer.first_moment()[i] == 0.0f);
}

void check_refused(OptimizerOptions options, const char* name) {
  const Status status = validate(options);
  CHECK(status.code() == ErrorCode::invalid_argument);
  CHECK(status.message().rfind(std::string(name) + " must be", 0) == 0);
}

TEST_CASE("options out of range are refused by name") {
  const double bad_number = std::numeric_limits<double>::quiet_NaN();
  const auto with = [](double OptimizerOptions::*member, double value) {
    OptimizerOptions options;
    options.*member = value;
    return options;
  };
  CHECK(validate(OptimizerOptions()).ok());
  for (const double bad : {0.0, -1.0, HUGE_VAL, bad_number}) {
    check_refused(with(&OptimizerOptions::learning_rate, bad), "learning_rate");
    check_refused(with(&OptimizerOptions::epsilon, bad), "epsilon");
  }
  for (const double bad : {-0.1, 1.0, bad_number}) {
    check_refused(with(&OptimizerOptions::beta_1, bad), "beta_1");
    check_refused(with(&OptimizerOptions::beta_2, bad), "beta_2");
  }
  for (const double bad : {-1.0, HUGE_VAL, bad_number}) {
    check_refused(with(&OptimizerOptions::momentum, bad), "momentum");
    check_refused(with(&OptimizerOptions::alpha, bad), "alpha");
    check_refused(with(&OptimizerOptions::clip_norm, bad), "clip_norm");
  }
}

}  // namespace
}  // namespace fastgru
