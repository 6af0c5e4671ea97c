// The reference: gradients against central differences, states against a plain scalar GRU, other scalar
// types.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gru_case.h"
#include "reference/gru_backward.h"
#include "reference/gru_reference.h"

namespace {

using fastgru::GruConfig;
using fastgru::ParamLayout;
using fastgru::testing::for_each_config;
using fastgru::testing::GruCase;
using fastgru::testing::name_of;
using fastgru::testing::Results;
using fastgru::testing::two_by_two;

// Five-point central difference of the objective, entry by entry; the worst error relative to the larger of
// the entry and a thousandth of the tensor's largest entry (an entry of 0 has no relative error).
double worst_error(GruCase<double>& problem, std::vector<double>& values,
                   const std::vector<double>& gradient) {
  constexpr double kStep = 1e-3;
  double largest = 0.0, worst = 0.0;
  for (const double g : gradient) largest = std::max(largest, std::fabs(g));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    if (std::isnan(value)) {
      CHECK(gradient[i] == 0.0);
      continue;
    }
    const auto at = [&](double offset) {
      values[i] = value + offset;
      return problem.objective();
    };
    const long double slope =
        (8 * (at(kStep) - at(-kStep)) - (at(2 * kStep) - at(-2 * kStep))) / (12 * kStep);
    values[i] = value;
    const double scale = std::max({std::fabs(gradient[i]), 1e-3 * largest, 1e-12});
    worst = std::max(worst, std::fabs(gradient[i] - static_cast<double>(slope)) / scale);
  }
  return worst;
}

double worst_gradient_error(GruCase<double>& problem) {
  const Results<double> results = problem.train();
  double worst = worst_error(problem, problem.params, results.dparams);
  worst = std::max(worst, worst_error(problem, problem.x, results.dx));
  if (!problem.h0.empty()) worst = std::max(worst, worst_error(problem, problem.h0, results.dh0));
  return worst;
}

// The GRU of one layer and direction in plain loops, for rows of full length.
std::vector<double> plain_gru(const GruCase<double>& problem) {
  const std::int64_t hidden = problem.config.hidden_size, inputs = problem.config.input_size;
  const ParamLayout layout(problem.config);
  const auto& at = layout.cell(0, 0);
  const double* p = problem.params.data();
  const auto sigma = [](double a) { return 1 / (1 + std::exp(-a)); };
  const auto dot = [](const double* w, const double* v, std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += w[i] * v[i];
    return sum;
  };
  std::vector<double> y;
  std::vector<std::vector<double>> states(static_cast<std::size_t>(problem.rows));
  for (auto& h : states) h.assign(static_cast<std::size_t>(hidden), 0.0);
  for (std::int64_t t = 0; t < problem.steps; ++t) {
    for (std::int64_t b = 0; b < problem.rows; ++b) {
      std::vector<double>& h = states[static_cast<std::size_t>(b)];
      const double* x = problem.x.data() + (t * problem.rows + b) * inputs;
      const auto input = [&](std::int64_t j) {
        return p[at.bias_ih + j] + dot(p + at.weight_ih + j * inputs, x, inputs);
      };
      const auto recurrent = [&](std::int64_t j, const double* v) {
        return p[at.bias_hh + j] + dot(p + at.weight_hh + j * hidden, v, hidden);
      };
      std::vector<double> r(h.size()), rh(h.size()), next(h.size());
      for (std::size_t j = 0; j < h.size(); ++j) {
        r[j] = sigma(input(static_cast<std::int64_t>(j)) + recurrent(static_cast<std::int64_t>(j), h.data()));
        rh[j] = r[j] * h[j];
      }
      for (std::size_t j = 0; j < h.size(); ++j) {
        const std::int64_t k = static_cast<std::int64_t>(j);
        const double z = sigma(input(hidden + k) + recurrent(hidden + k, h.data()));
        const double q = problem.config.reset_after ? r[j] * recurrent(2 * hidden + k, h.data())
                                                    : recurrent(2 * hidden + k, rh.data());
        next[j] = (1 - z) * std::tanh(input(2 * hidden + k) + q) + z * h[j];
      }
      h = next;
      y.insert(y.end(), h.begin(), h.end());
    }
  }
  return y;
}

template <class S>
std::vector<S> converted(const std::vector<double>& values) {
  return std::vector<S>(values.begin(), values.end());
}

// Runs the same problem through the reference in scalar type S; returns dparams as double.
template <class S>
std::vector<double> reference_gradient(const GruCase<double>& problem) {
  using namespace fastgru;
  const std::vector<S> params = converted<S>(problem.params), x = converted<S>(problem.x),
                       dy = converted<S>(problem.dy);
  const std::int64_t width = problem.config.directions() * problem.config.hidden_size;
  std::vector<S> y(dy.size()), h_n(problem.dh_n.size()), dparams(params.size());
  reference::Gru<S> gru(problem.config);
  gru.assign(params.data());
  reference::TapeData<S> tape;
  reference::ForwardBuffers<S> buffers;
  ForwardArgs<S> ahead;
  ahead.x = dense_view(x.data(), problem.steps, problem.rows, problem.config.input_size);
  ahead.lengths = problem.lengths.data();
  ahead.y = dense_view(y.data(), problem.steps, problem.rows, width);
  ahead.h_n = h_n.data();
  REQUIRE(reference::forward(gru, ahead, tape.order, buffers, &tape, {}));
  BackwardArgs<S> back;
  back.dy = dense_view(dy.data(), problem.steps, problem.rows, width);
  back.dparams = dparams.data();
  REQUIRE(reference::backward(gru, tape, back, {}));
  return std::vector<double>(dparams.begin(), dparams.end());
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0.0, largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::fabs(a[i] - b[i]));
    largest = std::max(largest, std::fabs(a[i]));
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("reference: gradients against central differences, every combination") {
  double worst = 0.0;
  int combinations = 0;
  for_each_config([&](GruConfig config) {
    for (const bool lengths : {true, false}) {
      for (const bool h0 : {true, false}) {
        for (const double p : {0.0, 0.3}) {
          if (p > 0 && config.num_layers == 1) continue;
          config.dropout = p;
          GruCase<double> problem(config, 4, 3, lengths, h0);
          const double error = worst_gradient_error(problem);
          INFO(name_of(config), lengths ? " lengths" : "", h0 ? " h0" : "");
          CHECK(error <= 1e-6);
          worst = std::max(worst, error);
          ++combinations;
        }
      }
    }
  });
  MESSAGE("float64 gradients, ", combinations, " combinations, worst relative error ", worst);
}

TEST_CASE("reference: equals a GRU in plain loops") {
  for (const bool reset_after : {true, false}) {
    GruConfig config;
    config.input_size = 7;
    config.hidden_size = 17;
    config.reset_after = reset_after;
    const GruCase<double> problem(config, 9, 5, false, false);
    CHECK(distance(plain_gru(problem), problem.forward_only().y) < 1e-14);
  }
}

TEST_CASE("reference: float, double and long double agree") {
  const GruCase<double> problem(two_by_two(), 11, 6, true, false);
  const std::vector<double> exact = reference_gradient<long double>(problem);
  CHECK(distance(exact, reference_gradient<double>(problem)) < 1e-14);
  CHECK(distance(exact, reference_gradient<float>(problem)) < 1e-5);
}
