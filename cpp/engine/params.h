// What a GRU is (GruConfig) and where each of its parameters lies in one flat vector (ParamLayout).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// How exactly the products of a float32 engine are computed, and so how fast. The float64 engine ignores it.
enum class Precision {
  highest,  // as exactly as float32
  high,     // states of a layer within 2e-5, from initial states within one
  medium,   // torch's name for less than high; as high
  int8,     // weights of one byte; inference alone
};

inline field::Choice precisions() { return {{"highest", "high", "medium", "int8"}}; }

struct GruConfig {
  std::int64_t input_size = 1;
  std::int64_t hidden_size = 1;
  std::int64_t num_layers = 1;
  bool bias = true;
  bool bidirectional = false;
  bool reset_after = true;
  double dropout = 0.0;  // between layers, in forward_train only
  Precision precision = Precision::highest;

  std::int64_t directions() const { return bidirectional ? 2 : 1; }
  std::int64_t layer_input_size(std::int64_t layer) const {
    return layer == 0 ? input_size : hidden_size * directions();
  }
};

// Refuses sizes below 1, a dropout outside [0, 1) and sizes whose parameter count overflows.
Status validate(const GruConfig& config);

// One named tensor in the flat vector. A bias has cols == 0.
struct ParamSlot {
  std::string name;  // torch's names: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..._reverse
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t offset = 0;
  bool int8 = false;  // whole numbers of one byte times a scale for each row

  std::int64_t size() const { return cols == 0 ? rows : rows * cols; }
};

// Offsets of the four tensors of one (layer, direction); the biases are -1 without bias.
// weight_ih is (3H, I), weight_hh (3H, H), the biases (3H), row blocks in gate order r, z, n.
struct CellOffsets {
  std::int64_t weight_ih = 0;
  std::int64_t weight_hh = 0;
  std::int64_t bias_ih = -1;
  std::int64_t bias_hh = -1;
};

// Order: per layer, forward then reverse direction: weight_ih, weight_hh, bias_ih, bias_hh (as torch's
// state_dict).
class ParamLayout {
 public:
  explicit ParamLayout(const GruConfig& config);

  const GruConfig& config() const { return config_; }
  const std::vector<ParamSlot>& slots() const { return slots_; }
  const CellOffsets& cell(std::int64_t layer, std::int64_t direction) const {
    return cells_[static_cast<std::size_t>(layer * config_.directions() + direction)];
  }
  std::int64_t total() const { return total_; }

 private:
  GruConfig config_;
  std::vector<ParamSlot> slots_;
  std::vector<CellOffsets> cells_;
  std::int64_t total_ = 0;
};

}  // namespace fastgru
