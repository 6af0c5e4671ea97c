// What a network is (NetworkConfig: a GRU, what a dense head reads of it, what the head answers) and where
// each of its parameters lies in one flat vector (NetworkLayout).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/params.h"
#include "runtime/status.h"

namespace fastgru {

// What is trained for; it also decides what the network answers (see answers.h).
enum class Loss { squared_error, absolute_error, huber, quantile, cross_entropy, binary_cross_entropy };

// What the head reads of the top layer: its last state (both directions side by side), or the mean or the
// largest value of each unit over the row's steps.
enum class Pooling { last, mean, max };

struct NetworkConfig {
  GruConfig gru;
  std::int64_t output_size = 1;  // columns of y; cross_entropy: classes
  double head_dropout = 0.0;     // on the head's input, in training only
  double input_dropout = 0.0;    // on the first layer's input, in training only
  Loss loss = Loss::squared_error;
  double huber_delta = 1.0;       // in units of the scaled y
  std::vector<double> quantiles;  // rising, for Loss::quantile
  bool sequence = false;          // an answer for every step
  Pooling pooling = Pooling::last;
  bool missing_mask = false;         // NaN is a value that is missing; gru.input_size is twice features()
  std::int64_t vocabulary_size = 0;  // above 0: x holds tokens, of which gru.input_size numbers are learnt

  // Values of x per step; see inputs.h.
  std::int64_t features() const {
    if (vocabulary_size > 0) return 1;
    return missing_mask ? gru.input_size / 2 : gru.input_size;
  }
  // What the head reads and what it gives per row (or per row and step).
  std::int64_t head_inputs() const { return gru.directions() * gru.hidden_size; }
  std::int64_t answers() const {
    return loss == Loss::quantile ? output_size * static_cast<std::int64_t>(quantiles.size()) : output_size;
  }
  // y's columns: of cross_entropy, the number of the class.
  std::int64_t targets() const { return loss == Loss::cross_entropy ? 1 : output_size; }
  bool classifies() const { return loss == Loss::cross_entropy || loss == Loss::binary_cross_entropy; }
  // Whether the head reads the states of all steps, not only the last ones.
  bool reads_all_steps() const { return sequence || pooling != Pooling::last; }
  // Of how many steps the gradient of the states is written: a mean's is the same at all.
  std::int64_t gradient_steps(std::int64_t steps) const {
    if (!reads_all_steps()) return 0;
    return !sequence && pooling == Pooling::mean ? 1 : steps;
  }
};

constexpr std::int64_t kMaxQuantiles = 128;

// Refuses what validate(GruConfig) refuses, and the like for the head.
Status validate(const NetworkConfig& config);

// Order: the GRU's tensors as "gru.…", then "head.weight" (answers, head_inputs) and "head.bias" (answers),
// and, for tokens, "embedding.weight" (vocabulary_size, input_size).
class NetworkLayout {
 public:
  explicit NetworkLayout(const NetworkConfig& config);  // config must have passed validate()

  const NetworkConfig& config() const { return config_; }
  const std::vector<ParamSlot>& slots() const { return slots_; }
  std::int64_t head_weight() const { return head_weight_; }
  std::int64_t head_bias() const { return head_bias_; }
  std::int64_t embedding() const { return embedding_; }  // with tokens only
  std::int64_t total() const { return total_; }

 private:
  NetworkConfig config_;
  std::vector<ParamSlot> slots_;
  std::int64_t head_weight_ = 0, head_bias_ = 0, embedding_ = 0, total_ = 0;
};

}  // namespace fastgru
