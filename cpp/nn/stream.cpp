#include "nn/stream.h"

#include <algorithm>
#include <utility>

#include "gru/checks.h"
#include "nn/answers.h"
#include "nn/head.h"
#include "nn/pooling.h"

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
