// The update rules: Adam, and gradient descent with (Nesterov) momentum; both with L2 decay and clipping by
// the global norm. The formulae are those of torch.optim.Adam, torch.optim.SGD and
// torch.nn.utils.clip_grad_norm_.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/params.h"
#include "runtime/aligned.h"
#include "runtime/status.h"

namespace fastgru {

enum class Solver { adam, sgd };

struct OptimizerOptions {
  Solver solver = Solver::adam;
  double learning_rate = 5e-3;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;  // Adam
  double momentum = 0.9;                                // SGD
  bool nesterov = false;                                // SGD
  double alpha =
      0.0;  // alpha * w is added to the gradient of a weight matrix (not of a bias), after clipping
  double clip_norm = 1.0;  // the largest global norm of the gradient; 0: no limit
};

Status validate(const OptimizerOptions& options);

template <class S>
class Optimizer {
 public:
  // `total`: values of the flat vector that the slots lie in.
  Optimizer(const std::vector<ParamSlot>& slots, std::int64_t total, const OptimizerOptions& options);

  // Allocates the moments, which start at 0. Must be the first call.
  Status allocate();

  // The global norm, summed in a fixed order in double. Must precede step() with the same gradient.
  double norm(const S* gradient, int threads);

  // updated = params moved against `gradient`, whose global norm is `norm`. Returns false if a result is not
  // finite; `updated` is then unspecified and the moments are 0 again.
  bool step(const S* params, const S* gradient, double norm, S* updated, int threads);

  const OptimizerOptions& options() const { return options_; }
  void set_learning_rate(double learning_rate) { options_.learning_rate = learning_rate; }

  std::int64_t step_count() const { return step_count_; }
  std::int64_t size() const { return size_; }
  // Adam: the mean of gradients; SGD: the momentum buffer. size() values.
  const S* first_moment() const { return first_.data(); }
  // Adam: the mean of squared gradients, size() values; SGD: null.
  const S* second_moment() const { return second_.data(); }
  bool has_second_moment() const { return options_.solver == Solver::adam; }

  // Continues from the state of another optimiser of the same kind and size. `second`: as second_moment().
  void restore(std::int64_t step_count, const S* first, const S* second);

 private:
  // A range of the flat vector within one tensor: the unit of work, and of the order of summation.
  struct Chunk {
    std::int64_t offset, size;
    bool decays;
  };
  struct Update;

  void clear();
  bool stays(std::size_t chunk) const;

  OptimizerOptions options_;
  std::int64_t size_;
  std::int64_t step_count_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;          // one for each chunk
  std::vector<std::uint8_t> finite_;  // one for each chunk
  std::vector<std::uint8_t> moved_;   // whether the chunk ever had a nonzero gradient
  AlignedBuffer<S> first_, second_;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace fastgru
