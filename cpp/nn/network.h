// A network: a chain of modules (input encoder, embedding, GRU stack, pooling, dense head) and a loss, from X
// in raw units to predictions in units of y, probabilities or logits.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/predictor.h"
#include "nn/version.h"

namespace fastgru {

// Any number of threads may use one network at once. A call keeps the version that it started with; a change
// makes a new version.
template <class S>
class Network {
 public:
  // Makes a network whose parameters are 0 and whose scaling is the identity.
  static Status make(const NetworkConfig& config, std::shared_ptr<Network>& result);
  // Makes a network with these layout().total() parameters and this scaling.
  static Status make(const NetworkConfig& config, const S* flat, Scaling scaling,
                     std::shared_ptr<Network>& result);

  const NetworkLayout& layout() const { return *layout_; }
  const NetworkConfig& config() const { return layout_->config(); }
  std::shared_ptr<const NetworkLayout> shared_layout() const { return layout_; }
  NetworkVersion<S> version() const;

  Status set_parameters(const S* flat);  // layout().total() values
  void set_parameters(std::shared_ptr<const NetworkParams<S>> fresh);
  Status set_scaling(Scaling scaling);

  // The stages that a sequence passes, as text. `standardized`: whether x is scaled to a common spread.
  std::vector<SummaryLine> summary(bool standardized) const;

  // See Predictor::predict.
  Status predict(const SampleArray& x, const std::int64_t* lengths, bool raw, S* out,
                 const RunOptions& options) const;
  // See Predictor::inputs.
  Status inputs(const SampleArray& x, const std::int64_t* lengths, S* out, const RunOptions& options) const;
  // See Predictor::evaluate.
  Status evaluate(const TrainingData& data, const RunOptions& options, double& loss) const;
  // See Predictor::losses.
  Status losses(const TrainingData& data, const RunOptions& options, double* out) const;

 private:
  explicit Network(const NetworkConfig& config);

  // Exclusive use of a predictor, which returns to the pool at the end of the scope.
  class Borrowed;

  std::shared_ptr<const NetworkLayout> layout_;
  mutable std::mutex mutex_;  // guards everything below
  NetworkVersion<S> version_;
  mutable std::vector<std::unique_ptr<Predictor<S>>> idle_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace fastgru
