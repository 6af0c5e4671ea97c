// Symbols through an embedding, dropout and a GRU stack: the encoder, or the lower part of the decoder.
#pragma once

#include <cstdint>

#include "nn/seq2seq/pass.h"
#include "nn/seq2seq/token_rows.h"
#include "nn/seq2seq/weights.h"

namespace fastgru {

template <class S>
class Recurrence {
 public:
  Recurrence(const GruConfig& gru, std::int64_t vocabulary, std::int64_t embedding_offset,
             std::int64_t gru_offset)
      : gru_(gru),
        gru_offset_(gru_offset),
        embedding_(embedding_at<S>(vocabulary, gru.input_size, embedding_offset)) {}

  // h0 (L*D, rows, H), null: zeros. The block must stay in place until backward().
  Status forward(const S* flat, const Weights<S>& weights, const TokenBlock& block, const S* h0,
                 const PassOptions& pass);
  const S* states() const { return y_.data(); }         // (steps, rows, D*H)
  const S* last_states() const { return h_n_.data(); }  // (L*D, rows, H)

  // After forward() for training: the gradients of the embedding and the stack at their places in `gradient`,
  // and of h0 if dh0 is not null. dy (steps, rows, D*H), dh_n as last_states(); null: zeros.
  Status backward(const S* flat, const Weights<S>& weights, const TokenBlock& block, const S* dy,
                  const S* dh_n, S* dh0, const PassOptions& pass, S* gradient);

 private:
  std::int64_t width() const { return gru_.directions() * gru_.hidden_size; }

  GruConfig gru_;
  std::int64_t gru_offset_;
  Embedding<S> embedding_;
  Tape<S> tape_;
  Workspace<S> workspace_;
  AlignedBuffer<S> dropped_, y_, h_n_, dx_;
};

extern template class Recurrence<float>;
extern template class Recurrence<double>;

}  // namespace fastgru
