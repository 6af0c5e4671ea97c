#include "nn/stream.h"

#include <utility>

#include "gru/checks.h"
#include "nn/head.h"
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
NetworkStream<S>::NetworkStream(const NetworkStream& other) : version_(other.version_), gru_(other.gru_) {}

template <class S>
bool NetworkStream<S>::allocate() {
  return x_.reserve(rows() * config().gru.input_size) && h_.reserve(rows() * config().gru.hidden_size) &&
         out_.reserve(rows() * config().output_size);
}

template <class S>
Status NetworkStream<S>::make(NetworkVersion<S> version, std::int64_t rows,
                              std::unique_ptr<NetworkStream>& result) {
  const NetworkConfig& config = version.params->layout().config();
  FASTGRU_RETURN_IF_ERROR(check_stream(config.gru, rows, sizeof(S)));
  if (!product_fits({rows, config.output_size, sizeof(S)})) return out_of_memory();
  std::unique_ptr<NetworkStream> fresh(new NetworkStream(std::move(version), rows));
  if (!fresh->allocate()) return out_of_memory();
  result = std::move(fresh);
  return {};
}

template <class S>
Status NetworkStream<S>::copy(std::unique_ptr<NetworkStream>& result) const {
  std::unique_ptr<NetworkStream> fresh(new NetworkStream(*this));
  if (!fresh->allocate()) return out_of_memory();
  result = std::move(fresh);
  return {};
}

template <class S>
template <class X>
void NetworkStream<S>::step(const X* x, S* y) noexcept {
  const FlushDenormals flush;
  const Scaling& scaling = *version_.scaling;
  scale_rows(x, rows(), config().gru.input_size, scaling.x_mean.data(), scaling.x_scale.data(), x_.data());
  gru_.step(x_.data(), h_.data());
  head_forward(version_.params->head(), h_.data(), rows(), out_.data());
  unscale_outputs(scaling, out_.data(), rows(), y);
}

template class NetworkStream<float>;
template class NetworkStream<double>;
template void NetworkStream<float>::step(const float*, float*) noexcept;
template void NetworkStream<float>::step(const double*, float*) noexcept;
template void NetworkStream<double>::step(const float*, double*) noexcept;
template void NetworkStream<double>::step(const double*, double*) noexcept;

}  // namespace fastgru
