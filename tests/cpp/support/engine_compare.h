// Compares the float32 engine with the float64 engine on the same numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "each_isa.h"
#include "gru_case.h"
#include "kernels/dispatch.h"

namespace fastgru::testing {

inline std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

inline GruCase<double> widened(const GruCase<float>& problem) {
  GruCase<double> wide(problem.config, problem.steps, problem.rows, false, false);
  wide.seed = problem.seed;
  wide.params = widened(problem.params);
  wide.x = widened(problem.x);
  wide.h0 = widened(problem.h0);
  wide.dy = widened(problem.dy);
  wide.dh_n = widened(problem.dh_n);
  wide.lengths = problem.lengths;
  return wide;
}

// Largest difference relative to the largest entry.
inline double relative_error(const std::vector<float>& got, const std::vector<double>& wanted) {
  REQUIRE(got.size() == wanted.size());
  double largest = 1e-30, worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(std::fabs(static_cast<double>(got[i]) - wanted[i]) <= 1e30)) return 1e30;  // also NaN
    worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - wanted[i]));
    largest = std::max(largest, std::fabs(wanted[i]));
  }
  return worst / largest;
}

// The same for each parameter tensor.
inline double parameter_error(const GruConfig& config, const std::vector<float>& got,
                              const std::vector<double>& wanted) {
  double worst = 0;
  const ParamLayout layout(config);
  for (const ParamSlot& slot : layout.slots()) {
    const auto piece = [&](const auto& all) {
      using Vector = std::decay_t<decltype(all)>;
      return Vector(all.begin() + slot.offset, all.begin() + slot.offset + slot.size());
    };
    worst = std::max(worst, relative_error(piece(got), piece(wanted)));
  }
  return worst;
}

struct EngineError {
  double forward = 0, backward = 0;
};

inline EngineError compare_with_double(const GruCase<float>& problem, int threads = 1) {
  const Results<float> got = problem.train(threads), alone = problem.forward_only(threads);
  const Results<double> wanted = widened(problem).train();
  if (problem.config.dropout == 0.0) {
    CHECK(same_bits(got.y, alone.y));
    CHECK(same_bits(got.h_n, alone.h_n));
  }
  EngineError error;
  error.forward = std::max(relative_error(got.y, wanted.y), relative_error(got.h_n, wanted.h_n));
  error.backward = std::max({relative_error(got.dx, wanted.dx), relative_error(got.dh0, wanted.dh0),
                             parameter_error(problem.config, got.dparams, wanted.dparams)});
  return error;
}

}  // namespace fastgru::testing
