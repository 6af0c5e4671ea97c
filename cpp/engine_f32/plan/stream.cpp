// The plan of a stream, and what all plans ask of the cache.
#include "engine_f32/plan/plan.h"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace fastgru {

std::int64_t l2_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const long size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (size > 0) return size;
#endif
  return std::int64_t{1} << 20;
}

bool exceeds_l2(std::int64_t weight_bytes) { return weight_bytes > l2_bytes() * 3 / 4; }

StreamPlan plan_stream(const ParamLayout& layout, const Recipe& recipe) {
  const GruConfig& config = layout.config();
  std::int64_t bytes = 0;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    bytes += 3 * config.hidden_size *
             (recipe.state_bytes * config.hidden_size + recipe.input_bytes * config.layer_input_size(layer));
  }
  StreamPlan plan;
  plan.weights_exceed_l2 = exceeds_l2(bytes);
  return plan;
}

}  // namespace fastgru
