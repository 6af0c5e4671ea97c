// A network: its current version, and a pool of predictors for its callers.
#include "nn/network.h"

#include <algorithm>
#include <utility>

#include "engine/checks.h"

namespace fastgru {

template <class S>
class Network<S>::Borrowed {
 public:
  explicit Borrowed(const Network& network) : network_(network) {
    {
      const std::lock_guard<std::mutex> lock(network_.mutex_);
      if (!network_.idle_.empty()) {
        predictor_ = std::move(network_.idle_.back());
        network_.idle_.pop_back();
      }
    }
    if (predictor_ == nullptr) predictor_ = std::make_unique<Predictor<S>>(network_.config());
  }
  ~Borrowed() {
    const std::lock_guard<std::mutex> lock(network_.mutex_);
    if (network_.idle_.size() < network_.idle_.capacity()) network_.idle_.push_back(std::move(predictor_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  Predictor<S>* operator->() { return predictor_.get(); }

 private:
  const Network& network_;
  std::unique_ptr<Predictor<S>> predictor_;
};

template <class S>
Network<S>::Network(const NetworkConfig& config) : layout_(std::make_shared<const NetworkLayout>(config)) {
  constexpr std::size_t kIdlePredictors = 4;  // callers beyond this number at once allocate anew
  idle_.reserve(kIdlePredictors);
  version_.scaling = std::make_shared<const Scaling>(Scaling::identity(config));
}

template <class S>
Status Network<S>::make(const NetworkConfig& config, std::shared_ptr<Network>& result) {
  FASTGRU_RETURN_IF_ERROR(validate(config));
  std::shared_ptr<Network> network(new Network(config));
  AlignedBuffer<S> zeros;
  if (!zeros.reserve(network->layout().total())) return out_of_memory();
  std::fill_n(zeros.data(), network->layout().total(), S(0));
  FASTGRU_RETURN_IF_ERROR(network->set_parameters(zeros.data()));
  result = std::move(network);
  return {};
}

template <class S>
Status Network<S>::make(const NetworkConfig& config, const S* flat, Scaling scaling,
                        std::shared_ptr<Network>& result) {
  FASTGRU_RETURN_IF_ERROR(validate(config));
  std::shared_ptr<Network> network(new Network(config));
  FASTGRU_RETURN_IF_ERROR(network->set_parameters(flat));
  FASTGRU_RETURN_IF_ERROR(network->set_scaling(std::move(scaling)));
  result = std::move(network);
  return {};
}

template <class S>
NetworkVersion<S> Network<S>::version() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return version_;
}

template <class S>
Status Network<S>::set_parameters(const S* flat) {
  std::shared_ptr<const NetworkParams<S>> fresh;
  FASTGRU_RETURN_IF_ERROR(NetworkParams<S>::make(layout_, flat, fresh));
  set_parameters(std::move(fresh));
  return {};
}

template <class S>
void Network<S>::set_parameters(std::shared_ptr<const NetworkParams<S>> fresh) {
  const std::lock_guard<std::mutex> lock(mutex_);
  version_.params.swap(fresh);  // `fresh` is a parameter: the old version dies after the lock
}

template <class S>
Status Network<S>::set_scaling(Scaling scaling) {
  FASTGRU_RETURN_IF_ERROR(validate(scaling, config()));
  auto fresh = std::make_shared<const Scaling>(std::move(scaling));
  const std::lock_guard<std::mutex> lock(mutex_);
  version_.scaling.swap(fresh);
  return {};
}

template <class S>
std::vector<SummaryLine> Network<S>::summary(bool standardized) const {
  std::vector<SummaryLine> lines;
  Chain<S>(config()).describe(standardized, lines);
  config().loss->describe(config(), lines);
  return lines;
}

template <class S>
Status Network<S>::predict(const SampleArray& x, const std::int64_t* lengths, bool raw, S* out,
                           const RunOptions& options) const {
  Borrowed predictor(*this);
  return predictor->predict(version(), x, lengths, raw, out, options);
}

template <class S>
Status Network<S>::inputs(const SampleArray& x, const std::int64_t* lengths, S* out,
                          const RunOptions& options) const {
  Borrowed predictor(*this);
  return predictor->inputs(version(), x, lengths, out, options);
}

template <class S>
Status Network<S>::evaluate(const TrainingData& data, const RunOptions& options, double& loss) const {
  Borrowed predictor(*this);
  return predictor->evaluate(version(), data, options, loss);
}

template <class S>
Status Network<S>::losses(const TrainingData& data, const RunOptions& options, double* out) const {
  Borrowed predictor(*this);
  return predictor->losses(version(), data, options, out);
}

template class Network<float>;
template class Network<double>;

}  // namespace fastgru
