// The gradient of pooled states, unit by unit, for more units than the code handles at once.
#include <doctest/doctest.h>

#include <vector>

#include "nn_case.h"

namespace fastgru {
namespace {

constexpr std::int64_t kSteps = 5, kRows = 4, kHidden = 50, kWidth = 2 * kHidden;
const std::int64_t kLengths[kRows] = {5, 0, 1, 3};

std::vector<float> small_integers(std::int64_t count) {  // with many equal values
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * i * 7 % 11) - 5.0f;
  return values;
}

// The gradient of one step of one row, by the definition.
float expected(Pooling pooling, const std::vector<float>& y, float d_pooled, std::int64_t t, std::int64_t b,
               std::int64_t k) {
  const std::int64_t length = kLengths[b];
  if (pooling == Pooling::mean) return d_pooled / static_cast<float>(length);
  const auto value = [&](std::int64_t s) {
    return y[static_cast<std::size_t>((s * kRows + b) * kWidth + k)];
  };
  std::int64_t largest = 0;
  for (std::int64_t s = 1; s < length; ++s) largest = value(s) > value(largest) ? s : largest;
  return t == largest ? d_pooled : 0.0f;
}

TEST_CASE("the gradient of a mean or a maximum reaches the steps it is from") {
  for (const Pooling pooling : {Pooling::mean, Pooling::max}) {
    NetworkConfig config = testing::network_config(2, kHidden, 1, true, 1);
    config.pooling = pooling;
    const std::vector<float> y = small_integers(kSteps * kRows * kWidth);
    std::vector<float> d_pooled = small_integers(kRows * kWidth);
    for (float& d : d_pooled) d += 0.5f;  // none is zero
    PoolingModule<float> module(config);
    REQUIRE(module.reserve(kSteps, kRows, true).ok());
    ModuleCall<float> call;
    call.steps = kSteps;
    call.rows = kRows;
    call.lengths = kLengths;
    call.training = true;
    Signal<float> states, pooled;
    states.values = y.data();
    states.steps = kSteps;
    states.rows = kRows;
    states.width = kWidth;
    REQUIRE(module.forward(call, states, pooled).ok());
    SignalGradient<float> out, in;
    out.values = dense_view(d_pooled.data(), 1, kRows, kWidth);
    REQUIRE(module.backward(call, out, &in, nullptr).ok());
    const SequenceView<float> dy = in.values;
    REQUIRE(dy.data != nullptr);
    for (std::int64_t b = 0; b < kRows; ++b) {
      for (std::int64_t t = 0; t < kLengths[b]; ++t) {
        for (std::int64_t k = 0; k < kWidth; ++k) {
          const float d = d_pooled[static_cast<std::size_t>(b * kWidth + k)];
          CHECK(dy.at(t, b)[k] == expected(pooling, y, d, t, b, k));
        }
      }
    }
  }
}

}  // namespace
}  // namespace fastgru
