// One text of each error for all trainers and both precisions: sums of strings would be several times as much
// code at -O3.
#include "nn/optim/training_checks.h"

#include <cstdio>
#include <string>

#include "runtime/number_text.h"

namespace fastgru {

Status check_loop(std::int64_t batch_size, int num_threads) {
  if (batch_size < 1) {
    return Status::invalid("batch_size must be at least 1, got " + std::to_string(batch_size));
  }
  if (num_threads >= 0) return {};
  return Status::invalid("num_threads must be at least 0 (0: the process-wide setting), got " +
                         std::to_string(num_threads));
}

Status divergence(const char* what, double value, std::size_t batch, std::int64_t epoch,
                  const OptimizerOptions& o, const char* inputs) {
  char text[512];
  std::snprintf(text, sizeof text,
                "training diverged: %s of mini-batch %zu of epoch %lld is %s. Lower learning_rate (now %s) "
                "or clip_norm (now %s%s)%s",
                what, batch, static_cast<long long>(epoch), number_text(value).c_str(),
                number_text(o.learning_rate).c_str(), number_text(o.clip_norm).c_str(),
                o.clip_norm == 0 ? ", which is no clipping" : "", inputs);
  return Status::invalid(text);
}

}  // namespace fastgru
