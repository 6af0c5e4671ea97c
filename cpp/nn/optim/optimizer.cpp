// Clipping, Adam and gradient descent.
#include "nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "engine/checks.h"
#include "kernels/dispatch.h"
#include "runtime/number_text.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

constexpr std::int64_t kChunk = 1 << 13;
constexpr std::int64_t kWorthAThread = 1 << 17;
constexpr int kLanes = 8;  // independent sums, for vectorisation; part of the order of summation

int threads_for(std::int64_t size, int threads) { return size < kWorthAThread ? 1 : threads; }

Status in_range(const char* name, double value, bool fits, const char* wanted) {
  if (fits) return {};
  return Status::invalid(std::string(name) + " must be " + wanted + ", got " + number_text(value));
}

template <class S>
double sum_of_squares(const S* values, std::int64_t count) {
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = static_cast<double>(values[i + lane]);
      sums[lane] += value * value;
    }
  }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  for (const double lane : sums) sum += lane;
  return sum;
}

template <class S>
bool all_finite(const S* values, std::int64_t count) {
  using Flag = std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>;
  Flag bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= std::abs(values[i]) <= std::numeric_limits<S>::max() ? Flag(0) : Flag(1);  // NaN compares false
  }
  return bad == 0;
}

// p = params[i], g = its gradient after clipping and decay.
template <class S>
struct Adam {
  S beta_1, beta_2, one_minus_beta_1, one_minus_beta_2, step_size, root_correction, epsilon;

  static Adam at_step(const OptimizerOptions& o, std::int64_t step) {
    const double count = static_cast<double>(step);
    const double step_size = o.learning_rate / (1.0 - std::pow(o.beta_1, count));
    const double root_correction = std::sqrt(1.0 - std::pow(o.beta_2, count));
    return {static_cast<S>(o.beta_1),       static_cast<S>(o.beta_2),  static_cast<S>(1.0 - o.beta_1),
            static_cast<S>(1.0 - o.beta_2), static_cast<S>(step_size), static_cast<S>(root_correction),
            static_cast<S>(o.epsilon)};
  }

  void update(const S* p, const S* g, S clip, S decay, std::int64_t count, S* first, S* second,
              S* updated) const {
    if constexpr (std::is_same_v<S, float>) {
      active_kernels().adam({count, p, g, first, second, updated, clip, decay, beta_1, beta_2,
                             one_minus_beta_1, one_minus_beta_2, step_size, 1.0f / root_correction, epsilon});
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const S gradient = g[i] * clip + decay * p[i];
      const S m = beta_1 * first[i] + one_minus_beta_1 * gradient;
      const S v = beta_2 * second[i] + one_minus_beta_2 * gradient * gradient;
      first[i] = m;
      second[i] = v;
      updated[i] = p[i] - step_size * m / (std::sqrt(v) / root_correction + epsilon);
    }
  }
};

template <class S>
struct Sgd {
  S learning_rate, momentum;
  bool nesterov;

  void update(const S* p, const S* g, S clip, S decay, std::int64_t count, S* first, S* updated) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const S gradient = g[i] * clip + decay * p[i];
      const S velocity = momentum * first[i] + gradient;
      first[i] = velocity;
      updated[i] = p[i] - learning_rate * (nesterov ? gradient + momentum * velocity : velocity);
    }
  }
};

}  // namespace

Status validate(const OptimizerOptions& o) {
  const auto finite = [](double value) { return std::isfinite(value); };
  FASTGRU_RETURN_IF_ERROR(in_range("learning_rate", o.learning_rate,
                                   finite(o.learning_rate) && o.learning_rate > 0,
                                   "a finite number above 0"));
  FASTGRU_RETURN_IF_ERROR(in_range("beta_1", o.beta_1, o.beta_1 >= 0 && o.beta_1 < 1, "in [0, 1)"));
  FASTGRU_RETURN_IF_ERROR(in_range("beta_2", o.beta_2, o.beta_2 >= 0 && o.beta_2 < 1, "in [0, 1)"));
  FASTGRU_RETURN_IF_ERROR(
      in_range("epsilon", o.epsilon, finite(o.epsilon) && o.epsilon > 0, "a finite number above 0"));
  FASTGRU_RETURN_IF_ERROR(in_range("momentum", o.momentum, o.momentum >= 0 && o.momentum <= 1, "in [0, 1]"));
  FASTGRU_RETURN_IF_ERROR(
      in_range("alpha", o.alpha, finite(o.alpha) && o.alpha >= 0, "a finite number, at least 0"));
  return in_range("clip_norm", o.clip_norm, finite(o.clip_norm) && o.clip_norm >= 0,
                  "a finite number, at least 0 (0: no clipping)");
}

