// The header-only layer against the library, over a long sequence, for several sizes and both variants.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "app_case.h"
#include "fastgru/fastgru.hpp"
#include "fastgru/gru_layer.hpp"

using fastgru::GruLayer;
using fastgru::Model;

namespace {

// The largest difference from the library over a thousand steps.
template <int I, int H, bool ResetAfter>
double difference(const Model& model, const GruLayer<I, H, ResetAfter>& layer) {
  fastgru::Stream stream = model.stream();
  typename GruLayer<I, H, ResetAfter>::State h = {};
  float x[I], y[H];
  double worst = 0;
  for (int t = 0; t < 1000; ++t) {
    for (int i = 0; i < I; ++i) x[i] = 2.0f * std::sin(0.3f * static_cast<float>(t) + static_cast<float>(i));
    stream.step(x, y);
    layer.step(x, h);
    for (std::size_t j = 0; j < H; ++j) worst = std::max(worst, std::fabs(double{y[j]} - double{h[j]}));
  }
  return worst;
}

template <int I, int H, bool ResetAfter>
void check_size(bool bias = true) {
  const fastgru_test::AppCase c = fastgru_test::one_layer_case(I, H, ResetAfter, false, bias);
  const Model model = Model::load(c.file.data(), c.file.size());
  const auto layer = GruLayer<I, H, ResetAfter>::from(model);
  CHECK(difference(model, *layer) < 1e-6);
  CHECK_THROWS_AS((GruLayer<I, H + 1, ResetAfter>::from(model)), fastgru::Error);
  CHECK_THROWS_AS((GruLayer<I, H, ResetAfter>::from(model, 1)), fastgru::Error);
}

// What GruLayer says to a model that it cannot be.
template <bool ResetAfter>
std::string refusal(const fastgru_test::AppCase& c) {
  const Model model = Model::load(c.file.data(), c.file.size());
  try {
    (void)GruLayer<3, 7, ResetAfter>::from(model);
  } catch (const fastgru::Error& error) {
    CHECK(error.status() == FASTGRU_INVALID_ARGUMENT);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the layer of fixed sizes agrees with the library to 1e-6") {
  check_size<1, 1, true>();
  check_size<3, 7, true>();
  check_size<8, 8, true>();
  check_size<8, 16, true>();
  check_size<8, 32, true>();
  check_size<5, 33, false>();
  check_size<2, 16, false>();
  check_size<3, 7, true>(false);
  check_size<3, 7, false>(false);
}

TEST_CASE("the layer of fixed sizes refuses another reset variant and two directions") {
  using fastgru_test::one_layer_case;
  CHECK(refusal<true>(one_layer_case(3, 7, true)).empty());
  CHECK(refusal<false>(one_layer_case(3, 7, false)).empty());
  CHECK(refusal<true>(one_layer_case(3, 7, false)).find("reset_after=False, wanted True") !=
        std::string::npos);
  CHECK(refusal<false>(one_layer_case(3, 7, true)).find("reset_after=True, wanted False") !=
        std::string::npos);
  CHECK(refusal<true>(one_layer_case(3, 7, true, true)).find("two directions") != std::string::npos);
  CHECK(refusal<false>(one_layer_case(3, 7, false, true)).find("two directions") != std::string::npos);
}

TEST_CASE("the layer of fixed sizes tests itself") { CHECK(fastgru::gru_layer_self_test()); }

TEST_CASE("no subnormal number enters the layer of fixed sizes or its state") {
  using fastgru::layer_math::flushed;
  CHECK(flushed(1e-40f) == 0.0f);
  CHECK(flushed(-8.6e-19f) == 0.0f);
  CHECK(flushed(8.7e-19f) == 8.7e-19f);
  CHECK(std::isnan(flushed(std::nanf(""))));
  const float w[3] = {1e-40f, 0.0f, 1.0f}, u[3] = {0.0f, 0.0f, 0.5f};
  const GruLayer<1, 1> layer(w, u, nullptr, nullptr);
  GruLayer<1, 1>::State h = {1.0f};
  const float subnormal = 1e-40f;
  for (int t = 0; t < 200; ++t) {
    layer.step(&subnormal, h);  // halves the state at every step, and more
    const bool flushed = h[0] == 0.0f || h[0] > 8.6e-19f;
    CHECK(flushed);
  }
  CHECK(h[0] == 0.0f);
}

TEST_CASE("the layer of fixed sizes saturates and keeps NaN in sight") {
  CHECK(fastgru::layer_math::tanh(1e30f) == 1.0f);
  CHECK(fastgru::layer_math::tanh(-1e30f) == -1.0f);
  CHECK(fastgru::layer_math::sigmoid(1e30f) == 1.0f);
  CHECK(fastgru::layer_math::sigmoid(-1e30f) < 2e-18f);
  CHECK(std::isnan(fastgru::layer_math::sigmoid(std::nanf(""))));
  CHECK(std::isnan(fastgru::layer_math::tanh(std::nanf(""))));
  CHECK(fastgru::layer_math::tanh(1e-20f) == doctest::Approx(1e-20));
}
