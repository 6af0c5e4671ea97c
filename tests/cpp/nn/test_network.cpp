// Prediction: against plain loops, bits of single rows, streams, strides, versions, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/stream.h"
#include "nn_case.h"

namespace fastgru {
namespace {

using testing::network_config;
using testing::NetworkCase;

// The prediction of one sample: the engine's h_n, then head and scaling in long double.
template <class S>
std::vector<double> predict_one(const NetworkCase<S>& problem, std::int64_t sample) {
  const GruConfig& gru = problem.config.gru;
  const std::int64_t inputs = gru.input_size, hidden = gru.hidden_size;
  const std::size_t from = static_cast<std::size_t>(sample * problem.steps * inputs);
  std::vector<S> x(static_cast<std::size_t>(problem.steps * inputs));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t f = i % static_cast<std::size_t>(inputs);
    x[i] = static_cast<S>((problem.x[from + i] - problem.scaling.x_mean[f]) / problem.scaling.x_scale[f]);
  }
  Weights<S> weights(gru);
  REQUIRE(weights.assign(problem.params.data()).ok());
  std::vector<S> h_n(static_cast<std::size_t>(gru.num_layers * gru.directions() * hidden));
  ForwardArgs<S> args;
  args.x = dense_view<const S>(x.data(), problem.steps, 1, inputs);
  args.lengths = &problem.lengths[static_cast<std::size_t>(sample)];
  args.h_n = h_n.data();
  Workspace<S> workspace;
  REQUIRE(forward(weights, args, workspace, RunOptions()).ok());