// One step over all chunks; parallel_for captures one pointer to it.
template <class S>
struct Optimizer<S>::Update {
  Optimizer& optimizer;
  const S* params;
  const S* gradient;
  S* updated;
  S clip;
  Adam<S> adam;
  Sgd<S> sgd;

  void run(std::int64_t item) const {
    const Chunk& chunk = optimizer.chunks_[static_cast<std::size_t>(item)];
    const std::int64_t at = chunk.offset;
    if (optimizer.stays(static_cast<std::size_t>(item))) {
      std::copy_n(params + at, chunk.size, updated + at);
      optimizer.finite_[static_cast<std::size_t>(item)] = 1;
      return;
    }
    const S decay = chunk.decays ? static_cast<S>(optimizer.options_.alpha) : S(0);
    S* first = optimizer.first_.data() + at;
    if (optimizer.has_second_moment()) {
      S* second = optimizer.second_.data() + at;
      adam.update(params + at, gradient + at, clip, decay, chunk.size, first, second, updated + at);
    } else {
      sgd.update(params + at, gradient + at, clip, decay, chunk.size, first, updated + at);
    }
    optimizer.finite_[static_cast<std::size_t>(item)] = all_finite(updated + at, chunk.size) ? 1 : 0;
  }
};

template <class S>
Optimizer<S>::Optimizer(const std::vector<ParamSlot>& slots, std::int64_t total,
                        const OptimizerOptions& options)
    : options_(options), size_(total) {
  for (const ParamSlot& slot : slots) {
    for (std::int64_t done = 0; done < slot.size(); done += kChunk) {
      chunks_.push_back({slot.offset + done, std::min(kChunk, slot.size() - done), slot.cols > 0});
    }
  }
  sums_.resize(chunks_.size());
  finite_.resize(chunks_.size());
  moved_.resize(chunks_.size());
}

template <class S>
Status Optimizer<S>::allocate() {
  if (!first_.reserve(size_)) return out_of_memory();
  if (has_second_moment() && !second_.reserve(size_)) return out_of_memory();
  clear();
  return {};
}

template <class S>
void Optimizer<S>::clear() {
  std::fill_n(first_.data(), size_, S(0));
  if (has_second_moment()) std::fill_n(second_.data(), size_, S(0));
  std::fill(moved_.begin(), moved_.end(), std::uint8_t{0});
  step_count_ = 0;
}

// A chunk whose gradient has always been zero has moments of zero. Without decay, an update leaves its bits
// as they are, so it is copied. In an embedding these are tokens that no mini-batch has held yet. (A row once
// met moves at every step, as its first moment fades. Sparse Adam leaves that out: it is another optimiser.)
template <class S>
bool Optimizer<S>::stays(std::size_t chunk) const {
  return moved_[chunk] == 0 && !(chunks_[chunk].decays && options_.alpha > 0);
}

template <class S>
double Optimizer<S>::norm(const S* gradient, int threads) {
  struct Work {
    Optimizer* self;
    const S* gradient;
  } const work{this, gradient};
  parallel_for(static_cast<std::int64_t>(chunks_.size()), threads_for(size_, threads),
               [&work](std::int64_t item, int) {
                 const auto at = static_cast<std::size_t>(item);
                 const Chunk& chunk = work.self->chunks_[at];
                 work.self->sums_[at] = sum_of_squares(work.gradient + chunk.offset, chunk.size);
               });
  double sum = 0;
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    sum += sums_[i];
    // In double the square of a tiny gradient may underflow to 0, so a zero sum proves nothing.
    if (sums_[i] != 0 || sizeof(S) > 4) moved_[i] = 1;
  }
  return std::sqrt(sum);
}

template <class S>
bool Optimizer<S>::step(const S* params, const S* gradient, double norm, S* updated, int threads) {
  const double clip = options_.clip_norm > 0 ? std::min(1.0, options_.clip_norm / (norm + 1e-6)) : 1.0;
  const Update update{
      *this,
      params,
      gradient,
      updated,
      static_cast<S>(clip),
      Adam<S>::at_step(options_, step_count_ + 1),
      {static_cast<S>(options_.learning_rate), static_cast<S>(options_.momentum), options_.nesterov}};
  parallel_for(static_cast<std::int64_t>(chunks_.size()), threads_for(size_, threads),
               [&update](std::int64_t item, int) { update.run(item); });
  ++step_count_;
  if (std::all_of(finite_.begin(), finite_.end(), [](std::uint8_t flag) { return flag != 0; })) return true;
  clear();
  return false;
}

template <class S>
void Optimizer<S>::restore(std::int64_t step_count, const S* first, const S* second) {
  step_count_ = step_count;
  std::fill(moved_.begin(), moved_.end(), std::uint8_t{1});
  std::copy_n(first, size_, first_.data());
  if (has_second_moment()) std::copy_n(second, size_, second_.data());
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace fastgru
