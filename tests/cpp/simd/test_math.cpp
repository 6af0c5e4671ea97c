// exp, sigmoid, tanh and the logarithms of every instruction set, over the bit patterns of float, against
// double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/dispatch.h"

namespace {

using Map = void (*)(const float*, float*, std::int64_t);

struct MathFunction {
  const char* name;
  Map fastgru::KernelTable::*kernel;
  double (*exact)(double);
  float low, high;       // range of the bound
  double ulp, ulp_sse2;  // SSE2 has no FMA: products are rounded before they are added
};

double exact_exp(double x) { return std::exp(x); }
double exact_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double exact_tanh(double x) { return std::tanh(x); }
double exact_log(double x) { return std::log(x); }
double exact_log1p(double x) { return std::log1p(x); }
double exact_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

const MathFunction kFunctions[] = {
    {"exp", &fastgru::KernelTable::map_exp, exact_exp, -87.0f, 87.0f, 1.1, 1.1},
    {"sigmoid", &fastgru::KernelTable::map_sigmoid, exact_sigmoid, -86.0f, 100.0f, 2.2, 2.5},
    {"tanh", &fastgru::KernelTable::map_tanh, exact_tanh, -100.0f, 100.0f, 2.5, 2.5},
    {"log", &fastgru::KernelTable::map_log, exact_log, 1.2e-38f, 3.4e38f, 2.0, 2.0},
    {"log1p", &fastgru::KernelTable::map_log1p, exact_log1p, 0.0f, 1.0f, 2.0, 2.0},
    {"softplus", &fastgru::KernelTable::map_softplus, exact_softplus, -86.0f, 100.0f, 2.8, 2.8},
};

double ulp_error(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  const double ulp =
      std::fabs(static_cast<double>(std::nextafterf(rounded, std::numeric_limits<float>::infinity()))) -
      std::fabs(static_cast<double>(rounded));
  return std::fabs(static_cast<double>(got) - exact) / std::max(std::fabs(ulp), 1.4e-45);
}

// Every `stride`th float in [low, high] by bit pattern. Subnormals are left out: the engine flushes them to
// zero.
std::vector<float> floats_in(float low, float high, std::uint32_t stride) {
  std::vector<float> values;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += stride) {
    const std::uint32_t word = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &word, sizeof value);
    if (std::fabs(value) >= 1.2e-38f && value >= low && value <= high) values.push_back(value);
  }
  return values;
}

}  // namespace

TEST_CASE("elementary functions keep their bounds over float bit patterns") {
  const std::string before = fastgru::active_isa();
  for (const std::string& isa : fastgru::isa_names()) {
    REQUIRE(fastgru::set_active_isa(isa));
    for (const MathFunction& f : kFunctions) {
      const std::vector<float> x = floats_in(f.low, f.high, 1009);
      std::vector<float> y(x.size());
      (fastgru::active_kernels().*f.kernel)(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
      double worst = 0;
      float at = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = ulp_error(y[i], f.exact(static_cast<double>(x[i])));
        if (!(error <= worst)) {
          worst = error;
          at = x[i];
        }
      }
      std::printf("%s %s: at most %.2f ULP (at %g) over %zu floats\n", isa.c_str(), f.name, worst,
                  static_cast<double>(at), x.size());
      CAPTURE(isa);
      CAPTURE(f.name);
      CHECK(worst <= (isa == "baseline" ? f.ulp_sse2 : f.ulp));
    }
  }
  REQUIRE(fastgru::set_active_isa(before));
}

TEST_CASE("elementary functions at the ends and for what is not a number") {
  const std::string before = fastgru::active_isa();
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {inf, -inf, 3e38f, -3e38f, 0.0f, nan, 1.0f};
  std::vector<float> y(x.size());
  const std::int64_t n = static_cast<std::int64_t>(x.size());
  for (const std::string& isa : fastgru::isa_names()) {
    REQUIRE(fastgru::set_active_isa(isa));
    CAPTURE(isa);
    const fastgru::KernelTable& kernels = fastgru::active_kernels();
    kernels.map_tanh(x.data(), y.data(), n);
    CHECK(y[0] == 1.0f);
    CHECK(y[1] == -1.0f);
    CHECK(y[2] == 1.0f);
    CHECK(y[3] == -1.0f);
    CHECK(y[4] == 0.0f);
    CHECK(std::isnan(y[5]));
    kernels.map_sigmoid(x.data(), y.data(), n);
    CHECK(y[0] == 1.0f);
    CHECK(y[1] >= 0.0f);
    CHECK(y[1] < 1e-37f);
    CHECK(y[4] == 0.5f);
    CHECK(std::isnan(y[5]));
    kernels.map_log(x.data(), y.data(), n);
    CHECK(y[0] == doctest::Approx(88.7228f));
    CHECK(y[1] == doctest::Approx(-87.3365f));
    CHECK(y[4] == doctest::Approx(-87.3365f));
    CHECK(std::isnan(y[5]));
    CHECK(y[6] == 0.0f);
    kernels.map_softplus(x.data(), y.data(), n);
    CHECK(y[0] == inf);
    CHECK(y[1] >= 0.0f);
    CHECK(y[1] < 1e-37f);
    CHECK(y[2] == 3e38f);
    CHECK(std::isnan(y[5]));
  }
  REQUIRE(fastgru::set_active_isa(before));
}
