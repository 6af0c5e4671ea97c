// Drawing tokens: the distribution, its limits and its ties; a generator's rows, state and logits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/decoding/generator.h"
#include "nn_case.h"

namespace fastgru {
namespace {

std::vector<double> distribution(const std::vector<float>& logits, const Sampling& sampling) {
  Sampler sampler;
  std::vector<double> p(logits.size());
  const auto classes = static_cast<std::int64_t>(logits.size());
  REQUIRE(validate(sampling, classes).ok());
  sampler.reserve(classes);
  sampler.probabilities(logits.data(), classes, sampling, p.data());
  return p;
}

TEST_CASE("probabilities are the softmax in double, with what is never drawn left out") {
  const std::vector<float> logits = {9.0f, 8.0f, 0.5f, -1.0f, 2.0f};
  Sampling sampling;
  sampling.temperature = 0.7;
  const std::vector<double> p = distribution(logits, sampling);
  double sum = 0;
  for (std::size_t i = 2; i < 5; ++i) sum += std::exp(static_cast<double>(logits[i]) / 0.7);
  CHECK(p[0] == 0);
  CHECK(p[1] == 0);
  for (std::size_t i = 2; i < 5; ++i) {
    CHECK(p[i] == doctest::Approx(std::exp(static_cast<double>(logits[i]) / 0.7) / sum).epsilon(1e-14));
  }
}

TEST_CASE("temperature 0, top_k and top_p choose among the likeliest, ties by the smaller token") {
  const std::vector<float> logits = {0, 0, 1, 3, 3, 2};
  Sampling sampling;
  sampling.temperature = 0;
  CHECK(distribution(logits, sampling) == std::vector<double>{0, 0, 0, 1, 0, 0});
  sampling.temperature = 1;
  sampling.top_k = 1;
  CHECK(distribution(logits, sampling) == std::vector<double>{0, 0, 0, 1, 0, 0});
  sampling.top_k = 2;
  CHECK(distribution(logits, sampling) == std::vector<double>{0, 0, 0, 0.5, 0.5, 0});
  sampling.top_k = 0;
  sampling.top_p = 0.35;  // the likeliest has 0.40
  CHECK(distribution(logits, sampling) == std::vector<double>{0, 0, 0, 1, 0, 0});
  sampling.top_p = 0.5;
  CHECK(distribution(logits, sampling) == std::vector<double>{0, 0, 0, 0.5, 0.5, 0});
}

TEST_CASE("logits that are not finite are never drawn; with none left, the first token is") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(distribution({0, 0, nan, inf, 1}, {}) == std::vector<double>{0, 0, 0, 0, 1});
  CHECK(distribution({0, 0, nan, -inf}, {}) == std::vector<double>{0, 0, 1, 0});
}

TEST_CASE("draws follow the distribution") {
  const std::vector<float> logits = {0, 0, 0, 1, -2};
  const std::vector<double> p = distribution(logits, {});
  Sampler sampler;
  sampler.reserve(5);
  std::vector<int> count(5);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    ++count[static_cast<std::size_t>(sampler.draw(logits.data(), 5, Sampling(), (i + 0.5) / kDraws))];
  }
  for (std::size_t k = 0; k < 5; ++k) CHECK(std::abs(count[k] - kDraws * p[k]) <= 1);
}

TEST_CASE("options out of range are named") {
  const auto message = [](auto change) {
    Sampling sampling;
    change(sampling);
    CHECK(!legal(sampling, 5));
    return validate(sampling, 5).message();
  };
  CHECK(legal(Sampling(), 5));
  CHECK(message([](Sampling& s) { s.temperature = -1; }).find("temperature must be a finite number") == 0);
  CHECK(message([](Sampling& s) { s.temperature = std::nan(""); }).find("temperature must be") == 0);
  CHECK(message([](Sampling& s) { s.top_k = -1; }).find("top_k must be at least 0") == 0);
  CHECK(message([](Sampling& s) { s.top_p = 0; }).find("top_p must be above 0") == 0);
  CHECK(message([](Sampling& s) { s.top_p = 1.5; }).find("top_p must be above 0") == 0);
  CHECK(message([](Sampling& s) { s.first_token = 5; }).find("first_token must be from 0 to 4") == 0);
}

NetworkConfig language_model(std::int64_t vocabulary) {
  NetworkConfig config = testing::network_config(5, 12, 2, false, vocabulary);
  config.vocabulary_size = vocabulary;
  config.sequence = true;
  config.loss = find_loss("cross_entropy");
  return config;
}

