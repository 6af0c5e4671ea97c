// The upper part of the decoder: attention and what it makes of a state (Luong et al. 2015),
// tanh(W [context; state]). Without attention the state itself.
#pragma once

#include <cstdint>
#include <optional>

#include "nn/seq2seq/attention.h"
#include "nn/seq2seq/pass.h"
#include "nn/seq2seq/weights.h"

namespace fastgru {

template <class S>
class DecoderTop {
 public:
  explicit DecoderTop(const Seq2SeqLayout& layout);

  bool attends() const { return attends_; }
  // The encoder's packed states, which must stay in place.
  Status set_memory(const Seq2SeqWeights<S>& weights, const S* memory, std::int64_t count,
                    const PassOptions& pass);
  // Room for the decoder's states of `count` queries, which the caller writes there before forward().
  Status reserve(std::int64_t count, std::int64_t weights);
  MatrixRows<S> queries() { return {joined_.data() + (attends_ ? hidden_ : 0), width()}; }

  // The head's input (count, hidden): features().
  Status forward(const Seq2SeqWeights<S>& weights, const AttentionRows& rows, std::int64_t count,
                 const PassOptions& pass);
  const S* features() const { return features_; }
  const S* attention() const { return attention_weights_.data(); }  // packed (queries, states) of every row

  // After forward() with the same arguments. d_features (count, hidden) is overwritten. d_queries(): the
  // gradient of the states; d_memory (all states, hidden), overwritten. Without attention nothing else.
  Status backward(const Seq2SeqWeights<S>& weights, const AttentionRows& rows, std::int64_t count,
                  S* d_features, S* d_memory, const PassOptions& pass, S* gradient);
  MatrixRows<const S> d_queries() const { return d_queries_; }

 private:
  std::int64_t width() const { return attends_ ? 2 * hidden_ : hidden_; }

  bool attends_;
  std::int64_t hidden_, combine_at_;
  double dropout_;
  Attention<S> attention_;
  const S* features_ = nullptr;
  MatrixRows<const S> d_queries_;
  AlignedBuffer<S> joined_;  // (count, [context; state])
  AlignedBuffer<S> attention_weights_, combined_, dropped_, d_joined_, scratch_;
};

extern template class DecoderTop<float>;
extern template class DecoderTop<double>;

}  // namespace fastgru
