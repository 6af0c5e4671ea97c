// gru_layer.hpp: one GRU layer whose sizes are known when the app is compiled. C++17, this header alone: no
// library to link, nothing allocated. The compiler unrolls and vectorises for the processor it is told of
// (-O3 -march=native); answers agree with fastgru's to about 1e-6.
//
//   auto layer = std::make_unique<fastgru::GruLayer<8, 32>>(w_ih, w_hh, b_ih, b_hh);  // PyTorch's arrays
//   fastgru::GruLayer<8, 32>::State h = {};
//   layer->step(x, h);  // h is the new state
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

namespace fastgru {
inline namespace app {

namespace layer_math {

// exp(x) - 1 = scale * (1 + result) - 1, for |x| <= 87: x = k ln2 + r, scale = 2^k, result = exp(r) - 1.
inline float expm1_part(float x, float& scale) noexcept {
  const float rounded = x * 1.44269504088896341f + 12583039.0f;  // k + 127 stands in the low bits
  std::uint32_t bits = 0;
  std::memcpy(&bits, &rounded, sizeof(bits));
  bits <<= 23;
  std::memcpy(&scale, &bits, sizeof(scale));
  const float k = rounded - 12583039.0f;
  const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  float q = 1.388252e-3f * r + 8.3665475e-3f;
  q = q * r + 4.16672e-2f;
  q = q * r + 0.16666543f;
  q = q * r + 0.49999997f;
  return r * r * q + r;
}

inline float limited(float x, float most) noexcept {
  x = x > most ? most : x;
  return x < -most ? -most : x;
}

inline float sigmoid(float x) noexcept {
  float scale = 0;
  const float part = expm1_part(limited(-x, 87.0f), scale);
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

 public:
  using State = std::array<float, static_cast<std::size_t>(H)>;

  // PyTorch's names, shapes and gate order r, z, n: weight_ih (3H, I), weight_hh (3H, H), bias_ih (3H),
  // bias_hh (3H), float or double, C order. A null bias is zero.
  template <class T>
  GruLayer(const T* weight_ih, const T* weight_hh, const T* bias_ih, const T* bias_hh) noexcept {
    for (int gate = 0; gate < 3; ++gate) {
      for (int j = 0; j < H; ++j) take(weight_ih, weight_hh, bias_ih, bias_hh, gate, j);
    }
  }

  // From a loaded fastgru::Model, of a layer or an estimator; throws its Error if the sizes are others.
  template <class Model>
  static std::unique_ptr<const GruLayer> from(const Model& model, int layer = 0) {
    const std::string prefix = model.kind() == "GRU" ? "" : "gru.", tail = "_l" + std::to_string(layer);
    const auto w = model.parameter(prefix + "weight_ih" + tail, std::int64_t{3} * H * I);
    const auto u = model.parameter(prefix + "weight_hh" + tail, std::int64_t{3} * H * H);
    const auto b = model.parameter(prefix + "bias_ih" + tail, std::int64_t{3} * H);
    const auto c = model.parameter(prefix + "bias_hh" + tail, std::int64_t{3} * H);
    return std::make_unique<const GruLayer>(w.data(), u.data(), b.data(), c.data());
  }

  // One time step: x has I values, h becomes the new state. Real-time safe, but that it leaves denormals to
  // the caller's settings.
  void step(const float* x, State& h) const noexcept {
    alignas(64) float a[4 * H];  // n of the input, r, z, n of the state
    for (int j = 0; j < 4 * H; ++j) a[j] = bias_[j];
    for (int k = 0; k < I; ++k) add<3 * H>(w_[k], x[k], a);
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
    for (int j = 0; j < H; ++j) to[j] = (1.0f - a[2 * H + j]) * a[j] + a[2 * H + j] * to[j];
  }

 private:
  template <int N>
  static void add(const float* weights, float factor, float* sums) noexcept {
    for (int j = 0; j < N; ++j) sums[j] += factor * weights[j];
  }

  // Gates come as r, z, n and are kept as n, r, z over the input and r, z, n over the state, so that both add
  // to neighbouring parts of the sums.
  template <class T>
  void take(const T* w, const T* u, const T* b, const T* c, int gate, int j) noexcept {
    const int row = gate * H + j;
    for (int k = 0; k < I; ++k) w_[k][(gate + 1) % 3 * H + j] = static_cast<float>(w[row * I + k]);
    for (int k = 0; k < H; ++k) u_[k][row] = static_cast<float>(u[row * H + k]);
    const float of_input = b == nullptr ? 0.0f : static_cast<float>(b[row]);
    const float of_state = c == nullptr ? 0.0f : static_cast<float>(c[row]);
    if (gate == 2) {
      bias_[j] = of_input;
      bias_[3 * H + j] = of_state;
    } else {
      bias_[(gate + 1) * H + j] = of_input + of_state;
    }
  }

  alignas(64) float w_[I][3 * H];
  alignas(64) float u_[H][3 * H];
  alignas(64) float bias_[4 * H];
};

}  // namespace app
}  // namespace fastgru
