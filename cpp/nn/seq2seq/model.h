// An encoder-decoder network: its current parameters, answers, scores and attention.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/decoding/beam_search.h"
#include "nn/seq2seq/token_rows.h"
#include "nn/seq2seq/weights.h"

namespace fastgru {

// Any number of threads may use one network at once. A call keeps the parameters that it started with.
template <class S>
class Seq2Seq {
 public:
  // Makes a network whose parameters are 0.
  static Status make(const Seq2SeqConfig& config, std::shared_ptr<Seq2Seq>& result);

  const Seq2SeqLayout& layout() const { return *layout_; }
  const Seq2SeqConfig& config() const { return layout_->config(); }
  std::shared_ptr<const Seq2SeqLayout> shared_layout() const { return layout_; }

  std::shared_ptr<const Seq2SeqParams<S>> params() const;
  Status set_parameters(const S* flat);  // layout().total() values
  void set_parameters(std::shared_ptr<const Seq2SeqParams<S>> fresh);

  // answers[i]: the hypotheses for source i, the best first. max_lengths (rows): their most symbols.
  Status translate(const TokenRows& sources, const std::int64_t* max_lengths, const BeamOptions& beams,
                   const RunOptions& options, std::vector<std::vector<Hypothesis>>& answers) const;
  // The log probability of every target given its source (rows).
  Status score(const TokenPairs& pairs, const RunOptions& options, double* log_probabilities) const;
  // The attention weights of each pair, (target and end, source and end) values; one after the other.
  Status attend(const TokenPairs& pairs, const RunOptions& options, float* weights) const;

 private:
  explicit Seq2Seq(const Seq2SeqConfig& config) : layout_(std::make_shared<const Seq2SeqLayout>(config)) {}
  Status check(const TokenPairs& pairs) const;

  std::shared_ptr<const Seq2SeqLayout> layout_;
  mutable std::mutex mutex_;  // guards params_
  std::shared_ptr<const Seq2SeqParams<S>> params_;
};

extern template class Seq2Seq<float>;
extern template class Seq2Seq<double>;

}  // namespace fastgru
