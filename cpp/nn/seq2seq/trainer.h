// The training loop of an encoder-decoder network, with the semantics of nn/optim/trainer.h.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/data/batch_order.h"
#include "nn/optim/optimizer.h"
#include "nn/seq2seq/model.h"
#include "nn/seq2seq/step.h"

namespace fastgru {

struct Seq2SeqTrainerOptions {
  OptimizerOptions optimizer;
  std::int64_t batch_size = 64;  // pairs; those of similar length come together, see BatchOrder
  bool shuffle = true;
  std::uint64_t seed = 0;        // keys the order of the pairs and the dropout masks
  double label_smoothing = 0.0;  // see HeadLoss
  int num_threads = 0;           // 0: the process-wide setting. The bits do not depend on it.
};

Status validate(const Seq2SeqTrainerOptions& options);

// Trains one network. A trainer serves one caller at a time. The network gets its new parameters at the end
// of an epoch.
template <class S>
class Seq2SeqTrainer {
 public:
  static Status make(std::shared_ptr<Seq2Seq<S>> network, const Seq2SeqTrainerOptions& options,
                     std::unique_ptr<Seq2SeqTrainer>& result);

  // One pass over the pairs, from the network's current parameters. mean_loss: the mean over all symbols to
  // predict of the smoothed cross entropy, with dropout. Afterwards the network has the parameters of the
  // last whole mini-batch, also if `interrupt` stops the epoch, or if a loss, gradient or parameter is not
  // finite, which is an error.
  Status run_epoch(const TokenPairs& pairs, Interrupt* interrupt, double& mean_loss);

  // The mean cross entropy of a symbol with the network's current parameters, without dropout or smoothing:
  // the logarithm of the perplexity.
  Status evaluate(const TokenPairs& pairs, Interrupt* interrupt, double& loss) const;

  const Seq2Seq<S>& network() const { return *network_; }
  const Optimizer<S>& optimizer() const { return optimizer_; }
  Status set_learning_rate(double learning_rate);
  const std::vector<double>& batch_losses() const { return batch_losses_; }  // of the last epoch
  std::int64_t epoch() const { return epoch_; }                              // whole epochs run

 private:
  Seq2SeqTrainer(std::shared_ptr<Seq2Seq<S>> network, const Seq2SeqTrainerOptions& options);

  Status check(const TokenPairs& pairs) const;
  Status prepare(const TokenPairs& pairs, Interrupt* interrupt);
  Status run_batches(const TokenPairs& pairs, Interrupt* interrupt);
  Status run_step(const RunOptions& options, double& loss);
  Status publish();
  RunOptions run_options(Interrupt* interrupt) const;

  std::shared_ptr<Seq2Seq<S>> network_;
  Seq2SeqTrainerOptions options_;
  Optimizer<S> optimizer_;
  Seq2SeqStep<S> step_;
  Seq2SeqWeights<S> weights_;  // params_, packed
  AlignedBuffer<S> params_, updated_;
  std::shared_ptr<const Seq2SeqParams<S>> params_source_;  // a version with the values of params_
  BatchOrder order_;
  std::vector<double> batch_losses_;
  double loss_sum_ = 0, loss_count_ = 0;
  std::int64_t epoch_ = 0;
};

extern template class Seq2SeqTrainer<float>;
extern template class Seq2SeqTrainer<double>;

}  // namespace fastgru
