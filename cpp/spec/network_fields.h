// The fields of a layer and of a network, in order. The rest of this folder sees them through visit_fields().
#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/params.h"
#include "nn/network_config.h"
#include "runtime/fields.h"

namespace fastgru {

// The object "network" of an estimator's file, without its dtype. Fields added after format version 1 are
// kLater.
template <class Config, class Visit>
void visit_network_fields(Config& config, Visit&& visit) {
  NetworkConfig::visit(config, visit);
}

// The configuration of a layer's file, without its dtype.
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
  visit("precision", gru.precision, precisions(), kAlways);
}

}  // namespace fastgru
