// The header-only layer against the library, over a long sequence, for several sizes and both variants.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

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
void check_size() {
  const fastgru_test::AppCase c = fastgru_test::one_layer_case(I, H, ResetAfter);
  const Model model = Model::load(c.file.data(), c.file.size());
  const auto layer = GruLayer<I, H, ResetAfter>::from(model);
  CHECK(difference(model, *layer) < 1e-6);
  CHECK_THROWS_AS((GruLayer<I, H + 1, ResetAfter>::from(model)), fastgru::Error);
  CHECK_THROWS_AS((GruLayer<I, H, ResetAfter>::from(model, 1)), fastgru::Error);
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
}

TEST_CASE("the layer of fixed sizes saturates and keeps NaN in sight") {
  CHECK(fastgru::layer_math::tanh(1e30f) == 1.0f);
  CHECK(fastgru::layer_math::tanh(-1e30f) == -1.0f);
  CHECK(fastgru::layer_math::sigmoid(1e30f) == 1.0f);
  CHECK(fastgru::layer_math::sigmoid(-1e30f) < 1e-37f);
  CHECK(std::isnan(fastgru::layer_math::tanh(std::nanf(""))));
  CHECK(fastgru::layer_math::tanh(1e-20f) == doctest::Approx(1e-20));
}
