// Attention and the layer over it.
#include "nn/seq2seq/decoder_top.h"

#include <cmath>

#include "engine/dropout.h"
#include "kernels/dispatch.h"

namespace fastgru {
namespace {

constexpr auto kHeadStream = static_cast<std::uint64_t>(RandomStream::dropout_head);

void tanh_of(float* values, std::int64_t count) { active_kernels().map_tanh(values, values, count); }
[[maybe_unused]] void tanh_of(double* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = std::tanh(values[i]);
}

}  // namespace

template <class S>
DecoderTop<S>::DecoderTop(const Seq2SeqLayout& layout)
    : attends_(layout.config().attends()),
      hidden_(layout.config().hidden_size),
      combine_at_(layout.combine),
      dropout_(layout.config().dropout),
      attention_(layout) {}

template <class S>
Status DecoderTop<S>::set_memory(const Seq2SeqWeights<S>& weights, const S* memory, std::int64_t count,
                                 const PassOptions& pass) {
  return attends_ ? attention_.set_memory(weights.flat(), memory, count, pass.threads()) : Status();
}

template <class S>
Status DecoderTop<S>::reserve(std::int64_t count, std::int64_t weights) {
  const bool fits = joined_.reserve(count * width()) && attention_weights_.reserve(attends_ ? weights : 0) &&
                    combined_.reserve(attends_ ? count * hidden_ : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status DecoderTop<S>::forward(const Seq2SeqWeights<S>& weights, const AttentionRows& rows, std::int64_t count,
                              const PassOptions& pass) {
  features_ = joined_.data();
  if (attends_) {
    const MatrixRows<S> states = queries();
    FASTGRU_RETURN_IF_ERROR(attention_.forward(rows, {states.data, states.stride}, attention_weights_.data(),
                                               {joined_.data(), width()}, pass.threads()));
    weights.products().forward({count, width(), hidden_}, {joined_.data(), width()}, weights.combine(),
                               {combined_.data(), hidden_}, pass.threads());
    tanh_of(combined_.data(), count * hidden_);
    features_ = combined_.data();
  }
  if (!pass.drops || dropout_ == 0) return {};
  if (!dropped_.reserve(count * hidden_)) return out_of_memory();
  dropout(features_, dropped_.data(), count * hidden_, 0, dropout_, pass.seed, kHeadStream);
  features_ = dropped_.data();
  return {};
}

template <class S>
Status DecoderTop<S>::backward(const Seq2SeqWeights<S>& weights, const AttentionRows& rows,
                               std::int64_t count, S* d_features, S* d_memory, const PassOptions& pass,
                               S* gradient) {
  if (pass.drops && dropout_ > 0) {
    dropout(d_features, d_features, count * hidden_, 0, dropout_, pass.seed, kHeadStream);
  }
  d_queries_ = {d_features, hidden_};
  if (!attends_) return {};
  const int threads = pass.threads();
  if (!d_joined_.reserve(count * width()) || !scratch_.reserve(weights.products().scratch_size(threads))) {
    return out_of_memory();
  }
  const S* y = combined_.data();
  for (std::int64_t i = 0; i < count * hidden_; ++i) d_features[i] *= S(1) - y[i] * y[i];
  const typename Products<S>::Shape shape{count, width(), hidden_};
  weights.products().weight_gradient(shape, {d_features, hidden_}, {joined_.data(), width()},
                                     {gradient + combine_at_, width()}, scratch_.data(), threads);
  weights.products().input_gradient(shape, {d_features, hidden_}, {weights.flat() + combine_at_, width()},
                                    {d_joined_.data(), width()}, scratch_.data(), threads);
  d_queries_ = {d_joined_.data() + hidden_, width()};
  const MatrixRows<S> states = queries();
  return attention_.backward(weights.flat(), rows, {states.data, states.stride}, attention_weights_.data(),
                             {d_joined_.data(), width()}, {d_joined_.data() + hidden_, width()}, d_memory,
                             gradient, threads);
}

template class DecoderTop<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class DecoderTop<double>;
#endif

}  // namespace fastgru
