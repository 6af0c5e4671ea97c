// Attention of decoder states over the encoder states of the same row (Luong et al. 2015, "global"): the
// scores are q m or q W m, the weights their softmax, the context the weighted sum of the states.
//
// Rows are packed (TokenBlock), so nothing is padded and a row's results have the same bits in any batch.
#pragma once

#include <cstdint>

#include "nn/seq2seq/config.h"
#include "nn/seq2seq/products.h"
#include "nn/seq2seq/token_rows.h"
#include "runtime/aligned.h"
#include "runtime/status.h"

namespace fastgru {

// What each row of the queries attends to: `sources` and `queries` give the rows' places.
struct AttentionRows {
  const std::int64_t* sources = nullptr;  // (rows + 1): the states of row b begin at sources[b]
  const std::int64_t* queries = nullptr;  // (rows + 1)
  const std::int64_t* weights = nullptr;  // (rows + 1): (queries, states) of row b begin there
  std::int64_t rows = 0;
};

template <class S>
class Attention {
 public:
  explicit Attention(const Seq2SeqLayout& layout)
      : general_(layout.config().attention == AttentionKind::general),
        hidden_(layout.config().hidden_size),
        offset_(layout.attention) {}

  // Keeps `memory` (count, hidden), the encoder's states, which must stay in place, and computes their keys.
  Status set_memory(const S* flat, const S* memory, std::int64_t count, int threads);

  // weights: packed (queries, states) of every row; contexts (all queries, hidden).
  Status forward(const AttentionRows& rows, MatrixRows<const S> queries, S* weights, MatrixRows<S> contexts,
                 int threads);

  // After forward() with the same arguments: adds to d_queries; d_memory and the gradient of W, at its place
  // in `gradient`, are overwritten.
  Status backward(const S* flat, const AttentionRows& rows, MatrixRows<const S> queries, const S* weights,
                  MatrixRows<const S> d_contexts, MatrixRows<S> d_queries, S* d_memory, S* gradient,
                  int threads);

 private:
  // One thread's scratch for one row.
  struct Scratch {
    S *packed, *scores, *states, *product;
  };
  Status reserve(const AttentionRows& rows, bool training, int threads);
  Scratch scratch(int thread) const;

  bool general_;
  std::int64_t hidden_, offset_;
  Products<S> products_;
  const S *memory_ = nullptr, *keys_ = nullptr;
  std::int64_t count_ = 0;
  AlignedBuffer<S> own_keys_, d_keys_, packed_weight_, weight_scratch_, scratch_;
  std::int64_t packed_size_ = 0, scores_size_ = 0, states_size_ = 0, product_size_ = 0;
};

extern template class Attention<float>;
extern template class Attention<double>;

}  // namespace fastgru
