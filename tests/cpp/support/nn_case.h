// A network with random parameters and scaling, random data, and the network's prediction by plain loops.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "gru_case.h"
#include "nn/network.h"
#include "nn/optim/trainer.h"

namespace fastgru::testing {

inline NetworkConfig network_config(std::int64_t inputs, std::int64_t hidden, std::int64_t layers,
                                    bool bidirectional, std::int64_t outputs) {
  NetworkConfig config;
  config.gru.input_size = inputs;
  config.gru.hidden_size = hidden;
  config.gru.num_layers = layers;
  config.gru.bidirectional = bidirectional;
  config.output_size = outputs;
  return config;
}

// Dense (samples, steps, features).
template <class T>
SampleArray sample_array(const std::vector<T>& values, std::int64_t samples, std::int64_t steps,
                         std::int64_t features) {
  return {values.data(), sample_type<T>(), samples, steps, features, steps * features, features};
}

// The offset of the tensor of this name.
inline std::int64_t offset_of(const NetworkLayout& layout, const char* name) {
  for (const ParamSlot& slot : layout.slots()) {
    if (slot.name == name) return slot.offset;
  }
  FAIL("no tensor " << name);
  return 0;
}

template <class S>
struct NetworkCase {
  NetworkConfig config;
  std::int64_t samples, steps;
  std::vector<S> params, x, y;  // x (N, T, I), y (N, O)
  std::vector<double> weight;
  std::vector<std::int64_t> tokens;  // (N, T), used instead of x with a vocabulary
  std::vector<std::int64_t> lengths;
  Scaling scaling;
  std::shared_ptr<Network<S>> network;

  NetworkCase(const NetworkConfig& c, std::int64_t n, std::int64_t t, std::uint64_t key = 1)
      : config(c), samples(n), steps(t) {
    Random random(key);
    const double scale = 0.9 / std::sqrt(static_cast<double>(c.gru.hidden_size));
    params = random_vector<S>(random, NetworkLayout(c).total(), scale);
    x = random_vector<S>(random, n * t * c.features(), 3.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (c.missing_mask && i % 3 == 1) x[i] = std::numeric_limits<S>::quiet_NaN();
      tokens.push_back(static_cast<std::int64_t>(i * 7) % (c.vocabulary_size + 2) - 1);  // known and unknown
    }
    y = random_vector<S>(random, n * answered_steps() * c.targets(), 2.0);
    for (S& target : y) {
      if (c.loss == find_loss("binary_cross_entropy")) target = target > 0 ? S(1) : S(0);
      if (c.loss == find_loss("cross_entropy")) {
        target = static_cast<S>(static_cast<std::int64_t>(std::abs(target) * 10) % c.output_size);
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      weight.push_back(1.0 + random.uniform());
      lengths.push_back((i * 2 + 1) % (t + 1));  // not sorted, 0 and t among them
    }
    scaling.x_mean = random_vector<double>(random, c.features());
    scaling.y_mean = random_vector<double>(random, c.output_size);
    scaling.x_scale = positive(random, c.features());
    scaling.y_scale = positive(random, c.output_size);
    if (c.loss->classifies()) {
      scaling.y_mean.assign(scaling.y_mean.size(), 0.0);
      scaling.y_scale.assign(scaling.y_scale.size(), 1.0);
    }
    network = fresh_network();
  }

  static std::vector<double> positive(Random& random, std::int64_t count) {
    std::vector<double> values = random_vector<double>(random, count);
    for (double& value : values) value = 1.5 + value;
    return values;
  }

  std::shared_ptr<Network<S>> fresh_network() const {
    std::shared_ptr<Network<S>> result;
    REQUIRE(Network<S>::make(config, result).ok());
    REQUIRE(result->set_parameters(params.data()).ok());
    REQUIRE(result->set_scaling(scaling).ok());
    return result;
  }

  TrainingData data(bool weighted, bool with_lengths) const {
    return {inputs(), sample_array(y, samples, answered_steps(), config.targets()),
            weighted ? weight.data() : nullptr, with_lengths ? lengths.data() : nullptr, nullptr};
  }

  SampleArray inputs() const {
    if (config.vocabulary_size == 0) return sample_array(x, samples, steps, config.features());
    return {tokens.data(), SampleType::int64, samples, steps, 1, steps, 1};
  }

  std::int64_t answered_steps() const { return config.sequence ? steps : 1; }

  std::vector<S> predict(int num_threads, bool with_lengths = true) const {
    std::vector<S> out(static_cast<std::size_t>(samples * answered_steps() * config.logits()));
    RunOptions options;
    options.num_threads = num_threads;
    const TrainingData d = data(false, with_lengths);
    REQUIRE(network->predict(d.x, d.lengths, false, out.data(), options).ok());
    return out;
  }
};

template <class S>
std::unique_ptr<Trainer<S>> make_trainer(std::shared_ptr<Network<S>> network, const TrainerOptions& options) {
  std::unique_ptr<Trainer<S>> trainer;
  const Status status = Trainer<S>::make(std::move(network), options, trainer);
  INFO(status.message());
  REQUIRE(status.ok());
  return trainer;
}

template <class S>
std::vector<S> parameters(const Network<S>& network) {
  const NetworkVersion<S> version = network.version();
  return {version.params->flat(), version.params->flat() + network.layout().total()};
}

template <class S>
double run_epoch(Trainer<S>& trainer, const TrainingData& data) {
  double loss = -1;
  const Status status = trainer.run_epoch(data, nullptr, loss);
  INFO(status.message());
  REQUIRE(status.ok());
  return loss;
}

}  // namespace fastgru::testing
