// What a network is (NetworkConfig: a GRU, the last state of its top layer, a dense head) and where each of
// its parameters lies in one flat vector (NetworkLayout).
#pragma once

#include <cstdint>
#include <vector>

#include "gru/params.h"
#include "runtime/status.h"

namespace fastgru {

struct NetworkConfig {
  GruConfig gru;
  std::int64_t output_size = 1;
  double head_dropout = 0.0;  // on the head's input, in training only

  // What the head reads: the last state of the top layer, both directions side by side.
  std::int64_t head_inputs() const { return gru.directions() * gru.hidden_size; }
};

// Refuses what validate(GruConfig) refuses, and the like for the head.
Status validate(const NetworkConfig& config);

// Order: the GRU's tensors as "gru.…", then "head.weight" (outputs, head_inputs) and "head.bias" (outputs).
class NetworkLayout {
 public:
  explicit NetworkLayout(const NetworkConfig& config);  // config must have passed validate()

  const NetworkConfig& config() const { return config_; }
  const std::vector<ParamSlot>& slots() const { return slots_; }
  std::int64_t head_weight() const { return head_weight_; }
  std::int64_t head_bias() const { return head_bias_; }
  std::int64_t total() const { return total_; }

 private:
  NetworkConfig config_;
  std::vector<ParamSlot> slots_;
  std::int64_t head_weight_ = 0, head_bias_ = 0, total_ = 0;
};

}  // namespace fastgru
