// The loop over mini-batches.
#include "nn/optim/trainer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/checks.h"
#include "engine/dropout.h"
#include "nn/data/shuffle.h"
#include "nn/optim/training_checks.h"
#include "runtime/number_text.h"

namespace fastgru {

Status validate(const TrainerOptions& options) {
  FASTGRU_RETURN_IF_ERROR(validate(options.optimizer));
  FASTGRU_RETURN_IF_ERROR(check_loop(options.batch_size, options.num_threads));
  if (options.bptt < 0) {
    return Status::invalid("bptt must be at least 0 (0: no limit), got " + std::to_string(options.bptt));
  }
  if (!(options.recurrent_dropout >= 0.0 && options.recurrent_dropout < 1.0)) {
    return Status::invalid("recurrent_dropout must be in [0, 1), got " +
                           number_text(options.recurrent_dropout));
  }
  return {};
}

template <class S>
Trainer<S>::Trainer(std::shared_ptr<Network<S>> network, const TrainerOptions& options)
    : network_(std::move(network)),
      options_(options),
      optimizer_(network_->layout().slots(), network_->layout().total(), options.optimizer),
      step_(network_->layout(), options.bptt),
      packed_(step_.chain().make_packed()) {}

template <class S>
Status Trainer<S>::allocate() {
  FASTGRU_RETURN_IF_ERROR(optimizer_.allocate());
  const std::int64_t total = network_->layout().total();
  const bool fits = params_.reserve(total) && updated_.reserve(total) &&
                    dropped_.reserve(options_.recurrent_dropout > 0 ? total : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status Trainer<S>::make(std::shared_ptr<Network<S>> network, const TrainerOptions& options,
                        std::unique_ptr<Trainer>& result) {
  FASTGRU_RETURN_IF_ERROR(validate(options));
  const NetworkConfig& config = network->config();
  if (options.bptt > 0 && (config.gru.bidirectional || (config.reads_all_steps() && !config.sequence))) {
    return Status::invalid(
        "bptt is not possible with two directions or pooled states, which need the whole sequence at once");
  }
  if (options.bptt > 0 && config.loss->aligns()) {
    return Status::invalid("bptt is not possible with a loss that aligns whole sequences, such as 'ctc'");
  }
  if (options.stateful && (config.gru.bidirectional || !config.sequence || config.loss->aligns())) {
    return Status::invalid("stateful training needs a loss of each step, and one direction");
  }
  std::unique_ptr<Trainer> trainer(new Trainer(std::move(network), options));
  FASTGRU_RETURN_IF_ERROR(trainer->allocate());
  result = std::move(trainer);
  return {};
}

// Prepares an epoch: parameters and the order of the samples.
template <class S>
Status Trainer<S>::prepare(const TrainingData& data, const NetworkVersion<S>& version, Interrupt* interrupt) {
  const std::int64_t samples = data.x.samples;
  if (version.params != params_source_) {  // they were set from outside
    std::copy_n(version.params->flat(), network_->layout().total(), params_.data());
    params_source_ = version.params;
  }
  batch_losses_.clear();
  loss_sum_ = loss_count_ = 0;
  if (!order_.set(samples, options_.batch_size, data.lengths, options_.shuffle, options_.seed,
                  static_cast<std::uint64_t>(epoch_), interrupt)) {
    return Status::interrupted();
  }
  batch_losses_.reserve(static_cast<std::size_t>((samples - 1) / options_.batch_size + 1));
  return {};
}

template <class S>
RunOptions Trainer<S>::run_options(Interrupt* interrupt) const {
  RunOptions options;
  options.num_threads = options_.num_threads;
  options.interrupt = interrupt;
  return options;
}

template <class S>
Status Trainer<S>::diverged(const char* what, double value) const {
  return divergence(what, value, batch_losses_.size(), epoch_, optimizer_.options(),
                    "; x and y must be finite");
}

template <class S>
void Trainer<S>::drop_recurrent(S* flat, std::uint64_t seed) const {
  if (options_.recurrent_dropout == 0.0) return;
  for (const ParamSlot& slot : network_->layout().slots()) {
    if (slot.name.find("weight_hh") == std::string::npos) continue;
    dropout(flat + slot.offset, flat + slot.offset, slot.size(), slot.offset, options_.recurrent_dropout,
            seed, static_cast<std::uint64_t>(RandomStream::dropout_recurrent));
  }
}

template <class S>
Status Trainer<S>::pack_weights(std::uint64_t seed) {
  if (options_.recurrent_dropout == 0.0) return assign_packed(packed_, params_.data());
  std::copy_n(params_.data(), network_->layout().total(), dropped_.data());
  drop_recurrent(dropped_.data(), seed);
  return assign_packed(packed_, dropped_.data());
}

// Loss, gradient and update of the chosen mini-batch. On an error, params_ is unchanged.
template <class S>
Status Trainer<S>::run_step(double mean_weight, const RunOptions& options, double& loss) {
  const std::uint64_t seed = step_seed(options_.seed, static_cast<std::uint64_t>(optimizer_.step_count()));
  FASTGRU_RETURN_IF_ERROR(pack_weights(seed));
  FASTGRU_RETURN_IF_ERROR(
      step_.loss_and_gradient({params_.data(), &packed_}, mean_weight, seed, options, loss));
  if (!std::isfinite(loss)) return diverged("the loss", loss);
  drop_recurrent(step_.gradient(), seed);
  const double norm = optimizer_.norm(step_.gradient(), options.num_threads);
  if (!std::isfinite(norm)) return diverged("the gradient's norm", norm);
  if (!optimizer_.step(params_.data(), step_.gradient(), norm, updated_.data(), options.num_threads)) {
    return diverged("a parameter after the update", std::nan(""));
  }
  std::swap(params_, updated_);
  return {};
}

template <class S>
Status Trainer<S>::run_batches(const TrainingData& data, const Scaling& scaling, Interrupt* interrupt) {
  const RunOptions options = run_options(interrupt);
  const double weight = mean_weight(data, network_->config());
  for (std::int64_t first = 0; first < data.x.samples; first += options_.batch_size) {
    if (interrupt != nullptr && interrupt->check()) return Status::interrupted();
    const std::int64_t rows = std::min(options_.batch_size, data.x.samples - first);
    step_.choose(data, scaling, order_.data(), first, rows);
    if (!options_.stateful) FASTGRU_RETURN_IF_ERROR(run_update(weight, options));
    while (options_.stateful && step_.next_stretch()) {
      if (interrupt != nullptr && interrupt->check()) return Status::interrupted();
      FASTGRU_RETURN_IF_ERROR(run_update(weight, options));
    }
  }
  return {};
}

template <class S>
Status Trainer<S>::run_update(double weight, const RunOptions& options) {
  double loss = 0;
  FASTGRU_RETURN_IF_ERROR(run_step(weight, options, loss));
  batch_losses_.push_back(loss);
  loss_sum_ += loss * step_.count();
  loss_count_ += step_.count();
  return {};
}

template <class S>
Status Trainer<S>::publish() {
  std::shared_ptr<const NetworkParams<S>> fresh;
  FASTGRU_RETURN_IF_ERROR(NetworkParams<S>::make(network_->shared_layout(), params_.data(), fresh));
  network_->set_parameters(fresh);
  params_source_ = std::move(fresh);
  return {};
}

template <class S>
Status Trainer<S>::run_epoch(const TrainingData& data, Interrupt* interrupt, double& mean_loss) {
  FASTGRU_RETURN_IF_ERROR(validate(data, network_->config()));
  const NetworkVersion<S> version = network_->version();
  FASTGRU_RETURN_IF_ERROR(prepare(data, version, interrupt));
  const Status status = run_batches(data, *version.scaling, interrupt);
  if (!batch_losses_.empty()) FASTGRU_RETURN_IF_ERROR(publish());
  FASTGRU_RETURN_IF_ERROR(status);
  mean_loss = loss_sum_ / loss_count_;
  ++epoch_;
  return {};
}

template <class S>
Status Trainer<S>::evaluate(const TrainingData& data, Interrupt* interrupt, double& loss) const {
  return network_->evaluate(data, run_options(interrupt), loss);
}

template <class S>
Status Trainer<S>::set_learning_rate(double learning_rate) {
  OptimizerOptions options = optimizer_.options();
  options.learning_rate = learning_rate;
  FASTGRU_RETURN_IF_ERROR(validate(options));
  optimizer_.set_learning_rate(learning_rate);
  return {};
}

template <class S>
Status Trainer<S>::restore(std::int64_t epoch, std::int64_t step_count, const S* first_moment,
                           const S* second_moment) {
  if (epoch < 0) return Status::invalid("epoch must be at least 0, got " + std::to_string(epoch));
  if (step_count < 0)
    return Status::invalid("step_count must be at least 0, got " + std::to_string(step_count));
  optimizer_.restore(step_count, first_moment, second_moment);
  epoch_ = epoch;
  return {};
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace fastgru
