// The training loop: epochs of forward, loss, backward, clipping and update. Steps allocate nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/data/batch_order.h"
#include "nn/training_step.h"
#include "nn/network.h"
#include "nn/optim/optimizer.h"

namespace fastgru {

struct TrainerOptions {
  OptimizerOptions optimizer;
  std::int64_t batch_size = 32;
  bool shuffle = true;  // see BatchOrder
  std::uint64_t seed =
      0;  // keys the order of the samples (with the epoch) and the dropout masks (with the step)
  std::int64_t bptt = 0;  // see TrainingStep; 0: no limit
  // The samples of a mini-batch are streams: there is an update after each stretch of bptt steps, from which
  // the state goes on to the next. Needs predictions at every step, and one direction.
  bool stateful = false;
  double recurrent_dropout = 0.0;  // share of the recurrent weights set to 0 in a step (DropConnect)
  int num_threads = 0;             // 0: the process-wide setting. The bits do not depend on it.
};

Status validate(const TrainerOptions& options);

// Trains one network. A trainer serves one caller at a time. Others may use the network meanwhile; it gets
// its new parameters at the end of an epoch.
template <class S>
class Trainer {
 public:
  static Status make(std::shared_ptr<Network<S>> network, const TrainerOptions& options,
                     std::unique_ptr<Trainer>& result);

  // One pass over the data, from the network's current parameters and scaling. mean_loss: the mean of the
  // mini-batches' losses, weighted by TrainingStep::count(). Afterwards the network has the parameters of the
  // last whole mini-batch, also if `interrupt` stops the epoch, or if a loss, gradient or parameter is not
  // finite, which is an error.
  Status run_epoch(const TrainingData& data, Interrupt* interrupt, double& mean_loss);

  // The loss of the network's current parameters, without dropout.
  Status evaluate(const TrainingData& data, Interrupt* interrupt, double& loss) const;

  const Network<S>& network() const { return *network_; }
  const TrainerOptions& options() const { return options_; }
  const Optimizer<S>& optimizer() const { return optimizer_; }
  Status set_learning_rate(double learning_rate);

  // The losses of the last epoch, in order.
  const std::vector<double>& batch_losses() const { return batch_losses_; }
  // Whole epochs run.
  std::int64_t epoch() const { return epoch_; }

  // Restores the state of another trainer, so that training continues with the same bits. Moments: see
  // Optimizer.
  Status restore(std::int64_t epoch, std::int64_t step_count, const S* first_moment, const S* second_moment);

 private:
  Trainer(std::shared_ptr<Network<S>> network, const TrainerOptions& options);

  Status allocate();
  RunOptions run_options(Interrupt* interrupt) const;
  Status prepare(const TrainingData& data, const NetworkVersion<S>& version, Interrupt* interrupt);
  Status run_batches(const TrainingData& data, const Scaling& scaling, Interrupt* interrupt);
  // Packs params_ for a step, with recurrent dropout applied.
  Status pack_weights(std::uint64_t seed);
  // Applies this step's dropout masks to the recurrent weights of `flat`.
  void drop_recurrent(S* flat, std::uint64_t seed) const;
  // run_step(), and its loss in the record.
  Status run_update(double mean_weight, const RunOptions& options);
  Status run_step(double mean_weight, const RunOptions& options, double& loss);
  Status diverged(const char* what, double value) const;
  Status publish();

  std::shared_ptr<Network<S>> network_;
  TrainerOptions options_;
  Optimizer<S> optimizer_;
  TrainingStep<S> step_;
  std::vector<std::unique_ptr<PackedParameters<S>>> packed_;  // params_, packed
  AlignedBuffer<S> params_, updated_, dropped_;               // layout().total() values each
  std::shared_ptr<const NetworkParams<S>> params_source_;     // a version with the values of params_
  BatchOrder order_;
  std::vector<double> batch_losses_;
  double loss_sum_ = 0, loss_count_ = 0;  // of this epoch: the weighted sum of losses, and the sum of count()
  std::int64_t epoch_ = 0;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace fastgru
