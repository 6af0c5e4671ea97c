// Answers of an encoder-decoder network: sources are encoded once, then the decoder goes step by step for all
// beams of all rows of a block. A row's answer has the same bits alone or in any block.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/decoding/beam_search.h"
#include "nn/seq2seq/decoder_top.h"
#include "nn/seq2seq/recurrence.h"

namespace fastgru {

template <class S>
class Translator {
 public:
  explicit Translator(const Seq2SeqLayout& layout);

  // answers[i]: those to source i, the best first; max_lengths[i]: their most symbols.
  Status run(const Seq2SeqWeights<S>& weights, const TokenRows& sources, const std::int64_t* max_lengths,
             const BeamOptions& beams, const RunOptions& options,
             std::vector<std::vector<Hypothesis>>& answers);

 private:
  Status encode(const Seq2SeqWeights<S>& weights, const TokenRows& sources, const std::int64_t* order,
                std::int64_t rows, std::int64_t num_beams, const PassOptions& pass);
  Status step(const Seq2SeqWeights<S>& weights, const PassOptions& pass);
  void list_beams();
  void advance(const PassOptions& pass);

  const Seq2SeqLayout& layout_;
  Recurrence<S> encoder_;
  Embedding<S> embedding_;
  DecoderTop<S> top_;
  Workspace<S> workspace_;
  TokenBlock source_;
  std::vector<BeamSearch> searches_;  // of the rows of the block
  // The beams of all rows, one after the other: `beams_` in all. Their last symbols; where row b's begin, in
  // beams and in attention weights.
  std::int64_t beams_ = 0;
  std::vector<std::int64_t> symbols_, row_beams_, row_weights_;
  AlignedBuffer<S> memory_, states_, next_states_, logits_;
};

extern template class Translator<float>;
extern template class Translator<double>;

}  // namespace fastgru
