// The float64 engine: engine.h on the Eigen reference.
#include <new>
#include <string>

#include "engine/checks.h"
#include "engine/engine.h"
#include "reference/eigen_version.h"
#include "reference/gru_backward.h"
#include "reference/gru_reference.h"
#include "runtime/denormals.h"
#include "runtime/number_text.h"

namespace fastgru {

using reference::ForwardBuffers;
using reference::RowOrder;
using reference::StepScratch;
using reference::TapeData;

template <>
struct Weights<double>::Packed {
  explicit Packed(const GruConfig& config) : gru(config) {}
  reference::Gru<double> gru;
};

template <>
struct Tape<double>::State {
  TapeData<double> data;
  ForwardBuffers<double> buffers;
};

template <>
struct Workspace<double>::State {
  RowOrder order;
  ForwardBuffers<double> buffers;
};

template <>
struct Stream<double>::Impl {
  std::vector<double> state;  // (L, rows, H)
  StepScratch<double> scratch;
};

template <>
Weights<double>::Weights(const GruConfig& config) : packed_(std::make_unique<Packed>(config)) {}
template <>
Weights<double>::~Weights() = default;

template <>
Status Weights<double>::assign(const double* params) {
  if (params == nullptr) return Status::invalid("params has no data");
  try {
    packed_->gru.assign(params);
  } catch (const std::bad_alloc&) {
    return out_of_memory("the weights");
  }
  return {};
}

template <>
const ParamLayout& Weights<double>::layout() const {
  return packed_->gru.layout;
}
template <>
const double* Weights<double>::params() const {
  return packed_->gru.params.data();
}

template <>
Tape<double>::Tape() : state_(std::make_unique<State>()) {}
template <>
Tape<double>::~Tape() = default;
template <>
Tape<double>::Tape(Tape&&) noexcept = default;
template <>
Tape<double>& Tape<double>::operator=(Tape&&) noexcept = default;
template <>
bool Tape<double>::ready() const {
  return state_ != nullptr && state_->data.ready;
}
template <>
std::int64_t Tape<double>::steps() const {
  return state_->data.order.steps;
}
template <>
std::int64_t Tape<double>::rows() const {
  return state_->data.order.rows;
}

template <>
Workspace<double>::Workspace() : state_(std::make_unique<State>()) {}
template <>
Workspace<double>::~Workspace() = default;
template <>
Workspace<double>::Workspace(Workspace&&) noexcept = default;
template <>
Workspace<double>& Workspace<double>::operator=(Workspace&&) noexcept = default;

template <>
Status forward(const Weights<double>& weights, const ForwardArgs<double>& args, Workspace<double>& workspace,
               const RunOptions& options) {
  const FlushDenormals flush;
  FASTGRU_RETURN_IF_ERROR(check_forward(weights.config(), args, false));
  try {
    Workspace<double>::State& state = workspace.state();
    if (reference::forward<double>(weights.packed().gru, args, state.order, state.buffers, nullptr, options))
      return {};
    return Status::interrupted();
  } catch (const std::bad_alloc&) {
    return out_of_memory("a forward call");
  }
}

template <>
Status forward_train(const Weights<double>& weights, const ForwardArgs<double>& args,
                     std::uint64_t dropout_seed, Tape<double>& tape, const RunOptions& options) {
  const FlushDenormals flush;
  FASTGRU_RETURN_IF_ERROR(check_forward(weights.config(), args, true));
  try {
    Tape<double>::State& state = tape.state();
    state.data.ready = false;
    state.data.dropout_seed = dropout_seed;
    if (!reference::forward<double>(weights.packed().gru, args, state.data.order, state.buffers, &state.data,
                                    options)) {
      return Status::interrupted();
    }
    state.data.ready = true;
    return {};
  } catch (const std::bad_alloc&) {
    return out_of_memory("a forward call for training");
  }
}

template <>
Status backward(const Weights<double>& weights, Tape<double>& tape, const BackwardArgs<double>& args,
                const RunOptions& options) {
  const FlushDenormals flush;
  FASTGRU_RETURN_IF_ERROR(check_backward(weights.config(), tape, args));
  try {
    TapeData<double>& data = tape.state().data;
    data.ready = false;
    if (reference::backward(weights.packed().gru, data, args, options)) return {};
    return Status::interrupted();
  } catch (const std::bad_alloc&) {
    return out_of_memory("a backward call");
  }
}

template <>
Stream<double>::Stream(std::shared_ptr<const Weights<double>> weights, std::int64_t rows)
    : weights_(std::move(weights)), rows_(rows), impl_(std::make_unique<Impl>()) {
  const GruConfig& config = weights_->config();
  impl_->state.assign(static_cast<std::size_t>(config.num_layers * rows * config.hidden_size), 0.0);
  impl_->scratch.resize(rows, config.hidden_size);
}
template <>
Stream<double>::~Stream() = default;
template <>
Stream<double>::Stream(const Stream& other)
    : weights_(other.weights_), rows_(other.rows_), impl_(std::make_unique<Impl>(*other.impl_)) {}

template <>
void Stream<double>::step(const double* x, double* y, std::int64_t rows) noexcept {
  const FlushDenormals flush;
  const reference::Gru<double>& gru = weights_->packed().gru;
  const std::int64_t size = rows_ * gru.config().hidden_size;
  double* h = impl_->state.data();
  for (std::int64_t layer = 0; layer < gru.config().num_layers; ++layer, h += size) {
    const reference::Cell<double>& cell = gru.cell(layer, 0);
    reference::step(cell, x, cell.inputs, h, rows, impl_->scratch, {});
    x = h;
  }
  if (y != nullptr) std::copy_n(x, rows * gru.config().hidden_size, y);
}

template <>
void Stream<double>::get_state(double* state) const noexcept {
  std::copy(impl_->state.begin(), impl_->state.end(), state);
}
template <>
void Stream<double>::set_state(const double* state) noexcept {
  std::copy_n(state, impl_->state.size(), impl_->state.begin());
}
template <>
void Stream<double>::reset() noexcept {
  std::fill(impl_->state.begin(), impl_->state.end(), 0.0);
}

template <>
void Stream<double>::get_row(std::int64_t row, double* state) const noexcept {
  const std::int64_t hidden = weights_->config().hidden_size;
  const double* from = impl_->state.data() + row * hidden;
  for (std::int64_t layer = 0; layer < weights_->config().num_layers; ++layer, from += rows_ * hidden) {
    std::copy_n(from, hidden, state + layer * hidden);
  }
}
template <>
void Stream<double>::set_row(std::int64_t row, const double* state) noexcept {
  const std::int64_t hidden = weights_->config().hidden_size;
  double* to = impl_->state.data() + row * hidden;
  for (std::int64_t layer = 0; layer < weights_->config().num_layers; ++layer, to += rows_ * hidden) {
    std::copy_n(state + layer * hidden, hidden, to);
  }
}

template <>
std::string explain(const Weights<double>& weights, std::int64_t steps, std::int64_t rows, int num_threads) {
  const GruConfig& config = weights.config();
  RunOptions options;
  options.num_threads = num_threads;
  const double work = reference::forward_work(config, steps * rows);
  const reference::Team<double> team(options, work);
  std::string text = "GRU float64, forward,";
  const auto add = [&](const char* name, std::int64_t size) { text += name + std::to_string(size); };
  add(" T=", steps);
  add(" B=", rows);
  add(" I=", config.input_size);
  add(" H=", config.hidden_size);
  add(" L=", config.num_layers);
  add(" D=", config.directions());
  text += "\n  engine   Eigen reference; one chain per output, so a row's bits do not depend on its batch\n";
  add("  threads  ", team.threads());
  add(" over directions and groups of ", team.rows_per_item(rows));
  return text + " rows\n  work     " + number_text(work / 1e6) + " MFLOP\n";
}

// Eigen 5 numbers itself major.minor.patch; before, it was world.major.minor.
std::string eigen_version() {
#if defined(EIGEN_PATCH_VERSION)
  const int parts[] = {EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, EIGEN_PATCH_VERSION};
#else
  const int parts[] = {EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION};
#endif
  return std::to_string(parts[0]) + "." + std::to_string(parts[1]) + "." + std::to_string(parts[2]);
}

}  // namespace fastgru
