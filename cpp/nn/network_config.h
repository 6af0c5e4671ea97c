// NetworkConfig: the options of all modules and of the loss. NetworkLayout: the offsets of the parameters in
// one flat vector.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/losses/loss.h"
#include "nn/modules/dense.h"
#include "nn/modules/dropout.h"
#include "nn/modules/embedding.h"
#include "nn/modules/gru_stack.h"
#include "nn/modules/input_encoder.h"
#include "nn/modules/pooling.h"

namespace fastgru {

struct NetworkConfig : InputOptions,
                       EmbeddingOptions,
                       GruOptions,
                       PoolingOptions,
                       DropoutOptions,
                       HeadOptions,
                       LossOptions {
  // Visits each option as a field, for files, Python and defaults (runtime/fields.h).
  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    GruOptions::visit(self, visit);
    DropoutOptions::visit(self, self.gru.dropout, visit);
    HeadOptions::visit(self, visit);
    LossOptions::visit(self, visit);
    PoolingOptions::visit(self, visit);
    InputOptions::visit(self, visit);
    EmbeddingOptions::visit(self, visit);
  }

  // Raw values of x per step; see InputEncoder.
  std::int64_t features() const;
  // The width of the head's input, and the number of logits, of a row (or of each of its steps).
  std::int64_t head_inputs() const { return gru.directions() * gru.hidden_size; }
  std::int64_t logits() const { return loss->logits(*this); }
  // The columns of y; for a loss over classes, one column with the class number.
  std::int64_t targets() const { return loss->targets(*this); }
};

// Checks the options of all modules and of the loss.
Status validate(const NetworkConfig& config);

// Order: the GRU's tensors as "gru.…", then "head.weight" (logits, head_inputs) and "head.bias" (logits),
// and, for tokens, "embedding.weight" (vocabulary_size, input_size). A tied head has no weight of its own.
class NetworkLayout {
 public:
  explicit NetworkLayout(const NetworkConfig& config);  // `config` must have passed validate()

  const NetworkConfig& config() const { return config_; }
  const std::vector<ParamSlot>& slots() const { return slots_; }
  std::int64_t total() const { return total_; }

 private:
  NetworkConfig config_;
  std::vector<ParamSlot> slots_;
  std::int64_t total_ = 0;
};

}  // namespace fastgru
