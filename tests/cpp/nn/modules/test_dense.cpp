// The dense head: a row's bits in any batch, and gradients against plain sums.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "nn_case.h"

namespace fastgru {
namespace {

// A dense head with its parameters, called like a chain calls it.
template <class S>
struct Head {
  NetworkConfig config;
  Dense<S> dense{config};
  std::vector<S> flat;
  std::vector<std::unique_ptr<PackedParameters<S>>> packed;
  ModuleCall<S> call;

  Head(std::int64_t inputs, std::int64_t outputs, std::int64_t rows)
      : config(testing::network_config(1, inputs, 1, false, outputs)) {
    testing::Random random(9);
    flat = testing::random_vector<S>(random, outputs * (inputs + 1), 0.3);
    dense.place(0, 0, true);
    packed.push_back(dense.make_packed());
    REQUIRE(assign_packed(packed, flat.data()).ok());
    REQUIRE(dense.reserve(1, rows, true).ok());
    call.params = {flat.data(), &packed};
    call.training = true;
  }

  const S* forward(const S* x, std::int64_t rows) {
    Signal<S> in, out;
    call.rows = in.rows = rows;
    in.values = x;
    in.width = config.head_inputs();
    REQUIRE(dense.forward(call, in, out).ok());
    return out.values;
  }
};

TEST_CASE_TEMPLATE("a row's logits have the same bits alone and in any batch", S, float, double) {
  for (const std::int64_t outputs : {1, 7, 8, 19, 300}) {
    Head<S> head(33, outputs, 70);
    testing::Random random(3);
    const std::vector<S> x = testing::random_vector<S>(random, 70 * 33, 1.0);
    const S* logits = head.forward(x.data(), 70);
    const std::vector<S> all(logits, logits + 70 * outputs);
    for (const std::int64_t rows : {1, 2, 5, 31}) {
      for (std::int64_t b = 0; b + rows <= 70; b += rows + 3) {
        const S* some = head.forward(x.data() + b * 33, rows);
        CHECK(std::equal(some, some + rows * outputs, all.begin() + b * outputs));
      }
    }
  }
}

TEST_CASE_TEMPLATE("the head's gradients are the plain sums", S, float, double) {
  constexpr std::int64_t kRows = 300, kInputs = 33;  // more rows than a block of the kernels' sums
  const double bound = sizeof(S) == 4 ? 3e-6 : 1e-14;
  for (const std::int64_t outputs : {1, 7, 8, 19, 40}) {
    Head<S> head(kInputs, outputs, kRows);
    testing::Random random(4);
    const std::vector<S> x = testing::random_vector<S>(random, kRows * kInputs, 1.0);
    std::vector<S> dy = testing::random_vector<S>(random, kRows * outputs, 0.1);
    head.forward(x.data(), kRows);
    std::vector<S> gradient(head.flat.size(), S(-9));
    SignalGradient<S> out, in;
    out.values = dense_view(dy.data(), 1, kRows, outputs);
    REQUIRE(head.dense.backward(head.call, out, &in, gradient.data()).ok());
    for (std::int64_t o = 0; o < outputs; ++o) {
      long double bias = 0;
      for (std::int64_t b = 0; b < kRows; ++b) bias += dy[static_cast<std::size_t>(b * outputs + o)];
      CHECK(std::abs(gradient[static_cast<std::size_t>(outputs * kInputs + o)] - bias) < 10 * bound);
      for (const std::int64_t k : {0, 15, 16, 32}) {
        long double weight = 0;
        for (std::int64_t b = 0; b < kRows; ++b) {
          weight += static_cast<long double>(dy[static_cast<std::size_t>(b * outputs + o)]) *
                    x[static_cast<std::size_t>(b * kInputs + k)];
        }
        CHECK(std::abs(gradient[static_cast<std::size_t>(o * kInputs + k)] - weight) < 10 * bound);
      }
    }
    for (const std::int64_t b : {0, 1, 100, 299}) {
      for (const std::int64_t k : {0, 15, 16, 32}) {
        long double wanted = 0;
        for (std::int64_t o = 0; o < outputs; ++o) {
          wanted += static_cast<long double>(dy[static_cast<std::size_t>(b * outputs + o)]) *
                    head.flat[static_cast<std::size_t>(o * kInputs + k)];
        }
        CHECK(std::abs(in.values.at(0, b)[k] - wanted) < bound);
      }
    }
  }
}

TEST_CASE_TEMPLATE("a head that runs some rows at a time has the bits of all rows at once", S, float,
                   double) {
  constexpr std::int64_t kRows = 600, kInputs = 5, kOutputs = 8192;  // 512 rows at once
  Head<S> head(kInputs, kOutputs, kRows);
  testing::Random random(4);
  const std::vector<S> x = testing::random_vector<S>(random, kRows * kInputs, 1.0);
  const S* logits = head.forward(x.data(), kRows);
  std::vector<S> dy(logits, logits + kRows * kOutputs);
  std::vector<S> whole(head.flat.size()), pieces(head.flat.size(), S(-9));
  SignalGradient<S> out, in;
  out.values = dense_view(dy.data(), 1, kRows, kOutputs);
  REQUIRE(head.dense.backward(head.call, out, &in, whole.data()).ok());
  const std::vector<S> dx(in.values.data, in.values.data + kRows * kInputs);
  Signal<S> all;
  all.rows = kRows;
  all.values = x.data();
  const std::int64_t most = head.dense.rows_at_once(kRows);
  CHECK(most == 512);
  for (std::int64_t first = 0; first < kRows; first += most) {
    const std::int64_t rows = std::min(most, kRows - first);
    S* some = head.dense.forward_rows(head.call, all, first, rows);
    CHECK(std::equal(some, some + rows * kOutputs, dy.begin() + first * kOutputs));
    REQUIRE(head.dense.backward_rows(head.call, all, first, rows, some, pieces.data()).ok());
  }
  CHECK(pieces == whole);
  const SequenceView<S> d_input = head.dense.input_gradient_of(all);
  CHECK(std::equal(dx.begin(), dx.end(), d_input.data));
}

}  // namespace
}  // namespace fastgru
