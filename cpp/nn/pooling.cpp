#include "nn/pooling.h"

#include <algorithm>

namespace fastgru {
namespace {

// h_n holds (layer, direction, row); the head reads the top layer's as (row, direction).
template <class S, class Copy>
void for_top_states(const NetworkConfig& config, std::int64_t rows, S* h_n, Copy copy) {
  const std::int64_t hidden = config.gru.hidden_size, directions = config.gru.directions();
  S* top = h_n + (config.gru.num_layers - 1) * directions * rows * hidden;
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    for (std::int64_t b = 0; b < rows; ++b) {
      copy(top + (direction * rows + b) * hidden, (b * directions + direction) * hidden, hidden);
    }
  }
}

}  // namespace

template <class S>
void pool_step(Pooling pooling, const S* h, std::int64_t count, bool first, S* running) {
  if (first) {
    std::copy_n(h, count, running);
  } else if (pooling == Pooling::mean) {
    for (std::int64_t k = 0; k < count; ++k) running[k] += h[k];
  } else {
    for (std::int64_t k = 0; k < count; ++k) running[k] = std::max(running[k], h[k]);
  }
}

template <class S>
void pool(const NetworkConfig& config, const BlockStates<S>& states, S* pooled) {
  if (config.pooling == Pooling::last) {
    for_top_states(config, states.rows, states.h_n, [pooled](const S* from, std::int64_t at, std::int64_t n) {
      std::copy_n(from, n, pooled + at);
    });
    return;
  }
  const std::int64_t width = config.head_inputs();
  std::fill_n(pooled, states.rows * width, S(0));
  for (std::int64_t t = 0; t < states.steps; ++t) {
    for (std::int64_t b = 0; b < states.rows; ++b) {
      if (t >= states.length(b)) continue;
      pool_step(config.pooling, states.y + (t * states.rows + b) * width, width, t == 0, pooled + b * width);
    }
  }
  if (config.pooling == Pooling::max) return;
  for (std::int64_t b = 0; b < states.rows; ++b) {
    const S count = static_cast<S>(std::max<std::int64_t>(1, states.length(b)));
    for (std::int64_t k = 0; k < width; ++k) pooled[b * width + k] /= count;
  }
}

template <class S>
void pool_gradient(const NetworkConfig& config, const BlockStates<S>& states, const S* d_pooled, S* d_h_n,
                   S* d_y) {
  const std::int64_t width = config.head_inputs(), rows = states.rows;
  if (config.pooling == Pooling::last) {
    std::fill_n(d_h_n, (config.gru.num_layers - 1) * rows * width, S(0));
    for_top_states(config, rows, d_h_n,
                   [d_pooled](S* to, std::int64_t at, std::int64_t n) { std::copy_n(d_pooled + at, n, to); });
    return;
  }
  std::fill_n(d_y, states.steps * rows * width, S(0));
  for (std::int64_t b = 0; b < rows; ++b) {
    const std::int64_t length = states.length(b);
    for (std::int64_t k = 0; k < width && length > 0; ++k) {
      const S gradient = d_pooled[b * width + k];
      const auto at = [&](std::int64_t t) { return (t * rows + b) * width + k; };
      if (config.pooling == Pooling::mean) {
        for (std::int64_t t = 0; t < length; ++t) d_y[at(t)] = gradient / static_cast<S>(length);
        continue;
      }
      std::int64_t largest = 0;
      for (std::int64_t t = 1; t < length; ++t) {
        if (states.y[at(t)] > states.y[at(largest)]) largest = t;
      }
      d_y[at(largest)] = gradient;
    }
  }
}

template void pool(const NetworkConfig&, const BlockStates<float>&, float*);
template void pool(const NetworkConfig&, const BlockStates<double>&, double*);
template void pool_gradient(const NetworkConfig&, const BlockStates<float>&, const float*, float*, float*);
template void pool_gradient(const NetworkConfig&, const BlockStates<double>&, const double*, double*,
                            double*);
template void pool_step(Pooling, const float*, std::int64_t, bool, float*);
template void pool_step(Pooling, const double*, std::int64_t, bool, double*);

}  // namespace fastgru
