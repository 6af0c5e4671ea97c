#include "nn/stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/checks.h"
#include "nn/answers.h"
#include "nn/head.h"
#include "nn/pooling.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

// The weights of a version; the pointer keeps the version alive.
template <class S>
std::shared_ptr<const Weights<S>> weights_of(const NetworkVersion<S>& version) {
  return {version.params, &version.params->gru()};
}

}  // namespace

template <class S>
NetworkStream<S>::NetworkStream(NetworkVersion<S> version, std::int64_t rows)
    : version_(std::move(version)), gru_(weights_of(version_), rows) {}

template <class S>
NetworkStream<S>::NetworkStream(const NetworkStream& other)
    : version_(other.version_), gru_(other.gru_), steps_(other.steps_) {}

template <class S>
bool NetworkStream<S>::allocate() {
  return x_.reserve(rows() * config().gru.input_size) && h_.reserve(rows() * config().gru.hidden_size) &&
         running_.reserve(pools() ? rows() * config().gru.hidden_size : 0) &&
         out_.reserve(rows() * config().answers());
}

template <class S>
Status NetworkStream<S>::make(NetworkVersion<S> version, std::int64_t rows,
                              std::unique_ptr<NetworkStream>& result) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(check_stream(config.gru, rows, sizeof(S)));
  if (!product_fits({rows, config.answers(), sizeof(S)})) return out_of_memory();
  std::unique_ptr<NetworkStream> fresh(new NetworkStream(std::move(version), rows));
  if (!fresh->allocate()) return out_of_memory();
  result = std::move(fresh);
  return {};
}

template <class S>
Status NetworkStream<S>::copy(std::unique_ptr<NetworkStream>& result) const {
  std::unique_ptr<NetworkStream> fresh(new NetworkStream(*this));
  if (!fresh->allocate()) return out_of_memory();
  if (pools() && steps_ > 0) {
    std::copy_n(running_.data(), rows() * config().gru.hidden_size, fresh->running_.data());
  }
  result = std::move(fresh);
  return {};
}

template <class S>
std::size_t NetworkStream<S>::state_bytes() const noexcept {
  const std::int64_t states = config().gru.num_layers + (pools() ? 1 : 0);
  return static_cast<std::size_t>(states * rows() * config().gru.hidden_size) * sizeof(S) + sizeof(steps_);
}

template <class S>
void NetworkStream<S>::save(void* to) const noexcept {
  auto* bytes = static_cast<char*>(to);
  std::memcpy(bytes, &steps_, sizeof(steps_));
  bytes += sizeof(steps_);
  S* const states = reinterpret_cast<S*>(bytes);
  gru_.get_state(states);
  if (!pools()) return;
  const std::int64_t layer = rows() * config().gru.hidden_size;
  S* const pooled = states + config().gru.num_layers * layer;
  if (steps_ > 0) {
    std::copy_n(running_.data(), layer, pooled);
  } else {
    std::fill_n(pooled, layer, S(0));
  }
}

template <class S>
void NetworkStream<S>::restore(const void* from) noexcept {
  const auto* bytes = static_cast<const char*>(from);
  std::memcpy(&steps_, bytes, sizeof(steps_));
  const S* const states = reinterpret_cast<const S*>(bytes + sizeof(steps_));
  gru_.set_state(states);
  const std::int64_t layer = rows() * config().gru.hidden_size;
  if (pools()) std::copy_n(states + config().gru.num_layers * layer, layer, running_.data());
}

// h_ becomes the mean or the largest of the states so far.
template <class S>
void NetworkStream<S>::pool_states() noexcept {
  const std::int64_t count = rows() * config().gru.hidden_size;
  pool_step(config().pooling, h_.data(), count, steps_ == 0, running_.data());
  std::copy_n(running_.data(), count, h_.data());
  if (config().pooling != Pooling::mean) return;
  const S steps = static_cast<S>(steps_ + 1);
  for (std::int64_t i = 0; i < count; ++i) h_.data()[i] /= steps;
}

template <class S>
template <class X>
void NetworkStream<S>::step(const X* x, S* y) noexcept {
  const FlushDenormals flush;
  const InputEncoder<S> encode = version_.encoder();
  for (std::int64_t b = 0; b < rows(); ++b) {
    encode(x + b * config().features(), x_.data() + b * config().gru.input_size);
  }
  gru_.step(x_.data(), h_.data());
  if (pools()) pool_states();
  ++steps_;
  head_forward(version_.params->head(), h_.data(), rows(), out_.data());
  answers_of(config(), *version_.scaling, out_.data(), rows(), false, y);
}

template class NetworkStream<float>;
template class NetworkStream<double>;
template void NetworkStream<float>::step(const float*, float*) noexcept;
template void NetworkStream<float>::step(const double*, float*) noexcept;
template void NetworkStream<float>::step(const std::int64_t*, float*) noexcept;
template void NetworkStream<double>::step(const float*, double*) noexcept;
template void NetworkStream<double>::step(const double*, double*) noexcept;
template void NetworkStream<double>::step(const std::int64_t*, double*) noexcept;

}  // namespace fastgru
