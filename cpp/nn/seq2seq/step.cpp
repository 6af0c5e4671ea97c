// Forward and backward of sentence pairs.
#include "nn/seq2seq/step.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "nn/data/row_groups.h"
#include "nn/seq2seq/states.h"
#include "runtime/denormals.h"

namespace fastgru {

template <class S>
Seq2SeqStep<S>::Seq2SeqStep(const Seq2SeqLayout& layout)
    : layout_(layout),
      encoder_(layout.config().encoder(), layout.config().source_vocabulary, layout.source_embedding,
               layout.encoder),
      decoder_(layout.config().decoder(), layout.config().target_vocabulary, layout.target_embedding,
               layout.decoder),
      top_(layout),
      head_(layout.config().hidden_size, layout.config().target_vocabulary) {}

template <class S>
void Seq2SeqStep<S>::choose(const TokenPairs& pairs, const std::int64_t* order, std::int64_t rows) {
  pairs_ = pairs;
  places_.resize(static_cast<std::size_t>(rows));
  std::iota(places_.begin(), places_.end(), std::int64_t{0});
  const auto length = [&](std::int64_t place) {
    return pairs.sources.length(order[place]) + pairs.targets.length(order[place]);
  };
  std::sort(places_.begin(), places_.end(), [&](std::int64_t a, std::int64_t b) {
    return length(a) != length(b) ? length(a) > length(b) : a < b;
  });
  order_.resize(places_.size());
  std::transform(places_.begin(), places_.end(), order_.begin(), [&](std::int64_t i) { return order[i]; });
  count_ = rows;  // the ends
  for (std::int64_t i = 0; i < rows; ++i) count_ += pairs.targets.length(order[i]);
  cut();
}

template <class S>
void Seq2SeqStep<S>::cut() {
  const Seq2SeqConfig& c = layout_.config();
  const std::int64_t values = 16 * c.hidden_size * c.num_layers + 2 * c.embedding_size;
  std::vector<std::int64_t> lengths(order_.size());
  std::transform(order_.begin(), order_.end(), lengths.begin(),
                 [&](std::int64_t i) { return pairs_.sources.length(i) + pairs_.targets.length(i) + 2; });
  const auto rows = static_cast<std::int64_t>(order_.size());
  groups_.clear();
  for (std::int64_t first = 0; first < rows;) {
    const std::int64_t count = rows_alike(lengths.data() + first, rows - first, values);
    groups_.push_back({first, count});
    first += count;
  }
}

template <class S>
void Seq2SeqStep<S>::load(const Group& group) {
  const std::int64_t* order = order_.data() + group.first;
  source_.set(pairs_.sources, order, group.rows, TokenBlock::End::behind);
  target_.set(pairs_.targets, order, group.rows, TokenBlock::End::before);
  classes_.resize(static_cast<std::size_t>(target_.count()));
  attention_starts_.assign(1, 0);
  for (std::int64_t b = 0; b < group.rows; ++b) {
    std::int64_t* classes = classes_.data() + target_.first(b);
    std::copy_n(pairs_.targets.row(order[b]), target_.length(b) - 1, classes);
    classes[target_.length(b) - 1] = kEndSymbol;
    attention_starts_.push_back(attention_starts_.back() + target_.length(b) * source_.length(b));
  }
}

template <class S>
AttentionRows Seq2SeqStep<S>::attention_rows() const {
  return {source_.starts.data(), target_.starts.data(), attention_starts_.data(), source_.rows};
}

// From the symbols of the group to the head's input.
template <class S>
Status Seq2SeqStep<S>::run(const Seq2SeqWeights<S>& weights, const PassOptions& pass) {
  const Seq2SeqConfig& c = layout_.config();
  const S* flat = weights.flat();
  const std::int64_t hidden = c.hidden_size;
  if (!memory_.reserve(c.attends() ? source_.count() * hidden : 0) ||
      !h0_.reserve(c.num_layers * source_.rows * hidden)) {
    return out_of_memory();
  }
  FASTGRU_RETURN_IF_ERROR(encoder_.forward(flat, weights.encoder(), source_, nullptr, pass.with_seed(1)));
  join_directions(c, source_.rows, encoder_.last_states(), h0_.data());
  FASTGRU_RETURN_IF_ERROR(decoder_.forward(flat, weights.decoder(), target_, h0_.data(), pass.with_seed(2)));
  if (c.attends()) {
    pack_rows(source_, encoder_.states(), hidden, memory_.data(), hidden);
    FASTGRU_RETURN_IF_ERROR(top_.set_memory(weights, memory_.data(), source_.count(), pass));
  }
  FASTGRU_RETURN_IF_ERROR(top_.reserve(target_.count(), attention_starts_.back()));
  pack_rows(target_, decoder_.states(), hidden, top_.queries().data, top_.queries().stride);
  return top_.forward(weights, attention_rows(), target_.count(), pass);
}

// From d_features_ to the gradients.
template <class S>
Status Seq2SeqStep<S>::run_back(const Seq2SeqWeights<S>& weights, const PassOptions& pass, S* gradient) {
  const Seq2SeqConfig& c = layout_.config();
  const S* flat = weights.flat();
  const std::int64_t hidden = c.hidden_size, states = c.num_layers * source_.rows * hidden;
  const bool fits = d_memory_.reserve(c.attends() ? source_.count() * hidden : 0) &&
                    d_encoder_.reserve(c.attends() ? source_.steps * source_.rows * hidden : 0) &&
                    d_states_.reserve(target_.steps * target_.rows * hidden) && d_h0_.reserve(states) &&
                    d_h_n_.reserve(states);
  if (!fits) return out_of_memory();
  FASTGRU_RETURN_IF_ERROR(top_.backward(weights, attention_rows(), target_.count(), d_features_.data(),
                                        d_memory_.data(), pass, gradient));
  unpack_rows(target_, top_.d_queries().data, top_.d_queries().stride, hidden, d_states_.data());
  FASTGRU_RETURN_IF_ERROR(decoder_.backward(flat, weights.decoder(), target_, d_states_.data(), nullptr,
                                            d_h0_.data(), pass.with_seed(2), gradient));
  split_directions(c, source_.rows, d_h0_.data(), d_h_n_.data());
  const S* d_encoder = nullptr;
  if (c.attends()) {
    unpack_rows(source_, d_memory_.data(), hidden, hidden, d_encoder_.data());
    d_encoder = d_encoder_.data();
  }
  return encoder_.backward(flat, weights.encoder(), source_, d_encoder, d_h_n_.data(), nullptr,
                           pass.with_seed(1), gradient);
}

template <class S>
Status Seq2SeqStep<S>::loss_and_gradient(const Seq2SeqWeights<S>& weights, double smoothing,
                                         const PassOptions& given, double& loss) {
  const FlushDenormals flush;
  const bool several = groups_.size() > 1;
  const std::int64_t total = layout_.total();
  if (!gradient_.reserve(total) || !group_gradient_.reserve(several ? total : 0)) return out_of_memory();
  if (several) std::fill_n(gradient_.data(), total, S(0));
  double sum = 0;
  std::uint64_t number = 0;
  for (const Group& group : groups_) {
    load(group);
    PassOptions pass = number == 0 ? given : given.with_seed(~number);
    ++number;
    pass.training = true;
    FASTGRU_RETURN_IF_ERROR(run(weights, pass));
    if (!d_features_.reserve(target_.count() * layout_.config().hidden_size)) return out_of_memory();
    S* gradient = several ? group_gradient_.data() : gradient_.data();
    const HeadRows<S> rows{top_.features(), classes_.data(), target_.count(), static_cast<double>(count_),
                           smoothing};
    FASTGRU_RETURN_IF_ERROR(
        head_.add(weights.head(), weights.flat(), rows, pass.threads(), d_features_.data(), gradient, sum));
    loss = sum / static_cast<double>(count_);
    if (!std::isfinite(loss)) return {};
    FASTGRU_RETURN_IF_ERROR(run_back(weights, pass, gradient));
    if (several)
      std::transform(gradient, gradient + total, gradient_.data(), gradient_.data(), std::plus<>());
  }
  return {};
}

template <class S>
Status Seq2SeqStep<S>::score(const Seq2SeqWeights<S>& weights, const PassOptions& pass,
                             double* log_probabilities) {
  const FlushDenormals flush;
  for (const Group& group : groups_) {
    load(group);
    FASTGRU_RETURN_IF_ERROR(run(weights, pass));
    const HeadRows<S> rows{top_.features(), classes_.data(), target_.count()};
    std::int64_t b = 0;
    FASTGRU_RETURN_IF_ERROR(head_.score(weights.head(), weights.flat(), rows, pass.threads(),
                                        [&](std::int64_t row, double log_probability) {
                                          while (row >= target_.first(b + 1)) ++b;
                                          const auto at = static_cast<std::size_t>(group.first + b);
                                          log_probabilities[places_[at]] += log_probability;
                                        }));
  }
  return {};
}

template <class S>
Status Seq2SeqStep<S>::attend(const Seq2SeqWeights<S>& weights, const PassOptions& pass,
                              const std::int64_t* starts, float* out) {
  const FlushDenormals flush;
  for (const Group& group : groups_) {
    load(group);
    FASTGRU_RETURN_IF_ERROR(run(weights, pass));
    for (std::int64_t b = 0; b < group.rows; ++b) {
      const auto at = static_cast<std::size_t>(b);
      const S* from = top_.attention() + attention_starts_[at];
      std::transform(from, from + attention_starts_[at + 1] - attention_starts_[at],
                     out + starts[places_[static_cast<std::size_t>(group.first + b)]],
                     [](S weight) { return static_cast<float>(weight); });
    }
  }
  return {};
}

template class Seq2SeqStep<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Seq2SeqStep<double>;
#endif

}  // namespace fastgru