template <class S>
std::unique_ptr<Generator<S>> make_generator(const testing::NetworkCase<S>& problem, std::int64_t rows) {
  std::unique_ptr<Generator<S>> generator;
  REQUIRE(Generator<S>::make(problem.network->version(), rows, generator).ok());
  return generator;
}

TEST_CASE_TEMPLATE("a generator's logits are those of predict()", S, float, double) {
  const testing::NetworkCase<S> problem(language_model(19), 4, 6);
  const auto generator = make_generator(problem, 4);
  std::vector<S> wanted(4 * 6 * 19);
  const TrainingData data = problem.data(false, false);
  REQUIRE(problem.network->predict(data.x, nullptr, true, wanted.data(), RunOptions()).ok());
  for (std::int64_t t = 0; t < 6; ++t) {
    std::vector<std::int64_t> tokens;
    for (std::size_t b = 0; b < 4; ++b) tokens.push_back(problem.tokens[b * 6 + static_cast<std::size_t>(t)]);
    generator->feed(tokens.data());
    for (std::int64_t b = 0; b < 4; ++b) {
      const S* logits = generator->logits() + b * 19;
      CHECK(std::equal(logits, logits + 19, wanted.begin() + (b * 6 + t) * 19));
    }
  }
}

template <class S>
std::vector<std::vector<std::int64_t>> written(Generator<S>& generator, int steps, std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> all;
  for (int i = 0; i < steps; ++i) {
    std::vector<std::int64_t> tokens(static_cast<std::size_t>(generator.rows()));
    generator.draw(Sampling(), seed, tokens.data());
    generator.feed(tokens.data());
    all.push_back(tokens);
  }
  return all;
}

template <class S>
std::unique_ptr<Generator<S>> make_after(const testing::NetworkCase<S>& problem,
                                         const std::vector<std::int64_t>& prompt) {
  auto generator = make_generator(problem, 1);
  for (const std::int64_t token : prompt) generator->feed(&token);
  return generator;
}

TEST_CASE_TEMPLATE("a row is drawn alike alone and beside others, and goes on from a saved state", S, float,
                   double) {
  const testing::NetworkCase<S> problem(language_model(19), 1, 1);
  const auto one = make_after(problem, {2, 7, 5}), all = make_generator(problem, 9);
  all->set_all_rows(*one, 0);
  std::unique_ptr<Generator<S>> twin;
  REQUIRE(all->copy(twin).ok());
  std::vector<char> state(all->state_bytes());
  all->save(state.data());
  const auto together = written(*all, 30, 5);
  CHECK(written(*twin, 30, 5) == together);
  all->restore(state.data());
  CHECK(written(*all, 30, 5) == together);
  const auto alone = written(*one, 30, 5);
  for (std::size_t i = 0; i < alone.size(); ++i) CHECK(alone[i][0] == together[i][0]);
  std::unique_ptr<Generator<S>> last;
  REQUIRE(Generator<S>::make(problem.network->version(), 2, last, 7).ok());
  last->set_all_rows(*make_after(problem, {2, 7, 5}), 0);
  const auto shared = written(*last, 30, 5);
  for (std::size_t i = 0; i < shared.size(); ++i) {
    CHECK(shared[i] == std::vector<std::int64_t>(together[i].end() - 2, together[i].end()));
  }
  CHECK(together.back() != std::vector<std::int64_t>(9, together.back()[0]));
  all->restore(state.data());
  CHECK(written(*all, 30, 6) != together);
}

TEST_CASE("other networks are no language models, each for its reason") {
  const auto message = [](auto change) {
    NetworkConfig config = language_model(9);
    change(config);
    return check_language_model(config).message();
  };
  CHECK(message([](NetworkConfig&) {}).empty());
  CHECK(message([](NetworkConfig& c) { c.vocabulary_size = 0; }) == "a language model needs tokens as input");
  CHECK(message([](NetworkConfig& c) { c.sequence = false; }).find("a prediction at every step") !=
        std::string::npos);
  CHECK(message([](NetworkConfig& c) { c.gru.bidirectional = true; }).find("one direction") !=
        std::string::npos);
  CHECK(message([](NetworkConfig& c) { c.loss = find_loss("squared_error"); }).find("cross_entropy") !=
        std::string::npos);
  CHECK(message([](NetworkConfig& c) { c.output_size = 8; }).find("one class for each token") !=
        std::string::npos);
}

}  // namespace
}  // namespace fastgru
