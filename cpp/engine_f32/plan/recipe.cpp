// Which recipe a network's weights are packed for. It follows from the sizes, the precision and the
// instruction set alone, so that a row alone and in any batch has the same bits.
#include "engine_f32/plan/plan.h"

namespace fastgru {
namespace {

// Fewer units gain nothing: their weights are in L1 or close, and hoisting W x costs what digits save (64
// units: 0.98 of the time with 32 rows, 1.1 with one).
constexpr std::int64_t kLeastHidden = 96;
constexpr std::int64_t kLeastHiddenOfThreeDigits = 96;
// Two digits read fewer bytes, which pays for one row of more units than that; for 32 rows three digits with
// W x in digits are faster (128 units 1.07 times, 256 units 1.3; one row of 256 units as fast, of 512 0.64
// times).
constexpr std::int64_t kMostHiddenOfThreeDigitsInHigh = 400;

// Three digits are as exact as float32. Without AMX their six products lose to float32.
RecipeChoice choose_exact(const GruConfig& config) {
  const KernelSet set = active_kernel_set();
  if (set.three_digits == nullptr) return {&kFloat32Recipe, set, "fused multiply-adds"};
  if (config.hidden_size < kLeastHiddenOfThreeDigits) {
    return {&kFloat32Recipe, set, "faster than digits for few units"};
  }
  if (3 * config.hidden_size > kMostThreeDigitDepth || config.input_size > kMostThreeDigitDepth) {
    return {&kFloat32Recipe, set, "more values than digits can sum"};
  }
  return {&kThreeDigitsRecipe, set, "AMX, as exact as fused multiply-adds"};
}

}  // namespace

RecipeChoice choose_recipe(const GruConfig& config) {
  const KernelSet set = active_kernel_set();
  if (config.precision == Precision::int8) return {&kInt8Recipe, active_digit_set(), "weights of one byte"};
  if (!config.reset_after) return {&kFloat32ResetBeforeRecipe, set, "the only one with reset_after=false"};
  if (reproducible()) return {&kFloat32Recipe, set, "reproducible on every machine"};
  if (config.precision == Precision::highest) return choose_exact(config);
  if (set.digits == nullptr || !set.digits->fast) {
    return {&kFloat32Recipe, set, "on this instruction set faster than digits"};
  }
  if (config.hidden_size < kLeastHidden) return {&kFloat32Recipe, set, "faster than digits for few units"};
  if (config.hidden_size > kMostDigitDepth) return {&kFloat32Recipe, set, "more units than digits can sum"};
  if (set.three_digits != nullptr && config.hidden_size <= kMostHiddenOfThreeDigitsInHigh) {
    return choose_exact(config);
  }
  return {&kTwoDigitsRecipe, active_digit_set(), "states within 2e-5"};
}

}  // namespace fastgru
