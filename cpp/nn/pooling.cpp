#include "nn/pooling.h"

#include <algorithm>
#include <array>

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

constexpr std::int64_t kUnitsAtOnce = 64;

// The gradient of one row's largest values, of some units from `first` on, to the steps they are from.
template <class S>
void largest_gradient(const BlockStates<S>& states, std::int64_t b, std::int64_t width, std::int64_t first,
                      const S* d_pooled, S* d_y) {
  const std::int64_t length = states.length(b), count = std::min(kUnitsAtOnce, width - first);
  if (length == 0) return;
  std::array<S, kUnitsAtOnce> value;
  std::array<std::int64_t, kUnitsAtOnce> step{};
  const auto at = [&](std::int64_t t) { return (t * states.rows + b) * width + first; };
  std::copy_n(states.y + at(0), count, value.data());
  for (std::int64_t t = 1; t < length; ++t) {
    const S* y = states.y + at(t);
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
      if (!(y[k] > value[k])) continue;
      value[k] = y[k];
      step[k] = t;
    }
  }
  for (std::int64_t k = 0; k < count; ++k) {
    d_y[at(step[static_cast<std::size_t>(k)]) + k] = d_pooled[first + k];
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
SequenceView<const S> pool_gradient(const NetworkConfig& config, const BlockStates<S>& states,
                                    const S* d_pooled, S* d_h_n, S* d_y) {
  const std::int64_t width = config.head_inputs(), rows = states.rows;
  if (config.pooling == Pooling::last) {
    std::fill_n(d_h_n, (config.gru.num_layers - 1) * rows * width, S(0));
    for_top_states(config, rows, d_h_n,
                   [d_pooled](S* to, std::int64_t at, std::int64_t n) { std::copy_n(d_pooled + at, n, to); });
    return {};
  }
  if (config.pooling == Pooling::mean) {
    for (std::int64_t b = 0; b < rows; ++b) {
      const S count = static_cast<S>(std::max<std::int64_t>(1, states.length(b)));
      for (std::int64_t k = b * width; k < (b + 1) * width; ++k) d_y[k] = d_pooled[k] / count;
    }
    return {d_y, states.steps, rows, width, 0, width};
  }
  std::fill_n(d_y, states.steps * rows * width, S(0));
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t first = 0; first < width; first += kUnitsAtOnce) {
      largest_gradient(states, b, width, first, d_pooled + b * width, d_y);
    }
  }
  return dense_view<const S>(d_y, states.steps, rows, width);
}

template void pool(const NetworkConfig&, const BlockStates<float>&, float*);
template void pool(const NetworkConfig&, const BlockStates<double>&, double*);
template SequenceView<const float> pool_gradient(const NetworkConfig&, const BlockStates<float>&,
                                                 const float*, float*, float*);
template SequenceView<const double> pool_gradient(const NetworkConfig&, const BlockStates<double>&,
                                                  const double*, double*, double*);
template void pool_step(Pooling, const float*, std::int64_t, bool, float*);
template void pool_step(Pooling, const double*, std::int64_t, bool, double*);

}  // namespace fastgru
