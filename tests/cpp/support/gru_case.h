// One GRU problem with random data, and its runs through engine.h. Padding holds NaN, so that a leak shows.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "random.h"

namespace fastgru::testing {

template <class S>
std::vector<S> random_vector(Random& random, std::int64_t count, double scale = 1.0) {
  std::vector<S> values(static_cast<std::size_t>(count));
  for (S& value : values) value = static_cast<S>(scale * random.uniform());
  return values;
}

template <class S>
struct Results {
  std::vector<S> y, h_n, dx, dh0, dparams;
};

template <class S>
struct GruCase {
  GruConfig config;
  std::int64_t steps, rows;
  std::uint64_t seed = 7;
  std::vector<S> params, x, h0, dy, dh_n;
  std::vector<std::int64_t> lengths;

  GruCase(const GruConfig& c, std::int64_t t, std::int64_t b, bool with_lengths, bool with_h0,
          std::uint64_t key = 1)
      : config(c), steps(t), rows(b) {
    Random random(key);
    const std::int64_t states = c.num_layers * c.directions() * b * c.hidden_size;
    const std::int64_t width = c.directions() * c.hidden_size;
    params =
        random_vector<S>(random, ParamLayout(c).total(), 0.9 / std::sqrt(static_cast<double>(c.hidden_size)));
    x = random_vector<S>(random, t * b * c.input_size);
    if (with_h0) h0 = random_vector<S>(random, states);
    dy = random_vector<S>(random, t * b * width);
    dh_n = random_vector<S>(random, states);
    if (!with_lengths) return;
    for (std::int64_t i = 0; i < b; ++i)
      lengths.push_back((i * 2 + 1) % (t + 1));  // not sorted, 0 and t among them
    fill_padding(x, c.input_size);
    fill_padding(dy, width);
  }

  bool real(std::int64_t t, std::int64_t b) const {
    return lengths.empty() || t < lengths[static_cast<std::size_t>(b)];
  }

  void fill_padding(std::vector<S>& values, std::int64_t width) const {
    for (std::int64_t t = 0; t < steps; ++t) {
      for (std::int64_t b = 0; b < rows; ++b) {
        if (real(t, b)) continue;
        for (std::int64_t f = 0; f < width; ++f) {
          values[static_cast<std::size_t>((t * rows + b) * width + f)] = std::numeric_limits<S>::quiet_NaN();
        }
      }
    }
  }

  ForwardArgs<S> forward_args(Results<S>& out) const {
    const std::int64_t width = config.directions() * config.hidden_size;
    out.y.assign(static_cast<std::size_t>(steps * rows * width), S(-7));
    out.h_n.assign(
        static_cast<std::size_t>(config.num_layers * config.directions() * rows * config.hidden_size), S(-7));
    ForwardArgs<S> args;
    args.x = dense_view(x.data(), steps, rows, config.input_size);
    args.h0 = h0.empty() ? nullptr : h0.data();
    args.lengths = lengths.empty() ? nullptr : lengths.data();
    args.y = dense_view(out.y.data(), steps, rows, width);
    args.h_n = out.h_n.data();
    return args;
  }

  BackwardArgs<S> backward_args(Results<S>& out) const {
    out.dx.assign(x.size(), S(-7));
    out.dh0.assign(out.h_n.size(), S(-7));
    out.dparams.assign(params.size(), S(-7));
    BackwardArgs<S> args;
    args.dy =
        dense_view(static_cast<const S*>(dy.data()), steps, rows, config.directions() * config.hidden_size);
    args.dh_n = dh_n.data();
    args.dx = dense_view(out.dx.data(), steps, rows, config.input_size);
    args.dh0 = out.dh0.data();
    args.dparams = out.dparams.data();
    return args;
  }

  std::shared_ptr<Weights<S>> weights() const {
    auto made = std::make_shared<Weights<S>>(config);
    REQUIRE(made->assign(params.data()).ok());
    return made;
  }

  Results<S> forward_only(int threads = 1) const {
    Results<S> out;
    Workspace<S> workspace;
    RunOptions options;
    options.num_threads = threads;
    const Status status = fastgru::forward(*weights(), forward_args(out), workspace, options);
    REQUIRE_MESSAGE(status.ok(), status.message());
    return out;
  }

  Results<S> train(int threads = 1) const {
    Results<S> out;
    Tape<S> tape;
    RunOptions options;
    options.num_threads = threads;
    const auto made = weights();
    const Status ahead = forward_train(*made, forward_args(out), seed, tape, options);
    REQUIRE_MESSAGE(ahead.ok(), ahead.message());
    const Status back = backward(*made, tape, backward_args(out), options);
    REQUIRE_MESSAGE(back.ok(), back.message());
    return out;
  }

  // sum(y * dy) + sum(h_n * dh_n) of a training pass, in the widest arithmetic available.
  long double objective() const {
    Results<S> out;
    Tape<S> tape;
    REQUIRE(forward_train(*weights(), forward_args(out), seed, tape, {}).ok());
    long double sum = 0;
    for (std::size_t i = 0; i < dy.size(); ++i) {
      if (!std::isnan(dy[i])) sum += static_cast<long double>(out.y[i]) * static_cast<long double>(dy[i]);
    }
    for (std::size_t i = 0; i < dh_n.size(); ++i) {
      sum += static_cast<long double>(out.h_n[i]) * static_cast<long double>(dh_n[i]);
    }
    return sum;
  }
};

// FNV-1a over the bits of values, which goes on from an earlier `hash`.
constexpr std::uint64_t kFirstHash = 14695981039346656037u;
inline std::uint64_t hash_of(const std::vector<float>& values, std::uint64_t hash = kFirstHash) {
  for (const float value : values) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 32; i += 8) hash = (hash ^ (bits >> i & 255u)) * 1099511628211u;
  }
  return hash;
}

template <class S>
bool same_bits(const std::vector<S>& a, const std::vector<S>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i]) || std::signbit(a[i]) != std::signbit(b[i])) return false;
  }
  return true;
}

inline std::string name_of(const GruConfig& c) {
  return std::string(c.reset_after ? "after" : "before") + " L" + std::to_string(c.num_layers) + " D" +
         std::to_string(c.directions()) + (c.bias ? " bias" : " no bias") + (c.dropout > 0 ? " dropout" : "");
}

// Every combination of reset variant, layers, directions and bias.
template <class Body>
void for_each_config(Body body) {
  for (const bool reset_after : {true, false}) {
    for (std::int64_t layers = 1; layers <= 3; ++layers) {
      for (const bool bidirectional : {false, true}) {
        for (const bool bias : {true, false}) {
          GruConfig config;
          config.input_size = 3;
          config.hidden_size = 5;
          config.num_layers = layers;
          config.bidirectional = bidirectional;
          config.bias = bias;
          config.reset_after = reset_after;
          body(config);
        }
      }
    }
  }
}

inline GruConfig two_by_two() {
  GruConfig config;
  config.input_size = 3;
  config.hidden_size = 5;
  config.num_layers = 2;
  config.bidirectional = true;
  return config;
}

}  // namespace fastgru::testing
