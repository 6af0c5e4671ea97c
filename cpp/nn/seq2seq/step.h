// One mini-batch of sentence pairs: the loss and the gradient of every parameter; and without gradients the
// loss, or the attention, of pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/seq2seq/decoder_top.h"
#include "nn/seq2seq/head_loss.h"
#include "nn/seq2seq/recurrence.h"

namespace fastgru {

template <class S>
class Seq2SeqStep {
 public:
  explicit Seq2SeqStep(const Seq2SeqLayout& layout);

  // Chooses pairs order[0] ... order[rows - 1] for the calls below. The arguments must stay in place.
  void choose(const TokenPairs& pairs, const std::int64_t* order, std::int64_t rows);
  // Symbols of the targets, the end of each among them: what the loss is averaged over.
  std::int64_t count() const { return count_; }

  // The mean cross entropy of the next symbol given the true ones before it, smoothed (see HeadLoss);
  // gradient() becomes its gradient. If the loss is not finite, the gradient is unspecified.
  Status loss_and_gradient(const Seq2SeqWeights<S>& weights, double smoothing, const PassOptions& pass,
                           double& loss);
  S* gradient() { return gradient_.data(); }  // layout.total() values

  // Adds the log probability of every pair's target to log_probabilities[place of the pair in `order`].
  Status score(const Seq2SeqWeights<S>& weights, const PassOptions& pass, double* log_probabilities);

  // The pairs' attention weights one after the other, each (target and end, source and end) values:
  // starts[i]: where pair order[i] goes in `out`.
  Status attend(const Seq2SeqWeights<S>& weights, const PassOptions& pass, const std::int64_t* starts,
                float* out);

 private:
  // Rows of similar lengths that run as one block (see rows_alike).
  struct Group {
    std::int64_t first, rows;
  };
  void cut();
  void load(const Group& group);
  AttentionRows attention_rows() const;
  Status run(const Seq2SeqWeights<S>& weights, const PassOptions& pass);
  Status run_back(const Seq2SeqWeights<S>& weights, const PassOptions& pass, S* gradient);

  const Seq2SeqLayout& layout_;
  Recurrence<S> encoder_, decoder_;
  DecoderTop<S> top_;
  HeadLoss<S> head_;
  TokenPairs pairs_;
  std::vector<std::int64_t> order_, places_;  // the pairs, longest first, and where `order` has them
  std::vector<Group> groups_;
  std::int64_t count_ = 0;
  TokenBlock source_, target_;         // of the group that runs
  std::vector<std::int64_t> classes_;  // the symbols to predict, packed
  std::vector<std::int64_t> attention_starts_;
  AlignedBuffer<S> memory_, h0_, d_features_, d_memory_, d_states_, d_encoder_, d_h0_, d_h_n_;
  AlignedBuffer<S> gradient_, group_gradient_;
};

extern template class Seq2SeqStep<float>;
extern template class Seq2SeqStep<double>;

}  // namespace fastgru
