// Embedding: looks up the rows of the weight, and adds up their gradients.
#include "nn/modules/embedding.h"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/checks.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

// Stands only beyond a row's end: the input encoder never gives it within a row.
constexpr std::int64_t kPadding = 0;

}  // namespace

Status EmbeddingOptions::check_vocabulary(std::int64_t input_size) const {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1024;
  if (vocabulary_size != 0 && vocabulary_size < 2) {
    return Status::invalid("vocabulary_size must be 0 (no tokens) or at least 2 (padding and unknown), got " +
                           std::to_string(vocabulary_size));
  }
  if (vocabulary_size <= kMost / input_size) return {};
  return Status::invalid("vocabulary_size must be at most " + std::to_string(kMost / input_size) +
                         " with input_size=" + std::to_string(input_size) +
                         ", or there are more parameters than can be counted; got " +
                         std::to_string(vocabulary_size));
}

template <class S>
Embedding<S>::Embedding(const NetworkConfig& config)
    : vocabulary_(config.vocabulary_size), size_(config.gru.input_size), tied_(config.tied_embedding) {}

template <class S>
bool Embedding<S>::wanted(const NetworkConfig& config) {
  return config.vocabulary_size > 0;
}

template <class S>
std::vector<ParamSlot> Embedding<S>::parameters() const {
  return {{"embedding.weight", vocabulary_, size_, 0}};
}

template <class S>
void Embedding<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  std::string tokens = std::to_string(vocabulary_);
  for (std::size_t at = tokens.size(); at > 3; at -= 3) tokens.insert(at - 3, ",");
  lines.push_back({"embedding of " + tokens + " tokens", summary_shape(true, size_), vocabulary_ * size_});
}

template <class S>
Status Embedding<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  if (training) rows_.reserve(static_cast<std::size_t>(steps * rows));
  return x_.reserve(steps * rows * size_) ? Status() : out_of_memory();
}

template <class S>
void Embedding<S>::look_up(const S* weight, const std::int64_t* tokens, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    if (tokens[i] == kPadding) {
      std::fill_n(x_.data() + i * size_, size_, S(0));
    } else {
      std::copy_n(weight + tokens[i] * size_, size_, x_.data() + i * size_);
    }
  }
}

template <class S>
Status Embedding<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  tokens_ = in.tokens;
  look_up(call.params.flat + this->offset(), in.tokens, in.count());
  out.steps = in.steps;
  out.rows = in.rows;
  out.width = size_;
  out.values = x_.data();
  return {};
}

template <class S>
Status Embedding<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out,
                              SignalGradient<S>* /*in*/, S* gradient) {
  S* weight = gradient + this->offset();
  if (tied_) {
    // nothing to clear
  } else if (written_ == weight) {
    for (const std::int64_t row : rows_) std::fill_n(weight + row * size_, size_, S(0));
  } else {
    std::fill_n(weight, vocabulary_ * size_, S(0));
  }
  written_ = weight;
  rows_.clear();
  for (std::int64_t i = 0; i < call.steps * call.rows; ++i) {
    if (tokens_[i] == kPadding) continue;
    rows_.push_back(tokens_[i]);
    const S* from = out.values.data + i * size_;
    S* to = weight + tokens_[i] * size_;
    for (std::int64_t k = 0; k < size_; ++k) to[k] += from[k];
  }
  return {};
}

template <class S>
void Embedding<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  look_up(call.params.flat + this->offset(), signal.tokens, call.rows);
  signal.values = x_.data();
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace fastgru
