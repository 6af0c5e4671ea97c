// A network: a chain of modules around a GRU, between raw units on both sides.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/predictor.h"
#include "nn/version.h"

namespace fastgru {

// Any number of threads may use one network at once: a call keeps the version it started with, a change makes
// a new one.
template <class S>
class Network {
 public:
  // All parameters 0, the scaling the identity.
  static Status make(const NetworkConfig& config, std::shared_ptr<Network>& result);
  // With these layout().total() parameters and this scaling.
  static Status make(const NetworkConfig& config, const S* flat, Scaling scaling,
                     std::shared_ptr<Network>& result);

  const NetworkLayout& layout() const { return *layout_; }
  const NetworkConfig& config() const { return layout_->config(); }
  std::shared_ptr<const NetworkLayout> shared_layout() const { return layout_; }
  NetworkVersion<S> version() const;

  Status set_parameters(const S* flat);  // layout().total() values
  void set_parameters(std::shared_ptr<const NetworkParams<S>> fresh);
  Status set_scaling(Scaling scaling);

  // What a sequence goes through, for people to read. `standardized`: whether x is scaled to a common spread.
  std::vector<SummaryLine> summary(bool standardized) const;

  // See Predictor::predict.
  Status predict(const SampleArray& x, const std::int64_t* lengths, bool raw, S* out,
                 const RunOptions& options) const;
  // See Predictor::inputs.
  Status inputs(const SampleArray& x, const std::int64_t* lengths, S* out, const RunOptions& options) const;
  // See Predictor::evaluate.
  Status evaluate(const TrainingData& data, const RunOptions& options, double& loss) const;

 private:
  explicit Network(const NetworkConfig& config);

  // A predictor that nobody else uses, given back when it goes out of scope.
  class Borrowed;

  std::shared_ptr<const NetworkLayout> layout_;
  mutable std::mutex mutex_;  // of everything below
  NetworkVersion<S> version_;
  mutable std::vector<std::unique_ptr<Predictor<S>>> idle_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace fastgru
