// Attention: products of small matrices, a row of the batch at a time.
#include "nn/seq2seq/attention.h"

#include <algorithm>

#include "nn/losses/vector_math.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

template <class S>
void add_to(const S* from, std::int64_t count, S* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// d_scores from the gradient of softmax(scores), in place.
template <class S>
void softmax_gradient(const S* weights, std::int64_t count, S* d) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(weights[i]) * static_cast<double>(d[i]);
  const S mean = static_cast<S>(sum);
  for (std::int64_t i = 0; i < count; ++i) d[i] = weights[i] * (d[i] - mean);
}

// Of `count` products of a query and a state.
int threads_for(const AttentionRows& rows, std::int64_t hidden, int count, int threads) {
  const auto pairs = static_cast<double>(rows.weights[rows.rows]);
  return threads_worth(pairs * static_cast<double>(hidden * count), threads);
}

std::int64_t rounded(std::int64_t count) { return (count + 15) / 16 * 16; }

}  // namespace

template <class S>
Status Attention<S>::reserve(const AttentionRows& rows, bool training, int threads) {
  std::int64_t states = 0, queries = 0, scores = 0;
  for (std::int64_t b = 0; b < rows.rows; ++b) {
    states = std::max(states, rows.sources[b + 1] - rows.sources[b]);
    queries = std::max(queries, rows.queries[b + 1] - rows.queries[b]);
    scores = std::max(scores, rows.weights[b + 1] - rows.weights[b]);
  }
  packed_size_ = rounded(products_.packed_size(hidden_, states));
  scores_size_ = training ? rounded(scores) : 0;
  states_size_ = training ? rounded(queries * hidden_) : 0;
  product_size_ = rounded(products_.scratch_size(1));
  const std::int64_t each = packed_size_ + scores_size_ + states_size_ + product_size_;
  return scratch_.reserve(each * threads) ? Status() : out_of_memory();
}

template <class S>
typename Attention<S>::Scratch Attention<S>::scratch(int thread) const {
  S* first =
      const_cast<S*>(scratch_.data()) + thread * (packed_size_ + scores_size_ + states_size_ + product_size_);
  return {first, first + packed_size_, first + packed_size_ + scores_size_,
          first + packed_size_ + scores_size_ + states_size_};
}

template <class S>
Status Attention<S>::set_memory(const S* flat, const S* memory, std::int64_t count, int threads) {
  memory_ = keys_ = memory;
  count_ = count;
  if (!general_) return {};
  if (!own_keys_.reserve(count * hidden_) ||
      !packed_weight_.reserve(products_.packed_size(hidden_, hidden_))) {
    return out_of_memory();
  }
  products_.pack(flat + offset_, hidden_, hidden_, packed_weight_.data());
  products_.forward({count, hidden_, hidden_}, {memory, hidden_}, packed_weight_.data(),
                    {own_keys_.data(), hidden_}, threads);
  keys_ = own_keys_.data();
  return {};
}

template <class S>
Status Attention<S>::forward(const AttentionRows& rows, MatrixRows<const S> queries, S* weights,
                             MatrixRows<S> contexts, int threads) {
  threads = threads_for(rows, hidden_, 2, threads);
  FASTGRU_RETURN_IF_ERROR(reserve(rows, false, threads));
  parallel_for(rows.rows, threads, [&](std::int64_t b, int thread) {
    const Scratch s = scratch(thread);
    const std::int64_t first = rows.sources[b], states = rows.sources[b + 1] - first;
    const std::int64_t begin = rows.queries[b], count = rows.queries[b + 1] - begin;
    S* own = weights + rows.weights[b];
    if (count == 0) return;
    products_.pack(keys_ + first * hidden_, hidden_, states, s.packed);
    products_.forward({count, hidden_, states}, {queries.row(begin), queries.stride}, s.packed, {own, states},
                      1);
    for (std::int64_t i = 0; i < count; ++i) softmax(own + i * states, states, own + i * states);
    products_.input_gradient({count, hidden_, states}, {own, states}, {memory_ + first * hidden_, hidden_},
                             {contexts.row(begin), contexts.stride}, s.product, 1);
  });
  return {};
}

template <class S>
Status Attention<S>::backward(const S* flat, const AttentionRows& rows, MatrixRows<const S> queries,
                              const S* weights, MatrixRows<const S> d_contexts, MatrixRows<S> d_queries,
                              S* d_memory, S* gradient, int threads) {
  const int workers = threads_for(rows, hidden_, 4, threads);
  FASTGRU_RETURN_IF_ERROR(reserve(rows, true, workers));
  if (!d_keys_.reserve(2 * count_ * hidden_)) return out_of_memory();
  S* d_keys = d_keys_.data();
  parallel_for(rows.rows, workers, [&](std::int64_t b, int thread) {
    const Scratch s = scratch(thread);
    const std::int64_t first = rows.sources[b], states = rows.sources[b + 1] - first;
    const std::int64_t begin = rows.queries[b], count = rows.queries[b + 1] - begin;
    const typename Products<S>::Shape shape{count, hidden_, states};
    const MatrixRows<const S> own{weights + rows.weights[b], states};
    const MatrixRows<const S> d_context{d_contexts.row(begin), d_contexts.stride};
    products_.pack(memory_ + first * hidden_, hidden_, states, s.packed);
    products_.forward(shape, d_context, s.packed, {s.scores, states}, 1);
    for (std::int64_t i = 0; i < count; ++i) softmax_gradient(own.row(i), states, s.scores + i * states);
    products_.weight_gradient(shape, own, d_context, {d_memory + first * hidden_, hidden_}, s.product, 1);
    products_.weight_gradient(shape, {s.scores, states}, {queries.row(begin), queries.stride},
                              {d_keys + first * hidden_, hidden_}, s.product, 1);
    products_.input_gradient(shape, {s.scores, states}, {keys_ + first * hidden_, hidden_},
                             {s.states, hidden_}, s.product, 1);
    for (std::int64_t i = 0; i < count; ++i) {
      add_to(s.states + i * hidden_, hidden_, d_queries.row(begin + i));
    }
  });
  if (!general_) {
    add_to(d_keys, count_ * hidden_, d_memory);
    return {};
  }
  if (!weight_scratch_.reserve(products_.scratch_size(threads))) return out_of_memory();
  const typename Products<S>::Shape shape{count_, hidden_, hidden_};
  S* through = d_keys + count_ * hidden_;
  products_.weight_gradient(shape, {d_keys, hidden_}, {memory_, hidden_}, {gradient + offset_, hidden_},
                            weight_scratch_.data(), threads);
  products_.input_gradient(shape, {d_keys, hidden_}, {flat + offset_, hidden_}, {through, hidden_},
                           weight_scratch_.data(), threads);
  add_to(through, count_ * hidden_, d_memory);
  return {};
}

template class Attention<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Attention<double>;
#endif

}  // namespace fastgru
