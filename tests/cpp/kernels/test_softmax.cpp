// Softmax and cross entropy on every instruction set: against double, the order of summation, infinities and
// NaN.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/softmax.h"
#include "random.h"

namespace {

using fastgru::KernelTable;

constexpr float kGuard = 12345.0f;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const std::int64_t kSizes[] = {1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 300, 2047, 2048, 2049, 5000, 50000};

std::vector<float> logits(std::int64_t n, float range) {
  fastgru::testing::Random random(static_cast<std::uint64_t>(n));
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& value : x) value = range * static_cast<float>(random.uniform());
  return x;
}

struct Answer {
  double loss = 0;
  std::vector<float> gradient;
};

Answer cross_entropy(const KernelTable& kernels, const std::vector<float>& x, std::int64_t target,
                     double factor) {
  Answer answer;
  answer.gradient.assign(x.size() + 1, kGuard);
  fastgru::CrossEntropyArgs args;
  args.classes = static_cast<std::int64_t>(x.size());
  args.target = target;
  args.logits = x.data();
  args.factor = factor;
  args.gradient = answer.gradient.data();
  answer.loss = fastgru::cross_entropy(kernels, args);
  return answer;
}

struct Exact {
  double largest, sum = 0;
  explicit Exact(const std::vector<float>& x)
      : largest(static_cast<double>(*std::max_element(x.begin(), x.end()))) {
    for (const float value : x) sum += std::exp(static_cast<double>(value) - largest);
  }
  double log() const { return largest + std::log(sum); }
  double probability(float x) const { return std::exp(static_cast<double>(x) - largest) / sum; }
};

template <class F>
void on_every_isa(F f) {
  const std::string before = fastgru::active_isa();
  for (const std::string& isa : fastgru::isa_names()) {
    REQUIRE(fastgru::set_active_isa(isa));
    CAPTURE(isa);
    f(fastgru::active_kernels(), isa);
  }
  REQUIRE(fastgru::set_active_isa(before));
}

}  // namespace

TEST_CASE("cross entropy and its gradient against double") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const std::int64_t n : kSizes) {
      for (const float range : {0.01f, 3.0f, 40.0f}) {
        CAPTURE(n);
        CAPTURE(range);
        const std::vector<float> x = logits(n, range);
        const Exact exact(x);
        const std::int64_t target = n / 3;
        const double factor = 0.25;
        const Answer got = cross_entropy(kernels, x, target, factor);
        // x - largest is rounded at up to 2 * range
        const double bound = 2e-6 + 1.2e-7 * static_cast<double>(range);
        const double loss = exact.log() - static_cast<double>(x[static_cast<std::size_t>(target)]);
        CHECK(std::fabs(got.loss - loss) < bound);
        double worst = 0, sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          const auto at = static_cast<std::size_t>(k);
          const double p = exact.probability(x[at]), wanted = factor * (p - (k == target ? 1.0 : 0.0));
          worst = std::max(worst, std::fabs(static_cast<double>(got.gradient[at]) - wanted) /
                                      (factor * p * bound + 2e-38 + 1e-7 * std::fabs(wanted)));
          sum += static_cast<double>(got.gradient[at]);
        }
        CHECK(worst < 2.0);
        CHECK(std::fabs(sum) < 2e-6);
        CHECK(got.gradient.back() == kGuard);
        CHECK(std::fabs(fastgru::log_sum_exp(kernels, x.data(), n) - exact.log()) < bound);
      }
    }
  });
}

TEST_CASE("the loss is the same with and without its gradient, and in place") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const std::int64_t n : kSizes) {
      const std::vector<float> x = logits(n, 5.0f);
      const Answer got = cross_entropy(kernels, x, 0, 1.0);
      std::vector<float> place = x;
      fastgru::CrossEntropyArgs args;
      args.classes = n;
      args.logits = place.data();
      CHECK(fastgru::cross_entropy(kernels, args) == got.loss);
      args.gradient = place.data();
      CHECK(fastgru::cross_entropy(kernels, args) == got.loss);
      CHECK(std::equal(place.begin(), place.end(), got.gradient.begin()));
    }
  });
}

