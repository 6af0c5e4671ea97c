// The loop of a language model: a stream's logits, and tokens drawn from them.
#include "nn/decoding/generator.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "engine/checks.h"
#include "nn/network_config.h"
#include "runtime/philox.h"

namespace fastgru {
namespace {

// In [0, 1), of 53 random bits.
double uniform(std::uint64_t seed, std::int64_t row, std::int64_t drawn) {
  const auto stream =
      static_cast<std::uint64_t>(RandomStream::sampling) | (static_cast<std::uint64_t>(row) << 8U);
  const PhiloxBlock block = philox(seed, static_cast<std::uint64_t>(drawn), stream);
  const std::uint64_t bits = (std::uint64_t{block[0]} << 32U | block[1]) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

Status check_language_model(const NetworkConfig& config) {
  const auto wrong = [](const char* what) {
    return Status::invalid(std::string("a language model needs ") + what);
  };
  if (config.vocabulary_size == 0) return wrong("tokens as input");
  if (!config.sequence) return wrong("a prediction at every step");
  if (config.gru.directions() != 1) return wrong("one direction: the reverse one knows the future");
  if (config.loss != find_loss("cross_entropy")) return wrong("the loss cross_entropy");
  if (config.logits() != config.vocabulary_size) return wrong("one class for each token");
  return {};
}

template <class S>
Status Generator<S>::make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<Generator>& result,
                          std::int64_t first_row) {
  FASTGRU_RETURN_IF_ERROR(check_language_model(version.config()));
  std::unique_ptr<NetworkStream<S>> stream;
  FASTGRU_RETURN_IF_ERROR(NetworkStream<S>::make(std::move(version), rows, stream));
  std::unique_ptr<Generator> fresh(new Generator(std::move(stream)));
  if (!fresh->logits_.reserve(rows * fresh->classes())) return out_of_memory();
  fresh->sampler_.reserve(fresh->classes());
  fresh->first_row_ = first_row;
  fresh->reset();
  result = std::move(fresh);
  return {};
}

template <class S>
Status Generator<S>::copy(std::unique_ptr<Generator>& result) const {
  std::unique_ptr<Generator> fresh;
  FASTGRU_RETURN_IF_ERROR(make(stream_->version(), rows(), fresh, first_row_));
  std::vector<char> state(state_bytes());
  save(state.data());
  fresh->restore(state.data());
  result = std::move(fresh);
  return {};
}

template <class S>
void Generator<S>::reset() noexcept {
  stream_->reset();
  std::fill_n(logits_.data(), rows() * classes(), S(0));
  drawn_ = 0;
}

template <class S>
void Generator<S>::feed(const std::int64_t* tokens) noexcept {
  std::copy_n(stream_->advance(tokens), rows() * classes(), logits_.data());
}

template <class S>
void Generator<S>::draw(const Sampling& sampling, std::uint64_t seed, std::int64_t* tokens) noexcept {
  for (std::int64_t row = 0; row < rows(); ++row) {
    tokens[row] = sampler_.draw(logits_.data() + row * classes(), classes(), sampling,
                                uniform(seed, first_row_ + row, drawn_));
  }
  ++drawn_;
}

template <class S>
void Generator<S>::probabilities(const Sampling& sampling, double* p) noexcept {
  for (std::int64_t row = 0; row < rows(); ++row) {
    sampler_.probabilities(logits_.data() + row * classes(), classes(), sampling, p + row * classes());
  }
}

template <class S>
void Generator<S>::set_all_rows(const Generator& other, std::int64_t row) {
  const GruConfig& gru = stream_->config().gru;
  const std::int64_t hidden = gru.hidden_size, from_rows = other.rows();
  std::vector<S> from(static_cast<std::size_t>(gru.num_layers * from_rows * hidden));
  std::vector<S> to(static_cast<std::size_t>(gru.num_layers * rows() * hidden));
  other.stream_->get_state(from.data());
  for (std::int64_t i = 0; i < gru.num_layers * rows(); ++i) {
    std::copy_n(from.data() + (i / rows() * from_rows + row) * hidden, hidden, to.data() + i * hidden);
  }
  stream_->set_state(to.data());
  for (std::int64_t b = 0; b < rows(); ++b) {
    std::copy_n(other.logits_.data() + row * classes(), classes(), logits_.data() + b * classes());
  }
  drawn_ = other.drawn_;
}

template <class S>
std::size_t Generator<S>::state_bytes() const noexcept {
  return sizeof(drawn_) + logits_bytes() + stream_->state_bytes();
}

template <class S>
void Generator<S>::save(void* to) const noexcept {
  auto* bytes = static_cast<char*>(to);
  std::memcpy(bytes, &drawn_, sizeof(drawn_));
  std::memcpy(bytes + sizeof(drawn_), logits_.data(), logits_bytes());
  stream_->save(bytes + sizeof(drawn_) + logits_bytes());
}

template <class S>
void Generator<S>::restore(const void* from) noexcept {
  const auto* bytes = static_cast<const char*>(from);
  std::memcpy(&drawn_, bytes, sizeof(drawn_));
  std::memcpy(logits_.data(), bytes + sizeof(drawn_), logits_bytes());
  stream_->restore(bytes + sizeof(drawn_) + logits_bytes());
}

template class Generator<float>;
template class Generator<double>;

}  // namespace fastgru
