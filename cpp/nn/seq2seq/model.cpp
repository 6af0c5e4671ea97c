// An encoder-decoder network and its calls.
#include "nn/seq2seq/model.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "nn/seq2seq/step.h"
#include "nn/seq2seq/translator.h"

namespace fastgru {
namespace {

constexpr std::int64_t kBlockPairs = 64;

// use(step, pairs so far) for the blocks of all pairs, each of similar lengths.
template <class S, class Use>
Status for_blocks(const Seq2SeqLayout& layout, const TokenPairs& pairs, Use use) {
  const std::int64_t rows = pairs.sources.rows;
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto length = [&](std::int64_t i) { return pairs.sources.length(i) + pairs.targets.length(i); };
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return length(a) != length(b) ? length(a) > length(b) : a < b;
  });
  Seq2SeqStep<S> step(layout);
  for (std::int64_t first = 0; first < rows; first += kBlockPairs) {
    const std::int64_t count = std::min(kBlockPairs, rows - first);
    step.choose(pairs, order.data() + first, count);
    FASTGRU_RETURN_IF_ERROR(use(step, order.data() + first, count));
  }
  return {};
}

}  // namespace

template <class S>
Status Seq2Seq<S>::make(const Seq2SeqConfig& config, std::shared_ptr<Seq2Seq>& result) {
  FASTGRU_RETURN_IF_ERROR(validate(config));
  std::shared_ptr<Seq2Seq> network(new Seq2Seq(config));
  const std::int64_t total = network->layout().total();
  AlignedBuffer<S> zeros;
  if (!zeros.reserve(total)) return out_of_memory();
  std::fill_n(zeros.data(), total, S(0));
  FASTGRU_RETURN_IF_ERROR(network->set_parameters(zeros.data()));
  result = std::move(network);
  return {};
}

template <class S>
std::shared_ptr<const Seq2SeqParams<S>> Seq2Seq<S>::params() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return params_;
}

template <class S>
Status Seq2Seq<S>::set_parameters(const S* flat) {
  std::shared_ptr<const Seq2SeqParams<S>> fresh;
  FASTGRU_RETURN_IF_ERROR(Seq2SeqParams<S>::make(layout_, flat, fresh));
  set_parameters(std::move(fresh));
  return {};
}

template <class S>
void Seq2Seq<S>::set_parameters(std::shared_ptr<const Seq2SeqParams<S>> fresh) {
  const std::lock_guard<std::mutex> lock(mutex_);
  params_ = std::move(fresh);
}

template <class S>
Status Seq2Seq<S>::check(const TokenPairs& pairs) const {
  if (pairs.sources.rows != pairs.targets.rows) {
    return Status::invalid("sources and targets must be equally many, got " +
                           std::to_string(pairs.sources.rows) + " and " + std::to_string(pairs.targets.rows));
  }
  FASTGRU_RETURN_IF_ERROR(validate(pairs.sources, config().source_vocabulary, "sources"));
  return validate(pairs.targets, config().target_vocabulary, "targets");
}

template <class S>
Status Seq2Seq<S>::translate(const TokenRows& sources, const std::int64_t* max_lengths,
                             const BeamOptions& beams, const RunOptions& options,
                             std::vector<std::vector<Hypothesis>>& answers) const {
  FASTGRU_RETURN_IF_ERROR(validate(beams));
  FASTGRU_RETURN_IF_ERROR(validate(sources, config().source_vocabulary, "sources"));
  for (std::int64_t i = 0; i < sources.rows; ++i) {
    if (max_lengths[i] >= 1) continue;
    return Status::invalid("max_length must be at least 1, got " + std::to_string(max_lengths[i]));
  }
  Translator<S> translator(*layout_);
  return translator.run(params()->weights(), sources, max_lengths, beams, options, answers);
}

template <class S>
Status Seq2Seq<S>::score(const TokenPairs& pairs, const RunOptions& options,
                         double* log_probabilities) const {
  FASTGRU_RETURN_IF_ERROR(check(pairs));
  const std::shared_ptr<const Seq2SeqParams<S>> now = params();
  PassOptions pass;
  pass.options = options;
  return for_blocks<S>(*layout_, pairs,
                       [&](Seq2SeqStep<S>& step, const std::int64_t* order, std::int64_t count) {
                         std::vector<double> block(static_cast<std::size_t>(count));
                         FASTGRU_RETURN_IF_ERROR(step.score(now->weights(), pass, block.data()));
                         for (std::int64_t i = 0; i < count; ++i)
                           log_probabilities[order[i]] = block[static_cast<std::size_t>(i)];
                         return Status();
                       });
}

template <class S>
Status Seq2Seq<S>::attend(const TokenPairs& pairs, const RunOptions& options, float* weights) const {
  FASTGRU_RETURN_IF_ERROR(check(pairs));
  if (!config().attends()) return Status::invalid("a network without attention has no attention weights");
  std::vector<std::int64_t> starts{0};
  for (std::int64_t i = 0; i < pairs.sources.rows; ++i) {
    starts.push_back(starts.back() + (pairs.sources.length(i) + 1) * (pairs.targets.length(i) + 1));
  }
  const std::shared_ptr<const Seq2SeqParams<S>> now = params();
  PassOptions pass;
  pass.options = options;
  return for_blocks<S>(*layout_, pairs,
                       [&](Seq2SeqStep<S>& step, const std::int64_t* order, std::int64_t count) {
                         std::vector<std::int64_t> places;
                         for (std::int64_t i = 0; i < count; ++i)
                           places.push_back(starts[static_cast<std::size_t>(order[i])]);
                         return step.attend(now->weights(), pass, places.data(), weights);
                       });
}

template class Seq2Seq<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Seq2Seq<double>;
#endif

}  // namespace fastgru
