// A language model at work: reads tokens and draws the next ones, for some sequences side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "nn/decoding/sampling.h"
#include "nn/stream.h"
#include "runtime/aligned.h"

namespace fastgru {

// Whether a network is a language model: tokens in, at every step a class for each token of the vocabulary,
// one direction.
Status check_language_model(const NetworkConfig& config);

// A row has the same bits alone and beside others. After make() nothing allocates.
template <class S>
class Generator {
 public:
  // first_row: the number of the first row, which keys its random numbers. Several generators that share some
  // rows among them so draw what one of all rows would.
  static Status make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<Generator>& result,
                     std::int64_t first_row = 0);
  Status copy(std::unique_ptr<Generator>& result) const;

  const NetworkVersion<S>& version() const { return stream_->version(); }
  std::int64_t rows() const { return stream_->rows(); }
  std::int64_t classes() const { return stream_->config().logits(); }

  // Begins new sequences.
  void reset() noexcept;
  // Reads the next token of each row. An id that is none counts as unknown.
  void feed(const std::int64_t* tokens) noexcept;
  // (rows, classes), after feed(); zeros before.
  const S* logits() const noexcept { return logits_.data(); }
  // Draws a token for each row, to be given to feed(). Random numbers are keyed by the seed, the row and how
  // many tokens were drawn before. `sampling` must have passed validate().
  void draw(const Sampling& sampling, std::uint64_t seed, std::int64_t* tokens) noexcept;
  // p (rows, classes): the probabilities with which draw() draws.
  void probabilities(const Sampling& sampling, double* p) noexcept;
  // Goes on from what one row of another generator has read.
  void set_all_rows(const Generator& other, std::int64_t row);

  // The state on which what follows depends, as bytes.
  std::size_t state_bytes() const noexcept;
  void save(void* to) const noexcept;
  void restore(const void* from) noexcept;

 private:
  explicit Generator(std::unique_ptr<NetworkStream<S>> stream) : stream_(std::move(stream)) {}
  std::size_t logits_bytes() const noexcept {
    return static_cast<std::size_t>(rows() * classes()) * sizeof(S);
  }

  std::unique_ptr<NetworkStream<S>> stream_;
  AlignedBuffer<S> logits_;
  Sampler sampler_;
  std::int64_t first_row_ = 0, drawn_ = 0;
};

extern template class Generator<float>;
extern template class Generator<double>;

}  // namespace fastgru
