// The list of recipes.
#include "engine_f32/recipes/recipe.h"

namespace fastgru {

const std::vector<const Recipe*>& recipes() {
  static const std::vector<const Recipe*> all = {&kFloat32Recipe, &kFloat32ResetBeforeRecipe,
                                                 &kThreeDigitsRecipe, &kTwoDigitsRecipe, &kInt8Recipe};
  return all;
}

}  // namespace fastgru
