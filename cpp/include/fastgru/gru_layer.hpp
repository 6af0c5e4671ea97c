// gru_layer.hpp: one GRU layer whose sizes are known when the app is compiled. C++17, this header alone: no
// library to link, nothing allocated. The compiler unrolls and vectorises for the processor it is told of
// (-O3 -march=native); answers agree with fastgru's to about 1e-6.
//
//   auto layer = std::make_unique<fastgru::GruLayer<8, 32>>(w_ih, w_hh, b_ih, b_hh);  // PyTorch's arrays
//   fastgru::GruLayer<8, 32>::State h = {};
//   layer->step(x, h);  // h is the new state
//
// Any compiler flags do, -ffast-math, -Ofast and x87 included; gru_layer_self_test() says whether a build is
// right. Inputs, weights and states below 2^-60 (8.7e-19) count as 0: subnormal numbers would slow a step a
// hundredfold.
//
// A sequence that follows others should not begin with a jump. To begin in the state of silence, make it
// once:
//
//   fastgru::GruLayer<8, 32>::State settled = {};
//   for (int t = 0; t < 1000; ++t) layer->step(silence, settled);
//   h = settled;  // instead of h = {}, at every reset
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>

namespace fastgru {
inline namespace app {

namespace layer_math {

// Zero for less than 2^-60. With weights, inputs and states flushed so, no product of two is subnormal:
// subnormal numbers take a processor a hundred times as long.
inline float flushed(float x) noexcept {
  std::int32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  bits &= -static_cast<std::int32_t>((bits & 0x7FFFFFFF) >= 0x21800000);
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// exp(x) - 1 = scale * (1 + result) - 1, for |x| <= 87: x = k ln2 + r, scale = 2^k, result = exp(r) - 1.
// k comes from the bits of the rounded sum: -ffast-math cancels a subtraction of the constant, and x87 does
// not round before one.
inline float expm1_part(float x, float& scale) noexcept {
  const float rounded = x * 1.44269504088896341f + 12583039.0f;  // k + 127 stands in the low bits
  std::uint32_t bits = 0;
  std::memcpy(&bits, &rounded, sizeof(bits));
  const float k = static_cast<float>(static_cast<std::int32_t>(bits - 0x4B40007FU));  // bits of 12583039.0f
  bits <<= 23;
  std::memcpy(&scale, &bits, sizeof(scale));
  const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  float q = 1.388252e-3f * r + 8.3665475e-3f;
  q = q * r + 4.16672e-2f;
  q = q * r + 0.16666543f;
  q = q * r + 0.49999997f;
  return r * (r * q + 1.0f);  // r * r could be subnormal
}

// x within -most ... most, NaN for NaN. Integers, as a vectorising compiler makes jumps of float ones.
inline float limited(float x, float most) noexcept {
  std::int32_t bits = 0, limit = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  std::memcpy(&limit, &most, sizeof(limit));
  const std::int32_t magnitude = bits & 0x7FFFFFFF;
  const std::int32_t within = magnitude < limit ? magnitude : limit;
  bits = (bits ^ magnitude) | (magnitude > 0x7F800000 ? magnitude : within);
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// At least 1.5e-18, above 2^-60 as all factors are.
inline float sigmoid(float x) noexcept {
  float scale = 0;
  const float part = expm1_part(limited(-x, 41.0f), scale);
  return 1.0f / (1.0f + (scale * part + scale));
}

inline float tanh(float x) noexcept {
  float scale = 0;
  const float part = expm1_part(limited(x + x, 20.0f), scale);
  const float e = scale * part + (scale - 1.0f);
  return e / (e + 2.0f);
}

}  // namespace layer_math

// I inputs, H hidden units. ResetAfter: PyTorch's and Keras' variant, else that of Cho et al. (2014).
// Immutable after construction: threads may share one, each with its own state.
template <int I, int H, bool ResetAfter = true>
class GruLayer {
  static_assert(I > 0 && H > 0, "sizes must be positive");

  static constexpr std::size_t kUnits = H;

 public:
  using State = std::array<float, kUnits>;

  // PyTorch's names, shapes and gate order r, z, n: weight_ih (3H, I), weight_hh (3H, H), bias_ih (3H),
  // bias_hh (3H), float or double, C order. A null bias is zero.
  template <class T>
  GruLayer(const T* weight_ih, const T* weight_hh, const std::common_type_t<T>* bias_ih,
           const std::common_type_t<T>* bias_hh) noexcept {  // common_type: nullptr is not asked for its T
    for (int gate = 0; gate < 3; ++gate) {
      for (int j = 0; j < H; ++j) take(weight_ih, weight_hh, bias_ih, bias_hh, gate, j);
    }
  }

  // From a loaded fastgru::Model. Of an estimator it is the layer alone: x is what the layer reads,
  // standardised or embedded. Throws Model's Error if the sizes or the reset variant are others, or the model
  // has two directions.
  template <class Model>
  static std::unique_ptr<const GruLayer> from(const Model& model, int layer = 0) {
    model.require_layer(ResetAfter);
    const std::string prefix = model.kind() == "GRU" ? "" : "gru.", tail = "_l" + std::to_string(layer);
    const auto w = model.parameter(prefix + "weight_ih" + tail, std::int64_t{3} * H * I);
    const auto u = model.parameter(prefix + "weight_hh" + tail, std::int64_t{3} * H * H);
    if (model.info().has_bias == 0) {
      const double* const none = nullptr;
      return std::make_unique<const GruLayer>(w.data(), u.data(), none, none);
    }
    const auto b = model.parameter(prefix + "bias_ih" + tail, std::int64_t{3} * H);
    const auto c = model.parameter(prefix + "bias_hh" + tail, std::int64_t{3} * H);
    return std::make_unique<const GruLayer>(w.data(), u.data(), b.data(), c.data());
  }

  // One time step: x has I values, h becomes the new state. Real-time safe.
  void step(const float* x, State& h) const noexcept {
    alignas(64) float a[4 * kUnits];  // n of the input, r, z, n of the state
    for (int j = 0; j < 4 * H; ++j) a[j] = bias_[j];
    for (int k = 0; k < I; ++k) add<3 * H>(w_[k], layer_math::flushed(x[k]), a);
    if constexpr (ResetAfter) {
      for (int k = 0; k < H; ++k) add<3 * H>(u_[k], h[static_cast<std::size_t>(k)], a + H);
    } else {
      for (int k = 0; k < H; ++k) add<2 * H>(u_[k], h[static_cast<std::size_t>(k)], a + H);
    }
    for (int j = H; j < 3 * H; ++j) a[j] = layer_math::sigmoid(a[j]);
    if constexpr (ResetAfter) {
      for (int j = 0; j < H; ++j) a[j] += a[H + j] * a[3 * H + j];
    } else {
      for (int k = 0; k < H; ++k) add<H>(u_[k] + 2 * H, a[H + k] * h[static_cast<std::size_t>(k)], a + 3 * H);
      for (int j = 0; j < H; ++j) a[j] += a[3 * H + j];
    }
    for (int j = 0; j < H; ++j) a[j] = layer_math::tanh(a[j]);
    float* const to = h.data();
    for (int j = 0; j < H; ++j) {
      to[j] = layer_math::flushed((1.0f - a[2 * H + j]) * a[j] + a[2 * H + j] * to[j]);
    }
  }

 private:
  template <int N>
  static void add(const float* weights, float factor, float* sums) noexcept {
    for (int j = 0; j < N; ++j) sums[j] += factor * weights[j];
  }

  template <class T>
  static float weight(T value) noexcept {
    return layer_math::flushed(static_cast<float>(value));
  }

  // Gates come as r, z, n and are kept as n, r, z over the input and r, z, n over the state, so that both add
  // to neighbouring parts of the sums.
  template <class T>
  void take(const T* w, const T* u, const T* b, const T* c, int gate, int j) noexcept {
    const int row = gate * H + j;
    for (int k = 0; k < I; ++k) w_[k][(gate + 1) % 3 * H + j] = weight(w[row * I + k]);
    for (int k = 0; k < H; ++k) u_[k][row] = weight(u[row * H + k]);
    const float of_input = b == nullptr ? 0.0f : weight(b[row]);
    const float of_state = c == nullptr ? 0.0f : weight(c[row]);
    if (gate == 2) {
      bias_[j] = of_input;
      bias_[3 * H + j] = of_state;
    } else {
      bias_[(gate + 1) * H + j] = of_input + of_state;
    }
  }

  alignas(64) float w_[static_cast<std::size_t>(I)][3 * kUnits];
  alignas(64) float u_[kUnits][3 * kUnits];
  alignas(64) float bias_[4 * kUnits];
};

namespace layer_math {

// 64 numbers from -1 to 1, in an order of no pattern; exact in float.
inline void fill(float* values, int count, int first) noexcept {
  for (int i = 0; i < count; ++i) values[i] = static_cast<float>((i * 37 + first) % 64 - 32) / 32.0f;
}

template <bool ResetAfter>
inline bool self_test(const float (&answers)[5]) noexcept {
  float w[15 * 3], u[15 * 5], b[15], c[15], x[12 * 3];
  fill(w, 15 * 3, 3);
  fill(u, 15 * 5, 5);
  fill(b, 15, 7);
  fill(c, 15, 11);
  fill(x, 12 * 3, 13);
  const GruLayer<3, 5, ResetAfter> layer(w, u, b, c);
  typename GruLayer<3, 5, ResetAfter>::State h = {};
  for (int t = 0; t < 12; ++t) {
    const float raw[3] = {2.0f * x[3 * t], 2.0f * x[3 * t + 1], 2.0f * x[3 * t + 2]};
    layer.step(raw, h);
  }
  bool right = true;
  for (std::size_t j = 0; j < 5; ++j) {
    const float difference = h[j] - answers[j];
    std::uint32_t bits = 0;
    std::memcpy(&bits, &difference, sizeof(bits));
    right = right && (bits & 0x7FFFFFFFU) <= 0x358637BDU;  // 1e-6; as integers, so that NaN is wrong
  }
  return right;
}

}  // namespace layer_math

// Whether GruLayer, as this build has compiled it, gives fastgru's answers to 1e-6: twelve steps of both
// reset variants against answers that fastgru computed in float64. Real-time safe.
inline bool gru_layer_self_test() noexcept {
  const float after[5] = {0.978475293f, 0.859688694f, -0.971099446f, 0.136892236f, 0.307023797f};
  const float before[5] = {0.996837893f, 0.835185709f, -0.985515218f, 0.0436739741f, -0.115080108f};
  return layer_math::self_test<true>(after) && layer_math::self_test<false>(before);
}

}  // namespace app
}  // namespace fastgru
