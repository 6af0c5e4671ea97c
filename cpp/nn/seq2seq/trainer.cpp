// The loop over mini-batches of sentence pairs.
#include "nn/seq2seq/trainer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "nn/data/shuffle.h"
#include "nn/optim/training_checks.h"
#include "runtime/number_text.h"

namespace fastgru {

Status validate(const Seq2SeqTrainerOptions& options) {
  FASTGRU_RETURN_IF_ERROR(validate(options.optimizer));
  FASTGRU_RETURN_IF_ERROR(check_loop(options.batch_size, options.num_threads));
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing < 1.0)) {
    return Status::invalid("label_smoothing must be in [0, 1), got " + number_text(options.label_smoothing));
  }
  return {};
}

template <class S>
Seq2SeqTrainer<S>::Seq2SeqTrainer(std::shared_ptr<Seq2Seq<S>> network, const Seq2SeqTrainerOptions& options)
    : network_(std::move(network)),
      options_(options),
      optimizer_(network_->layout().slots(), network_->layout().total(), options.optimizer),
      step_(network_->layout()),
      weights_(network_->layout()) {}

template <class S>
Status Seq2SeqTrainer<S>::make(std::shared_ptr<Seq2Seq<S>> network, const Seq2SeqTrainerOptions& options,
                               std::unique_ptr<Seq2SeqTrainer>& result) {
  FASTGRU_RETURN_IF_ERROR(validate(options));
  std::unique_ptr<Seq2SeqTrainer> trainer(new Seq2SeqTrainer(std::move(network), options));
  FASTGRU_RETURN_IF_ERROR(trainer->optimizer_.allocate());
  const std::int64_t total = trainer->network_->layout().total();
  if (!trainer->params_.reserve(total) || !trainer->updated_.reserve(total)) return out_of_memory();
  result = std::move(trainer);
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::check(const TokenPairs& pairs) const {
  if (pairs.sources.rows != pairs.targets.rows || pairs.sources.rows < 1) {
    return Status::invalid("sources and targets must be equally many, at least one, got " +
                           std::to_string(pairs.sources.rows) + " and " + std::to_string(pairs.targets.rows));
  }
  const Seq2SeqConfig& c = network_->config();
  FASTGRU_RETURN_IF_ERROR(validate(pairs.sources, c.source_vocabulary, "sources"));
  return validate(pairs.targets, c.target_vocabulary, "targets");
}

template <class S>
Status Seq2SeqTrainer<S>::prepare(const TokenPairs& pairs, Interrupt* interrupt) {
  const std::shared_ptr<const Seq2SeqParams<S>> now = network_->params();
  if (now != params_source_) {  // they were set from outside
    std::copy_n(now->flat(), network_->layout().total(), params_.data());
    params_source_ = now;
  }
  batch_losses_.clear();
  loss_sum_ = loss_count_ = 0;
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(pairs.sources.rows));
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    lengths[i] = pairs.sources.length(row) + pairs.targets.length(row);
  }
  const bool whole = order_.set(pairs.sources.rows, options_.batch_size, lengths.data(), options_.shuffle,
                                options_.seed, static_cast<std::uint64_t>(epoch_), interrupt);
  return whole ? Status() : Status::interrupted();
}

template <class S>
RunOptions Seq2SeqTrainer<S>::run_options(Interrupt* interrupt) const {
  RunOptions options;
  options.num_threads = options_.num_threads;
  options.interrupt = interrupt;
  return options;
}

// Loss, gradient and update of the chosen mini-batch. On an error, params_ is unchanged.
template <class S>
Status Seq2SeqTrainer<S>::run_step(const RunOptions& options, double& loss) {
  PassOptions pass;
  pass.drops = true;
  pass.seed = step_seed(options_.seed, static_cast<std::uint64_t>(optimizer_.step_count()));
  pass.options = options;
  const auto diverged = [&](const char* what, double value) {
    return divergence(what, value, batch_losses_.size(), epoch_, optimizer_.options(), "");
  };
  FASTGRU_RETURN_IF_ERROR(weights_.assign(params_.data()));
  FASTGRU_RETURN_IF_ERROR(step_.loss_and_gradient(weights_, options_.label_smoothing, pass, loss));
  if (!std::isfinite(loss)) return diverged("the loss", loss);
  const int threads = pass.threads();
  const double norm = optimizer_.norm(step_.gradient(), threads);
  if (!std::isfinite(norm)) return diverged("the gradient's norm", norm);
  if (!optimizer_.step(params_.data(), step_.gradient(), norm, updated_.data(), threads)) {
    return diverged("a parameter after the update", std::nan(""));
  }
  std::swap(params_, updated_);
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::run_batches(const TokenPairs& pairs, Interrupt* interrupt) {
  const RunOptions options = run_options(interrupt);
  for (std::int64_t first = 0; first < pairs.sources.rows; first += options_.batch_size) {
    if (interrupt != nullptr && interrupt->check()) return Status::interrupted();
    step_.choose(pairs, order_.data() + first, std::min(options_.batch_size, pairs.sources.rows - first));
    double loss = 0;
    FASTGRU_RETURN_IF_ERROR(run_step(options, loss));
    batch_losses_.push_back(loss);
    loss_sum_ += loss * static_cast<double>(step_.count());
    loss_count_ += static_cast<double>(step_.count());
  }
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::publish() {
  std::shared_ptr<const Seq2SeqParams<S>> fresh;
  FASTGRU_RETURN_IF_ERROR(Seq2SeqParams<S>::make(network_->shared_layout(), params_.data(), fresh));
  network_->set_parameters(fresh);
  params_source_ = std::move(fresh);
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::run_epoch(const TokenPairs& pairs, Interrupt* interrupt, double& mean_loss) {
  FASTGRU_RETURN_IF_ERROR(check(pairs));
  FASTGRU_RETURN_IF_ERROR(prepare(pairs, interrupt));
  const Status status = run_batches(pairs, interrupt);
  if (!batch_losses_.empty()) FASTGRU_RETURN_IF_ERROR(publish());
  FASTGRU_RETURN_IF_ERROR(status);
  mean_loss = loss_sum_ / loss_count_;
  ++epoch_;
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::evaluate(const TokenPairs& pairs, Interrupt* interrupt, double& loss) const {
  FASTGRU_RETURN_IF_ERROR(check(pairs));
  std::vector<double> each(static_cast<std::size_t>(pairs.sources.rows));
  FASTGRU_RETURN_IF_ERROR(network_->score(pairs, run_options(interrupt), each.data()));
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < each.size(); ++i) {
    sum -= each[i];
    count += static_cast<double>(pairs.targets.length(static_cast<std::int64_t>(i)) + 1);
  }
  loss = sum / count;
  return {};
}

template <class S>
Status Seq2SeqTrainer<S>::set_learning_rate(double learning_rate) {
  OptimizerOptions options = optimizer_.options();
  options.learning_rate = learning_rate;
  FASTGRU_RETURN_IF_ERROR(validate(options));
  optimizer_.set_learning_rate(learning_rate);
  return {};
}

template class Seq2SeqTrainer<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Seq2SeqTrainer<double>;
#endif

}  // namespace fastgru
