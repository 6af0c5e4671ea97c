// A module defined in this file, in the chain of a network: shows what a new module needs. Its parameters
// have a place in the flat vector, and the gradients of the other modules pass through it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nn/training_step.h"
#include "nn_case.h"

namespace fastgru {
namespace {

// y = x * scale, with a learnt scale for each value.
template <class S>
class Scale final : public Module<S> {
 public:
  explicit Scale(const NetworkConfig& config) : width_(config.head_inputs()) {}
  static std::unique_ptr<Module<S>> make(const NetworkConfig& config) {
    return std::make_unique<Scale<S>>(config);
  }

  std::vector<ParamSlot> parameters() const override { return {{"scale.weight", width_, 0, 0}}; }
  void describe(bool, std::vector<SummaryLine>& lines) const override {
    lines.push_back({"scale", summary_shape(false, width_), width_});
  }
  Status reserve(std::int64_t, std::int64_t rows, bool) override {
    y_.resize(static_cast<std::size_t>(rows * width_));
    return {};
  }
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override {
    const S* scale = call.params.flat + this->offset();
    x_ = in.values;
    for (std::size_t i = 0; i < y_.size(); ++i) y_[i] = x_[i] * scale[i % static_cast<std::size_t>(width_)];
    out = in;
    out.values = y_.data();
    return {};
  }
  Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                  S* gradient) override {
    const S* scale = call.params.flat + this->offset();
    S* d_scale = gradient + this->offset();
    std::fill_n(d_scale, width_, S(0));
    for (std::size_t i = 0; i < y_.size(); ++i) {
      const auto k = static_cast<std::int64_t>(i) % width_;
      d_scale[k] += out.values.data[i] * x_[i];
      out.values.data[i] *= scale[k];
    }
    if (in != nullptr) *in = out;
    return {};
  }
  void step(const ModuleCall<S>&, StepSignal<S>&) noexcept override {}

 private:
  std::int64_t width_;
  const S* x_ = nullptr;
  std::vector<S> y_;
};

TEST_CASE("a module that the list does not know: its gradient and that of all the others") {
  NetworkConfig config = testing::network_config(3, 4, 1, true, 2);
  config.vocabulary_size = 5;
  const testing::NetworkCase<double> problem(config, 4, 3);
  std::vector<ModuleFactory<double>> factories = module_factories<double>();
  factories.insert(factories.end() - 1, &Scale<double>::make);  // before the head
  const NetworkLayout layout(config);
  TrainingStep<double> step(layout, 0, factories);
  const std::int64_t total = step.chain().total();
  CHECK(total == layout.total() + config.head_inputs());
  const auto named = [&](const ParamSlot& slot) { return slot.name == "scale.weight"; };
  CHECK(std::any_of(step.chain().slots().begin(), step.chain().slots().end(), named));

  testing::Random random(5);
  std::vector<double> params = testing::random_vector<double>(random, total, 0.5);
  std::vector<double> gradient(params.size()), ignored(params.size());
  const auto packed = step.chain().make_packed();
  const TrainingData data = problem.data(false, false);
  std::vector<std::int64_t> order(4);
  std::iota(order.begin(), order.end(), 0);
  const auto loss_of = [&](std::vector<double>& into) {
    double loss = 0;
    step.choose(data, problem.scaling, order.data(), 0, 4);
    REQUIRE(assign_packed(packed, params.data()).ok());
    REQUIRE(step.loss_and_gradient({params.data(), &packed}, 1.0, 0, RunOptions(), loss).ok());
    std::copy_n(step.gradient(), into.size(), into.begin());
    return loss;
  };
  loss_of(gradient);
  for (std::size_t i = 0; i < params.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double value = params[i];
    params[i] = value + kStep;
    const double above = loss_of(ignored);
    params[i] = value - kStep;
    const double below = loss_of(ignored);
    params[i] = value;
    CAPTURE(i);
    CHECK(std::abs((above - below) / (2 * kStep) - gradient[i]) < 1e-7);
  }
}

}  // namespace
}  // namespace fastgru
