// The one place that knows the single fields of a network and of a layer; all else in this folder goes
// through visit_fields().
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/params.h"
#include "nn/layout.h"
#include "runtime/fields.h"

namespace fastgru {

// In the enum's order.
inline const std::vector<std::string_view>& loss_names() {
  static const std::vector<std::string_view> names = {
      "squared_error", "absolute_error", "huber", "quantile", "cross_entropy", "binary_cross_entropy"};
  return names;
}

// Whether a network trained for this loss answers probabilities; else it answers values, in units of y.
inline bool answers_probabilities(std::string_view loss) {
  NetworkConfig config;
  for (std::size_t i = 0; i < loss_names().size(); ++i) {
    if (loss_names()[i] == loss) config.loss = static_cast<Loss>(i);
  }
  return config.classifies();
}

// The object "network" of an estimator's file, but its dtype. Fields that came after format version 1 are
// kLater.
template <class Config, class Visit>
void visit_network_fields(Config& config, Visit&& visit) {
  using namespace field;
  auto& gru = config.gru;
  visit("input_size", gru.input_size, Whole{1}, kAlways);
  visit("hidden_size", gru.hidden_size, Whole{1}, kAlways);
  visit("num_layers", gru.num_layers, Whole{1}, kAlways);
  visit("output_size", config.output_size, Whole{1}, kAlways);
  visit("bias", gru.bias, Flag{}, gru.bias ? kOmitted : kLater);
  visit("bidirectional", gru.bidirectional, Flag{}, kAlways);
  visit("reset_after", gru.reset_after, Flag{}, kAlways);
  visit("dropout", gru.dropout, Share{}, kAlways | kTraining);
  if constexpr (!std::is_const_v<Config>) config.head_dropout = gru.dropout;
  visit("head_dropout", config.head_dropout, Share{},
        (config.head_dropout == gru.dropout ? kOmitted : kLater) | kTraining);
  visit("loss", config.loss, Choice{loss_names()}, kLater);
  visit("huber_delta", config.huber_delta, Number{}, kLater | kTraining);
  visit("quantiles", config.quantiles, Numbers{kMaxQuantiles}, kLater);
  visit("sequence", config.sequence, Flag{}, kLater);
  visit("pooling", config.pooling, Choice{{"last", "mean", "max"}}, kLater);
  visit("missing_mask", config.missing_mask, Flag{}, kLater);
  visit("vocabulary_size", config.vocabulary_size, Whole{0}, kLater);
  visit("input_dropout", config.input_dropout, Share{}, kLater | kTraining);
}

// The configuration of a layer's file, but its dtype.
template <class Layer, class Visit>
void visit_layer_fields(Layer& layer, Visit&& visit) {
  using namespace field;
  auto& gru = layer.gru;
  visit("input_size", gru.input_size, Whole{1}, kAlways);
  visit("hidden_size", gru.hidden_size, Whole{1}, kAlways);
  visit("num_layers", gru.num_layers, Whole{1}, kAlways);
  visit("bias", gru.bias, Flag{}, kAlways);
  visit("batch_first", layer.batch_first, Flag{}, kAlways);
  visit("dropout", gru.dropout, Share{}, kAlways | kTraining);
  visit("bidirectional", gru.bidirectional, Flag{}, kAlways);
  visit("reset_after", gru.reset_after, Flag{}, kAlways);
  visit("precision", layer.precision, Choice{{"highest", "high", "medium"}}, kAlways);
}

}  // namespace fastgru
