// Plans as text, for users.
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "engine_f32/plan/plan.h"
#include "engine_f32/plan/weight_gradients.h"

namespace fastgru {
namespace {

class Text {
 public:
  template <class... Values>
  void add(const char* format, Values... values) {
    char line[256];
    std::snprintf(line, sizeof line, format, values...);
    text_ += line;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

long long big(std::int64_t value) { return static_cast<long long>(value); }

const char* if_true(bool condition, const char* text) { return condition ? text : ""; }

std::string to_string(const RowSplit& split) {
  Text text;
  const long long most = big(split.block_rows()), least = big(split.rows / split.blocks);
  text.add("%lld row block%s of ", big(split.blocks), if_true(split.blocks != 1, "s"));
  text.add(least == most ? "%lld" : "%lld or %lld", least, most);
  text.add(" row%s", if_true(most != 1, "s"));
  if (split.slices > 1) text.add(", hidden units of each shared by %d threads", split.slices);
  return text.take();
}

void add_call(const Plan& plan, const GruConfig& config, Text& text) {
  text.add("GRU input %lld, hidden %lld, layers %lld, directions %lld, reset %s\n", big(config.input_size),
           big(config.hidden_size), big(config.num_layers), big(config.directions()),
           config.reset_after ? "after" : "before");
  text.add("steps %lld, batch %lld\n", big(plan.steps), big(plan.rows));
  text.add("kernels %s: %d rows x 3 gates x %d lanes\n", plan.kernels->name, plan.kernels->tile_rows,
           plan.kernels->lanes);
  text.add("recipe %s: %s\n", plan.recipe.recipe->name, plan.recipe.reason);
  if (plan.recipe.recipe->state_bytes < 4) {
    const DigitTable& digits = *plan.recipe.set.digits;
    text.add("digits on %s: %d rows a tile\n", digits.name, digits.tile_rows);
  }
  text.add("threads %d: %s\n", plan.threads, to_string(plan.split).c_str());
}

void add_layer(const Plan& plan, const GruConfig& config, std::size_t layer, Text& text) {
  const LayerPlan& chosen = plan.layers[layer];
  const std::int64_t input = config.layer_input_size(static_cast<std::int64_t>(layer));
  const Recipe& recipe = *plan.recipe.recipe;
  const std::int64_t bytes_a_row = recipe.state_bytes * config.hidden_size + recipe.input_bytes * input;
  const double weight_kib = 3.0 * static_cast<double>(config.hidden_size * bytes_a_row) / 1024.0;
  text.add("layer %zu: weights %lld KiB (L2 %lld KiB), ", layer, std::llround(weight_kib),
           big(l2_bytes() / 1024));
  if (chosen.hoist) {
    text.add("W x hoisted over %lld steps", big(chosen.chunk));
  } else {
    text.add("W x fused with the recurrence");
  }
  text.add("%s%s", if_true(chosen.serpentine, ", serpentine panel order"),
           if_true(chosen.weights_exceed_l2, ", weights exceed L2"));
  text.add("\n");
}

void add_gradients(const Plan& plan, const GruConfig& config, std::size_t layer, Text& text) {
  const std::int64_t input = config.layer_input_size(static_cast<std::int64_t>(layer));
  const GradientShapes shapes = gradient_shapes(config.hidden_size, input, config.reset_after);
  const std::int64_t rows = plan.steps * plan.rows;
  const bool digits = gradient_digits(plan.recipe) != nullptr &&
                      gradients_in_digits(rows, (rows + kBlockRows - 1) / kBlockRows);
  std::vector<GradientPiece> pieces;
  plan_gradient_pieces(shapes, 0, plan.kernels->lanes, plan.threads, digits, pieces);
  bool together = false;
  for (const GradientPiece& piece : pieces) {
    together =
        together || (piece.wanted[kInputPart] && (piece.wanted[kStatePart] || piece.wanted[kResetPart]));
  }
  text.add("layer %zu, training: weight gradients in %zu piece%s%s, dW_ih and dW_hh %s%s\n", layer,
           pieces.size(), if_true(pieces.size() != 1, "s"), if_true(config.bidirectional, " a direction"),
           together ? "together" : "one after the other", if_true(digits, ", in three digits (AMX)"));
}

void add_training(const Plan& plan, const GruConfig& config, Text& text) {
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) add_gradients(plan, config, layer, text);
  text.add("training with memory=\"low\": gates recomputed %lld steps at a time\n",
           big(plan_recomputed_steps(plan)));
  if (!config.bidirectional) return;
  text.add("and a direction at a time: %s\n", to_string(plan.direction_split).c_str());
}

}  // namespace

std::string to_string(const Plan& plan, const ParamLayout& layout) {
  const GruConfig& config = layout.config();
  Text text;
  add_call(plan, config, text);
  for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) add_layer(plan, config, layer, text);
  if (config.precision != Precision::int8) add_training(plan, config, text);
  if (!config.bidirectional) {
    const StreamPlan stream = plan_stream(layout, *plan.recipe.recipe);
    text.add("stream: %s%s\n", stream.serpentine ? "serpentine panel order" : "panels in order",
             if_true(stream.weights_exceed_l2, ", weights exceed L2"));
  }
  const bool by_machine = plan.recipe.recipe == &kTwoDigitsRecipe;
  text.add("reproducible %s\n", by_machine       ? "in any batch, not on every machine"
                                : reproducible() ? "yes (asked for)"
                                                 : "yes (all plans of this ISA are)");
  return text.take();
}

}  // namespace fastgru
