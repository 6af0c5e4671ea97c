// One step of Adam on every instruction set, against its formula in double.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "each_isa.h"
#include "gru_case.h"

namespace {

using namespace fastgru::testing;
using Floats = std::vector<float>;

constexpr float kUntouched = -7.0f;

struct Step {
  std::int64_t count;
  Floats params, gradient, first, second, updated;
  fastgru::AdamArgs args{};

  explicit Step(std::int64_t n) : count(n) {
    Random random(31);
    params = random_vector<float>(random, n);
    gradient = random_vector<float>(random, n);
    first = random_vector<float>(random, n, 0.1);
    second = random_vector<float>(random, n, 0.01);
    for (float& value : second) value = std::fabs(value);
    updated = Floats(static_cast<std::size_t>(n), kUntouched);
    for (Floats* values : {&first, &second, &updated}) values->resize(values->size() + 20, kUntouched);
    args.clip = 0.75f;
    args.decay = 0.125f;
    args.beta_1 = 0.9f;
    args.beta_2 = 0.99f;
    args.one_minus_beta_1 = 0.1f;
    args.one_minus_beta_2 = 0.01f;
    args.step_size = 0.02f;
    args.inverse_root = 1.5f;
    args.epsilon = 1e-3f;
  }

  void run(Floats& to) {
    args.count = count;
    args.params = params.data();
    args.gradient = gradient.data();
    args.first = first.data();
    args.second = second.data();
    args.updated = to.data();
    fastgru::active_kernels().adam(args);
  }
};

bool near(float got, double wanted) { return std::fabs(static_cast<double>(got) - wanted) <= 1e-6; }

}  // namespace

TEST_CASE("adam: moments and parameters follow the formula, at any count, and nothing beyond is written") {
  for_each_isa([](const std::string&) {
    for (std::int64_t count = 1; count <= 70; ++count) {
      CAPTURE(count);
      const Step before(count);
      Step after(count);
      after.run(after.updated);
      const fastgru::AdamArgs& a = before.args;
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        const double p = static_cast<double>(before.params[i]);
        const double g = a.clip * static_cast<double>(before.gradient[i]) + a.decay * p;
        const double m = a.beta_1 * static_cast<double>(before.first[i]) + a.one_minus_beta_1 * g;
        const double v = a.beta_2 * static_cast<double>(before.second[i]) + a.one_minus_beta_2 * g * g;
        CHECK(near(after.first[i], m));
        CHECK(near(after.second[i], v));
        CHECK(near(after.updated[i], p - a.step_size * m / (std::sqrt(v) * a.inverse_root + a.epsilon)));
      }
      for (std::size_t i = static_cast<std::size_t>(count); i < after.first.size(); ++i) {
        CHECK(after.first[i] == kUntouched);
        CHECK(after.second[i] == kUntouched);
        CHECK(after.updated[i] == kUntouched);
      }
      CHECK(same_bits(before.params, after.params));
    }
  });
}

TEST_CASE("adam: the parameters may be updated where they are") {
  for_each_isa([](const std::string&) {
    Step apart(45), place(45);
    apart.run(apart.updated);
    place.run(place.params);
    apart.updated.resize(45);
    CHECK(same_bits(apart.updated, place.params));
  });
}
