// One model, many threads: each stream and each call gives the bits it gives alone. ThreadSanitizer runs this
// as well.
#include <doctest/doctest.h>

#include <thread>

#include "app_case.h"
#include "fastgru/fastgru.hpp"

using fastgru::Model;
using fastgru::Stream;

namespace {

constexpr int kThreads = 8, kSteps = 300;

// All outputs of a stream with its own input sequence.
std::vector<float> answers(const Model& model, int which) {
  Stream stream = model.stream();
  std::vector<float> x(static_cast<std::size_t>(model.input_size())), all;
  std::vector<float> y(static_cast<std::size_t>(model.output_size()));
  for (int t = 0; t < kSteps; ++t) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>((t * 7 + which * 13 + static_cast<int>(i) * 3) % 11) * 0.2f - 1.0f;
    }
    stream.step(x.data(), y.data());
    all.insert(all.end(), y.begin(), y.end());
  }
  return all;
}

}  // namespace

TEST_CASE("threads share a model: streams have the bits they have alone") {
  for (const bool layer : {true, false}) {
    const fastgru_test::AppCase c = layer ? fastgru_test::layer_case(false, false, true)
                                          : fastgru_test::estimator_case(false, false, true);
    const Model model = Model::load(c.file.data(), c.file.size());
    std::vector<std::vector<float>> alone(kThreads), together(kThreads);
    for (int i = 0; i < kThreads; ++i) alone[static_cast<std::size_t>(i)] = answers(model, i);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] { together[static_cast<std::size_t>(i)] = answers(model, i); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(alone == together);
  }
}

TEST_CASE("threads share a model: whole sequences, and the model's last handle goes while streams live") {
  const fastgru_test::AppCase c = fastgru_test::estimator_case(false, false, true);
  auto model = std::make_unique<Model>(Model::load(c.file.data(), c.file.size()));
  std::vector<std::vector<double>> found(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<double>& y : found) {
    threads.emplace_back([&y, &c, copy = *model] {
      y.resize(c.whole.size());
      for (int i = 0; i < 20; ++i) copy.forward(c.x.data(), c.rows, c.steps, y.data());
    });
  }
  Stream stream = model->stream(c.rows);
  model.reset();
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<double>& y : found) CHECK(y == c.whole);
  const std::vector<float> x(static_cast<std::size_t>(c.rows * c.inputs), 0.5f);
  std::vector<float> y(static_cast<std::size_t>(c.rows * c.outputs));
  stream.step(x.data(), y.data());
  CHECK(y[0] == y[static_cast<std::size_t>(c.outputs)]);
}