TEST_CASE("softmax sums to one") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const std::int64_t n : kSizes) {
      const std::vector<float> x = logits(n, 8.0f);
      std::vector<float> p(x.size() + 1, kGuard);
      fastgru::softmax(kernels, x.data(), n, p.data());
      const Exact exact(x);
      double sum = 0, worst = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        sum += static_cast<double>(p[k]);
        const double wanted = exact.probability(x[k]);
        worst = std::max(worst, std::fabs(static_cast<double>(p[k]) - wanted) / wanted);
      }
      CAPTURE(n);
      CHECK(std::fabs(sum - 1.0) < 1e-6);
      CHECK(worst < 3e-6);
      CHECK(p.back() == kGuard);
    }
  });
}

TEST_CASE("the sum of exponentials takes sixteen lanes in the same order on every instruction set") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const std::int64_t n : kSizes) {
      const std::vector<float> x = logits(n, 5.0f);
      std::vector<float> e(x.size());
      fastgru::ExpSumArgs args;
      args.n = n;
      args.x = x.data();
      args.e = e.data();
      args.largest = 0;
      args.sum = 0;
      kernels.exp_sum(args);
      double sum = 0;
      for (std::size_t begin = 0; begin < e.size(); begin += 2048) {
        float lanes[16] = {};
        for (std::size_t i = begin; i < std::min(e.size(), begin + 2048); ++i) lanes[i % 16] += e[i];
        double quarters[4];
        for (int i = 0; i < 4; ++i) {
          quarters[i] = (static_cast<double>(lanes[i]) + static_cast<double>(lanes[i + 4])) +
                        (static_cast<double>(lanes[i + 8]) + static_cast<double>(lanes[i + 12]));
        }
        sum += (quarters[0] + quarters[1]) + (quarters[2] + quarters[3]);
      }
      CAPTURE(n);
      CHECK(args.sum == sum);
      CHECK(args.largest == *std::max_element(x.begin(), x.end()));
    }
  });
}

TEST_CASE("cross entropy has the same bits on AVX2 and AVX-512") {
  for (const std::int64_t n : kSizes) {
    std::vector<Answer> answers;
    on_every_isa([&](const KernelTable& kernels, const std::string& isa) {
      if (isa != "baseline") answers.push_back(cross_entropy(kernels, logits(n, 6.0f), n - 1, 0.125));
    });
    for (const Answer& answer : answers) {
      CHECK(answer.loss == answers.front().loss);
      CHECK(answer.gradient == answers.front().gradient);
    }
  }
}

TEST_CASE("cross entropy of logits that are infinite or not numbers") {
  on_every_isa([](const KernelTable& kernels, const std::string&) {
    for (const std::int64_t n : {std::int64_t{3}, std::int64_t{17}, std::int64_t{130}}) {
      for (const std::int64_t place : {std::int64_t{0}, n / 2, n - 1}) {
        std::vector<float> x = logits(n, 2.0f);
        for (const float bad : {kNan, kInfinity}) {
          x[static_cast<std::size_t>(place)] = bad;
          const Answer got = cross_entropy(kernels, x, 1, 1.0);
          CHECK(std::isnan(got.loss));
          for (std::int64_t k = 0; k < n; ++k) CHECK(std::isnan(got.gradient[static_cast<std::size_t>(k)]));
        }
        x[static_cast<std::size_t>(place)] = -kInfinity;
        const Answer got = cross_entropy(kernels, x, place == 1 ? 0 : 1, 1.0);
        CHECK(std::isfinite(got.loss));
        CHECK(std::fabs(got.gradient[static_cast<std::size_t>(place)]) < 1e-37f);
      }
      const std::vector<float> none(static_cast<std::size_t>(n), -kInfinity);
      CHECK(std::isnan(cross_entropy(kernels, none, 0, 1.0).loss));
    }
  });
}