  const std::int64_t width = gru.directions() * hidden;
  const S* states = h_n.data() + (gru.num_layers - 1) * width;
  const S* head = problem.params.data() + ParamLayout(gru).total();
  std::vector<double> result;
  for (std::int64_t o = 0; o < problem.config.output_size; ++o) {
    long double sum = head[problem.config.output_size * width + o];
    for (std::int64_t k = 0; k < width; ++k) sum += static_cast<long double>(states[k]) * head[o * width + k];
    const auto at = static_cast<std::size_t>(o);
    result.push_back(static_cast<double>(sum * problem.scaling.y_scale[at] + problem.scaling.y_mean[at]));
  }
  return result;
}

TEST_CASE_TEMPLATE("predict is scaling, GRU, head, scaling", S, float, double) {
  for (const bool bidirectional : {false, true}) {
    for (const std::int64_t layers : {1, 3}) {
      for (const std::int64_t outputs : {1, 6}) {
        const NetworkCase<S> problem(network_config(3, 17, layers, bidirectional, outputs), 13, 9);
        const std::vector<S> got = problem.predict(0);
        for (std::int64_t i = 0; i < problem.samples; ++i) {
          const std::vector<double> wanted = predict_one(problem, i);
          for (std::size_t o = 0; o < wanted.size(); ++o) {
            const std::size_t at = static_cast<std::size_t>(i * outputs) + o;
            CHECK(std::abs(got[at] - wanted[o]) < (sizeof(S) == 4 ? 2e-6 : 1e-14));
          }
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("a row's prediction has the same bits alone, in any batch, at any thread count", S, float,
                   double) {
  for (const bool bidirectional : {false, true}) {
    const NetworkCase<S> problem(network_config(2, 24, 2, bidirectional, 3), 150, 7);
    const std::vector<S> all = problem.predict(1);
    for (const int threads : {2, 3}) CHECK(problem.predict(threads) == all);
    for (const std::int64_t rows : {1, 2, 5, 33}) {
      for (std::int64_t first = 0; first + rows <= problem.samples; first += 29) {
        SampleArray x = problem.data(false, true).x;
        x.data = problem.x.data() + first * x.sample_stride;
        x.samples = rows;
        std::vector<S> part(static_cast<std::size_t>(rows * 3));
        REQUIRE(problem.network->predict(x, problem.lengths.data() + first, false, part.data(), RunOptions())
                    .ok());
        CHECK(std::equal(part.begin(), part.end(), all.begin() + first * 3));
      }
    }
  }
}

TEST_CASE_TEMPLATE("a stream answers what predict answers on the steps so far", S, float, double) {
  for (const std::int64_t layers : {1, 2}) {
    for (const std::int64_t rows : {1, 3}) {
      const NetworkCase<S> problem(network_config(2, 19, layers, false, 2), rows, 6);
      std::unique_ptr<NetworkStream<S>> stream, copy;
      REQUIRE(NetworkStream<S>::make(problem.network->version(), rows, stream).ok());
      std::vector<S> x(static_cast<std::size_t>(rows * 2)), y(static_cast<std::size_t>(rows * 2)), copied(y);
      for (std::int64_t t = 0; t < problem.steps; ++t) {
        for (std::int64_t i = 0; i < rows * 2; ++i) {
          x[static_cast<std::size_t>(i)] =
              problem.x[static_cast<std::size_t>((i / 2 * problem.steps + t) * 2 + i % 2)];
        }
        if (t == 3) REQUIRE(stream->copy(copy).ok());
        stream->step(x.data(), y.data());
        if (t >= 3) copy->step(x.data(), copied.data());
        if (t >= 3) CHECK(copied == y);
        SampleArray part = problem.data(false, false).x;
        part.steps = t + 1;
        std::vector<S> wanted(y.size());
        REQUIRE(problem.network->predict(part, nullptr, false, wanted.data(), RunOptions()).ok());
        CHECK(y == wanted);
      }
    }
  }
}

TEST_CASE_TEMPLATE("a stream answers what predict answers, whatever the head", S, float, double) {
  for (const Loss* loss :
       {find_loss("quantile"), find_loss("cross_entropy"), find_loss("binary_cross_entropy")}) {
    for (const Pooling pooling : {Pooling::last, Pooling::mean, Pooling::max}) {
      NetworkConfig config = network_config(2, 11, 2, false, 3);
      config.loss = loss;
      config.pooling = pooling;
      if (loss == find_loss("quantile")) config.quantiles = {0.2, 0.5, 0.6};
      const NetworkCase<S> problem(config, 1, 6);
      std::unique_ptr<NetworkStream<S>> stream, copy;
      REQUIRE(NetworkStream<S>::make(problem.network->version(), 1, stream).ok());
      std::vector<S> y(static_cast<std::size_t>(config.logits())), wanted(y), copied(y);
      for (int round = 0; round < 2; ++round, stream->reset()) {
        for (std::int64_t t = 0; t < problem.steps; ++t) {
          if (t == 2) REQUIRE(stream->copy(copy).ok());
          stream->step(problem.x.data() + 2 * t, y.data());
          if (t >= 2) copy->step(problem.x.data() + 2 * t, copied.data());
          if (t >= 2) CHECK(copied == y);
          SampleArray part = problem.data(false, false).x;
          part.steps = t + 1;
          REQUIRE(problem.network->predict(part, nullptr, false, wanted.data(), RunOptions()).ok());
          CHECK(y == wanted);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("tokens are rows of the embedding, missing values zeros with a mask", S, float, double) {
  for (const bool tokens : {false, true}) {
    NetworkConfig config = network_config(4, 9, 1, false, 2), plain = config;
    config.vocabulary_size = tokens ? 6 : 0;
    config.missing_mask = !tokens;
    const NetworkCase<S> problem(config, 3, 5);
    NetworkCase<S> wanted(plain, 3, 5);
    std::copy_n(problem.params.begin(), wanted.params.size(), wanted.params.begin());
    wanted.scaling = {{0, 0, 0, 0}, {1, 1, 1, 1}, problem.scaling.y_mean, problem.scaling.y_scale};
    wanted.network = wanted.fresh_network();
    const S* embedding = problem.params.data() +
                         (tokens ? testing::offset_of(problem.network->layout(), "embedding.weight") : 0);
    for (std::size_t i = 0; i < 15; ++i) {
      const std::int64_t id = problem.tokens[i] >= 1 && problem.tokens[i] < 6 ? problem.tokens[i] : 1;
      for (std::size_t k = 0; k < 4; ++k) {
        S& x = wanted.x[4 * i + k];
        if (tokens) {
          x = embedding[static_cast<std::size_t>(id) * 4 + k];
          continue;
        }
        const std::size_t f = k % 2;
        const double value = static_cast<double>(problem.x[2 * i + f]);
        x = static_cast<S>((value - problem.scaling.x_mean[f]) / problem.scaling.x_scale[f]);
        if (std::isnan(value)) x = 0;
        if (k >= 2) x = std::isnan(value) ? S(0) : S(1);
      }
    }
    CHECK(problem.predict(1) == wanted.predict(1));
    std::unique_ptr<NetworkStream<S>> stream;
    REQUIRE(NetworkStream<S>::make(problem.network->version(), 1, stream).ok());
    std::vector<S> y(2);
    for (std::size_t t = 0; t < 5; ++t) {
      if (tokens) stream->step(problem.tokens.data() + t, y.data());
      if (!tokens) stream->step(problem.x.data() + 2 * t, y.data());
    }
    const std::vector<S> all = problem.predict(1, false);
    CHECK(std::equal(y.begin(), y.end(), all.begin()));
  }
}

TEST_CASE_TEMPLATE("answers for every step stand in the order of the samples", S, float, double) {
  NetworkConfig config = network_config(2, 11, 1, true, 2);
  config.sequence = true;
  const NetworkCase<S> problem(config, 40, 6);
  const TrainingData data = problem.data(false, true);
  std::vector<S> all(40 * 6 * 2, S(-99));
  REQUIRE(problem.network->predict(data.x, data.lengths, false, all.data(), RunOptions()).ok());
  const S* answer = all.data();
  for (std::int64_t i = 0; i < 40; ++i) {
    SampleArray one = data.x;
    one.data = problem.x.data() + i * one.sample_stride;
    one.samples = 1;
    const std::int64_t length = problem.lengths[static_cast<std::size_t>(i)];
    std::vector<S> wanted(12);
    REQUIRE(problem.network->predict(one, &length, false, wanted.data(), RunOptions()).ok());
    CHECK(std::equal(answer, answer + 2 * length, wanted.begin()));
    answer += 2 * length;
  }
  CHECK(*answer == S(-99));
}

TEST_CASE("float64 samples are standardised before they are rounded") {
  NetworkCase<float> problem(network_config(1, 8, 1, false, 1), 4, 5);
  problem.scaling.x_mean = {1.7e9};  // seconds since 1970, which float32 rounds to multiples of 128
  problem.scaling.x_scale = {10.0};
  problem.network = problem.fresh_network();
  std::vector<double> x;
  std::vector<float> near_zero;
  for (const float value : problem.x) {
    x.push_back(1.7e9 + static_cast<double>(std::round(value * 8)));
    near_zero.push_back(std::round(value * 8));
  }
  std::vector<float> got(4), wanted(4);
  REQUIRE(
      problem.network->predict(testing::sample_array(x, 4, 5, 1), nullptr, false, got.data(), RunOptions())
          .ok());
  problem.scaling.x_mean = {0.0};
  REQUIRE(problem.network->set_scaling(problem.scaling).ok());
  REQUIRE(
      problem.network
          ->predict(testing::sample_array(near_zero, 4, 5, 1), nullptr, false, wanted.data(), RunOptions())
          .ok());
  CHECK(got == wanted);
}

TEST_CASE("samples may have any strides") {
  const NetworkCase<double> problem(network_config(2, 5, 1, false, 1), 6, 4);
  const std::vector<double> wanted = problem.predict(0, false);
  std::vector<double> other(4 * 7 * 6 * 3, 99.0);  // (T, gap, N, I + gap)
  for (std::size_t n = 0; n < 6; ++n) {
    for (std::size_t t = 0; t < 4; ++t) {
      for (std::size_t f = 0; f < 2; ++f) other[t * 126 + n * 3 + f] = problem.x[(n * 4 + t) * 2 + f];
    }
  }
  std::vector<double> got(6);
  SampleArray x{other.data(), SampleType::float64, 6, 4, 2, 3, 126};
  REQUIRE(problem.network->predict(x, nullptr, false, got.data(), RunOptions()).ok());
  CHECK(got == wanted);
  x = {other.data() + 15, SampleType::float64, 6, 4, 2, -3, 126};  // backwards
  REQUIRE(problem.network->predict(x, nullptr, false, got.data(), RunOptions()).ok());
  CHECK(std::equal(got.rbegin(), got.rend(), wanted.begin()));
}

TEST_CASE("a version outlives the change of its network") {
  const NetworkCase<float> problem(network_config(2, 5, 1, false, 1), 6, 4);
  const NetworkVersion<float> old = problem.network->version();
  const std::vector<float> before = problem.predict(0), zeros(problem.params.size(), 0.0f);
  REQUIRE(problem.network->set_parameters(zeros.data()).ok());
  for (const float value : problem.predict(0)) {
    CHECK(value == static_cast<float>(problem.scaling.y_mean[0]));
  }
  Predictor<float> predictor(problem.config);
  std::vector<float> again(before.size());
  const TrainingData data = problem.data(false, true);
  REQUIRE(predictor.predict(old, data.x, data.lengths, false, again.data(), RunOptions()).ok());
  CHECK(again == before);
}

TEST_CASE("no samples give no predictions") {
  const NetworkCase<float> problem(network_config(2, 5, 1, false, 1), 1, 4);
  SampleArray x = problem.data(false, false).x;
  x.samples = 0;
  CHECK(problem.network->predict(x, nullptr, false, nullptr, RunOptions()).ok());
}

void check_names(const Status& status, const std::string& beginning) {
  CHECK(status.code() == ErrorCode::invalid_argument);
  INFO(status.message());
  CHECK(status.message().rfind(beginning, 0) == 0);
}

TEST_CASE("bad networks and scalings are refused by name") {
  const auto refused = [](std::int64_t outputs, double head_dropout, const char* name) {
    NetworkConfig config = network_config(2, 3, 1, false, outputs);
    config.head_dropout = head_dropout;
    std::shared_ptr<Network<float>> network;
    check_names(Network<float>::make(config, network), name);
    CHECK(!network);
  };
  refused(0, 0.0, "output_size must be at least 1, got 0");
  refused(1, 1.0, "head_dropout must be in [0, 1)");
  refused(std::numeric_limits<std::int64_t>::max(), 0.0, "output_size=9223372036854775807");

  const auto bad_loss = [](const char* beginning, auto change) {
    NetworkConfig config = network_config(2, 3, 1, false, 2);
    change(config);
    std::shared_ptr<Network<float>> network;
    check_names(Network<float>::make(config, network), beginning);
  };
  using Config = NetworkConfig;
  bad_loss("huber_delta must be", [](Config& c) { c.huber_delta = 0; });
  bad_loss("quantiles has 0 values", [](Config& c) { c.loss = find_loss("quantile"); });
  bad_loss("quantiles has 1 values", [](Config& c) { c.quantiles = {0.5}; });
  bad_loss("quantiles must rise", [](Config& c) {
    c.loss = find_loss("quantile"), c.quantiles = {0.5, 0.5};
  });
  bad_loss("quantiles must rise", [](Config& c) {
    c.loss = find_loss("quantile"), c.quantiles = {0.5, 1.0};
  });
  bad_loss("output_size must be at least 2",
           [](Config& c) { c.loss = find_loss("cross_entropy"), c.output_size = 1; });
  bad_loss("missing_mask wants", [](Config& c) { c.gru.input_size = 3, c.missing_mask = true; });
  bad_loss("missing_mask wants", [](Config& c) { c.vocabulary_size = 9, c.missing_mask = true; });
  bad_loss("vocabulary_size must be", [](Config& c) { c.vocabulary_size = 1; });
  bad_loss("vocabulary_size must be", [](Config& c) { c.vocabulary_size = std::int64_t{1} << 60; });
  bad_loss("pooling must be 'last'", [](Config& c) { c.sequence = true, c.pooling = Pooling::max; });

  const NetworkCase<float> problem(network_config(2, 3, 1, false, 1), 4, 3);
  Scaling scaling = problem.scaling;
  scaling.x_scale[1] = 0;
  check_names(problem.network->set_scaling(scaling), "x_scale[1] is 0");
  scaling = problem.scaling;
  scaling.y_mean.push_back(0);
  check_names(problem.network->set_scaling(scaling), "y_mean has 2 values, wanted 1");
}

TEST_CASE("bad samples and streams are refused by name") {
  NetworkCase<float> problem(network_config(2, 3, 1, false, 1), 4, 3);
  float out[4];
  TrainingData data = problem.data(false, true);
  problem.lengths[2] = 4;
  check_names(problem.network->predict(data.x, data.lengths, false, out, RunOptions()),
              "lengths[2] is 4, wanted 0 to 3");
  data.x.features = 3;
  check_names(problem.network->predict(data.x, nullptr, false, out, RunOptions()), "x has shape (4, 3, 3)");

  std::unique_ptr<NetworkStream<float>> stream;
  check_names(NetworkStream<float>::make(problem.network->version(), 0, stream), "rows must be at least 1");
  const NetworkCase<float> both(network_config(2, 3, 1, true, 1), 4, 3);
  check_names(NetworkStream<float>::make(both.network->version(), 1, stream),
              "a bidirectional GRU cannot stream");
}

}  // namespace
}  // namespace fastgru
