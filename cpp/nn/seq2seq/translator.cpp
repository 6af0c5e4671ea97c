// Greedy and beam search over the steps of a decoder.
#include "nn/seq2seq/translator.h"

#include <algorithm>
#include <numeric>

#include "engine/checks.h"
#include "nn/seq2seq/states.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

constexpr std::int64_t kMostLogits = std::int64_t{1} << 22;  // of a block
constexpr std::int64_t kMostBeams = 512;
constexpr std::int64_t kMostSymbols = std::int64_t{1} << 16;  // of the sources of a block

std::vector<std::int64_t> by_length(const TokenRows& sources) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(sources.rows));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return sources.length(a) != sources.length(b) ? sources.length(a) > sources.length(b) : a < b;
  });
  return order;
}

}  // namespace

template <class S>
Translator<S>::Translator(const Seq2SeqLayout& layout)
    : layout_(layout),
      encoder_(layout.config().encoder(), layout.config().source_vocabulary, layout.source_embedding,
               layout.encoder),
      embedding_(embedding_at<S>(layout.config().target_vocabulary, layout.config().embedding_size,
                                 layout.target_embedding)),
      top_(layout) {}

template <class S>
Status Translator<S>::encode(const Seq2SeqWeights<S>& weights, const TokenRows& sources,
                             const std::int64_t* order, std::int64_t rows, std::int64_t num_beams,
                             const PassOptions& pass) {
  const Seq2SeqConfig& c = layout_.config();
  source_.set(sources, order, rows, TokenBlock::End::behind);
  FASTGRU_RETURN_IF_ERROR(encoder_.forward(weights.flat(), weights.encoder(), source_, nullptr, pass));
  if (!states_.reserve(c.num_layers * rows * num_beams * c.hidden_size)) return out_of_memory();
  join_directions(c, rows, encoder_.last_states(), states_.data());
  if (!c.attends()) return {};
  if (!memory_.reserve(source_.count() * c.hidden_size)) return out_of_memory();
  pack_rows(source_, encoder_.states(), c.hidden_size, memory_.data(), c.hidden_size);
  return top_.set_memory(weights, memory_.data(), source_.count(), pass);
}

template <class S>
void Translator<S>::list_beams() {
  row_beams_.assign(1, 0);
  row_weights_.assign(1, 0);
  for (std::int64_t b = 0; b < source_.rows; ++b) {
    const std::int64_t live = searches_[static_cast<std::size_t>(b)].live();
    row_beams_.push_back(row_beams_.back() + live);
    row_weights_.push_back(row_weights_.back() + live * source_.length(b));
  }
  beams_ = row_beams_.back();
}

// From the beams' last symbols and states to their next states and logits.
template <class S>
Status Translator<S>::step(const Seq2SeqWeights<S>& weights, const PassOptions& pass) {
  const Seq2SeqConfig& c = layout_.config();
  FASTGRU_RETURN_IF_ERROR(embedding_.reserve(1, beams_, false));
  FASTGRU_RETURN_IF_ERROR(top_.reserve(beams_, row_weights_.back()));
  if (!next_states_.reserve(c.num_layers * beams_ * c.hidden_size) ||
      !logits_.reserve(beams_ * c.target_vocabulary)) {
    return out_of_memory();
  }
  ModuleCall<S> call;
  call.params.flat = weights.flat();
  call.rows = beams_;
  Signal<S> in, out;
  in.tokens = symbols_.data();
  in.rows = beams_;
  FASTGRU_RETURN_IF_ERROR(embedding_.forward(call, in, out));
  ForwardArgs<S> args;
  args.x = dense_view(out.values, 1, beams_, c.embedding_size);
  args.h0 = states_.data();
  args.h_n = next_states_.data();
  FASTGRU_RETURN_IF_ERROR(fastgru::forward(weights.decoder(), args, workspace_, pass.options));
  const S* state = next_states_.data() + (c.num_layers - 1) * beams_ * c.hidden_size;
  for (std::int64_t i = 0; i < beams_; ++i) {
    std::copy_n(state + i * c.hidden_size, c.hidden_size, top_.queries().row(i));
  }
  const AttentionRows rows{source_.starts.data(), row_beams_.data(), row_weights_.data(), source_.rows};
  FASTGRU_RETURN_IF_ERROR(top_.forward(weights, rows, beams_, pass));
  weights.head().forward(weights.flat(), top_.features(), beams_, pass.threads(), logits_.data());
  return {};
}

// Each row's search takes its logits; the states follow the beams.
template <class S>
void Translator<S>::advance(const PassOptions& pass) {
  const Seq2SeqConfig& c = layout_.config();
  const std::int64_t classes = c.target_vocabulary, hidden = c.hidden_size, before = beams_;
  const std::vector<std::int64_t> first = row_beams_;
  const double work = 10 * static_cast<double>(beams_) * static_cast<double>(classes);
  parallel_for(source_.rows, threads_worth(work, pass.threads()), [&](std::int64_t b, int) {
    const auto at = static_cast<std::size_t>(b);
    if (searches_[at].live() > 0) searches_[at].advance(logits_.data() + first[at] * classes, classes);
  });
  list_beams();
  symbols_.clear();
  for (std::int64_t b = 0; b < source_.rows; ++b) {
    const BeamSearch& search = searches_[static_cast<std::size_t>(b)];
    for (std::int64_t i = 0; i < search.live(); ++i) {
      const std::int64_t from = first[static_cast<std::size_t>(b)] + search.parent(i);
      const auto to = static_cast<std::int64_t>(symbols_.size());
      symbols_.push_back(search.symbol(i));
      for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
        std::copy_n(next_states_.data() + (layer * before + from) * hidden, hidden,
                    states_.data() + (layer * beams_ + to) * hidden);
      }
    }
  }
}

template <class S>
Status Translator<S>::run(const Seq2SeqWeights<S>& weights, const TokenRows& sources,
                          const std::int64_t* max_lengths, const BeamOptions& beams,
                          const RunOptions& options, std::vector<std::vector<Hypothesis>>& answers) {
  const FlushDenormals flush;
  const Seq2SeqConfig& c = layout_.config();
  const std::vector<std::int64_t> order = by_length(sources);
  PassOptions pass;
  pass.options = options;
  answers.resize(order.size());
  for (std::int64_t first = 0; first < sources.rows;) {
    const std::int64_t* block = order.data() + first;
    const std::int64_t most = std::min(kMostBeams, kMostLogits / c.target_vocabulary) / beams.num_beams;
    const std::int64_t rows = std::max<std::int64_t>(
        1, std::min({sources.rows - first, most, kMostSymbols / (sources.length(block[0]) + 1)}));
    FASTGRU_RETURN_IF_ERROR(encode(weights, sources, block, rows, beams.num_beams, pass));
    searches_.clear();
    for (std::int64_t b = 0; b < rows; ++b) searches_.emplace_back(beams, kEndSymbol, max_lengths[block[b]]);
    symbols_.assign(static_cast<std::size_t>(rows), kEndSymbol);
    for (list_beams(); beams_ > 0; advance(pass)) {
      if (options.interrupt != nullptr && options.interrupt->check()) return Status::interrupted();
      FASTGRU_RETURN_IF_ERROR(step(weights, pass));
    }
    for (std::int64_t b = 0; b < rows; ++b) {
      answers[static_cast<std::size_t>(block[b])] = searches_[static_cast<std::size_t>(b)].answers();
    }
    first += rows;
  }
  return {};
}

template class Translator<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Translator<double>;
#endif

}  // namespace fastgru
