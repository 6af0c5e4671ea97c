// Streams of a network: each step is a walk over the modules whose step is not the identity.
#include "nn/stream.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/checks.h"
#include "runtime/denormals.h"

namespace fastgru {
template <class S>
NetworkStream<S>::NetworkStream(NetworkVersion<S> version, std::int64_t rows)
    : version_(std::move(version)), rows_(rows), chain_(version_.config()) {
  call_.params = version_.params->view();
  call_.scaling = version_.scaling.get();
  call_.steps = 0;
  call_.rows = rows;
}

template <class S>
Status NetworkStream<S>::make(NetworkVersion<S> version, std::int64_t rows,
                              std::unique_ptr<NetworkStream>& result) {
  const NetworkConfig& config = version.config();
  FASTGRU_RETURN_IF_ERROR(check_stream(config.gru, rows, sizeof(S)));
  std::unique_ptr<NetworkStream> fresh(new NetworkStream(std::move(version), rows));
  const NetworkVersion<S>& held = fresh->version_;
  FASTGRU_RETURN_IF_ERROR(fresh->chain_.reserve_stream(held.params->view(), held.params, rows));
  if (!fresh->row_steps_.reserve(rows)) return out_of_memory();
  std::fill_n(fresh->row_steps_.data(), rows, std::int64_t{0});
  if (held.config().framed() && !fresh->held_.reserve(fresh->held_values() + 1)) return out_of_memory();
  fresh->forget();
  result = std::move(fresh);
  return {};
}

template <class S>
Status NetworkStream<S>::copy(std::unique_ptr<NetworkStream>& result) const {
  std::unique_ptr<NetworkStream> fresh;
  FASTGRU_RETURN_IF_ERROR(make(version_, rows(), fresh));
  AlignedBuffer<char> state;
  if (!state.reserve(static_cast<std::int64_t>(state_bytes()))) return out_of_memory();
  save(state.data());
  fresh->restore(state.data());
  result = std::move(fresh);
  return {};
}

template <class S>
void NetworkStream<S>::reset() noexcept {
  call_.steps = 0;
  std::fill_n(row_steps_.data(), rows_, std::int64_t{0});
  for (Module<S>* module : chain_.stepping()) module->reset();
  forget();
}

template <class S>
std::size_t NetworkStream<S>::held_bytes() const noexcept {
  return config().framed() ? static_cast<std::size_t>(held_values() + 1) * sizeof(S) : 0;
}

template <class S>
void NetworkStream<S>::forget() noexcept {
  if (!config().framed()) return;
  std::fill_n(held_.data(), held_values(), std::numeric_limits<S>::quiet_NaN());
  held_.data()[held_values()] = S(0);
}

template <class S>
Module<S>& NetworkStream<S>::recurrent() const noexcept {
  std::size_t i = 0;
  while (!chain_.stepping()[i]->has_state()) ++i;
  return *chain_.stepping()[i];
}

template <class S>
void NetworkStream<S>::get_state(S* state) const noexcept {
  recurrent().save(reinterpret_cast<char*>(state));
}

template <class S>
void NetworkStream<S>::set_state(const S* state) noexcept {
  recurrent().restore(reinterpret_cast<const char*>(state));
}

template <class S>
bool NetworkStream<S>::state_is_more() const noexcept {
  return state_bytes() > sizeof(call_.steps) + recurrent().state_bytes() + held_bytes();
}

template <class S>
std::size_t NetworkStream<S>::state_bytes() const noexcept {
  std::size_t bytes = sizeof(call_.steps) + held_bytes();
  for (const Module<S>* module : chain_.stepping()) bytes += module->state_bytes();
  return bytes;
}

template <class S>
void NetworkStream<S>::save(void* to) const noexcept {
  auto* bytes = static_cast<char*>(to);
  std::memcpy(bytes, &call_.steps, sizeof(call_.steps));
  bytes += sizeof(call_.steps);
  for (const Module<S>* module : chain_.stepping()) {
    module->save(bytes);
    bytes += module->state_bytes();
  }
  std::copy_n(reinterpret_cast<const char*>(held_.data()), held_bytes(), bytes);
}

template <class S>
void NetworkStream<S>::restore(const void* from) noexcept {
  const auto* bytes = static_cast<const char*>(from);
  std::memcpy(&call_.steps, bytes, sizeof(call_.steps));
  bytes += sizeof(call_.steps);
  for (Module<S>* module : chain_.stepping()) {
    module->restore(bytes);
    bytes += module->state_bytes();
  }
  std::copy_n(bytes, held_bytes(), reinterpret_cast<char*>(held_.data()));
}

template <class S>
std::size_t NetworkStream<S>::row_bytes() const noexcept {
  std::size_t bytes = sizeof(call_.steps);
  for (const Module<S>* module : chain_.stepping()) bytes += module->row_bytes();
  return bytes + (config().framed() ? static_cast<std::size_t>(config().logits() + 1) * sizeof(S) : 0);
}

template <class S>
void NetworkStream<S>::save_row(std::int64_t row, void* to) const noexcept {
  auto* bytes = static_cast<char*>(to);
  std::memcpy(bytes, row_steps_.data() + row, sizeof(call_.steps));
  bytes += sizeof(call_.steps);
  for (const Module<S>* module : chain_.stepping()) {
    module->save_row(row, bytes);
    bytes += module->row_bytes();
  }
  if (!config().framed()) return;
  const auto answer = static_cast<std::size_t>(config().logits()) * sizeof(S);
  std::memcpy(bytes, held_.data() + row * config().logits(), answer);
  std::memcpy(bytes + answer, held_.data() + held_values(), sizeof(S));
}

template <class S>
void NetworkStream<S>::restore_row(std::int64_t row, const void* from) noexcept {
  const auto* bytes = static_cast<const char*>(from);
  std::memcpy(row_steps_.data() + row, bytes, sizeof(call_.steps));
  bytes += sizeof(call_.steps);
  for (Module<S>* module : chain_.stepping()) {
    module->restore_row(row, bytes);
    bytes += module->row_bytes();
  }
  if (!config().framed()) return;
  const auto answer = static_cast<std::size_t>(config().logits()) * sizeof(S);
  std::memcpy(held_.data() + row * config().logits(), bytes, answer);
  std::memcpy(held_.data() + held_values(), bytes + answer, sizeof(S));
}

// The input encoder is the first module, and its state begins with that number.
template <class S>
std::int64_t NetworkStream<S>::phase(const void* row) const noexcept {
  std::int64_t until = 0;
  if (config().framed()) {
    std::memcpy(&until, static_cast<const char*>(row) + sizeof(call_.steps), sizeof(until));
  }
  return until;
}

template <class S>
bool NetworkStream<S>::answered(const void* row) const noexcept {
  if (!config().framed()) return true;
  S flag;
  std::memcpy(&flag, static_cast<const char*>(row) + row_bytes() - sizeof(S), sizeof(S));
  return flag != S(0);
}

template <class S>
void NetworkStream<S>::count_step(std::int64_t by) noexcept {
  call_.steps += by;
  if (call_.row_steps == nullptr) return;
  for (std::int64_t b = 0; b < call_.rows; ++b) row_steps_.data()[b] += by;
}

template <class S>
StepSignal<S> NetworkStream<S>::walk(const void* x, SampleType type) noexcept {
  count_step(1);
  StepSignal<S> signal;
  signal.raw = x;
  signal.type = type;
  chain_.step(call_, signal);
  return signal;
}

template <class S>
template <class X>
const S* NetworkStream<S>::advance(const X* x) noexcept {
  const FlushDenormals flush;
  return walk(x, sample_type<X>()).values;
}

template <class S>
void NetworkStream<S>::run(const void* x, SampleType type, S* y) noexcept {
  const FlushDenormals flush;
  const StepSignal<S> signal = walk(x, type);
  const NetworkConfig& c = config();
  const std::int64_t held = c.framed() ? call_.rows * c.logits() : 0;
  if (c.framed()) held_.data()[held_values()] = signal.pending ? S(0) : S(1);
  if (signal.pending) {
    count_step(-1);
    std::copy_n(held_.data(), held, y);
    return;
  }
  c.loss->predict(c, *version_.scaling, signal.values, call_.rows, y);
  std::copy_n(y, held, held_.data());
}

template <class S>
template <class X>
void NetworkStream<S>::step(const X* x, S* y) noexcept {
  run(x, sample_type<X>(), y);
}

template <class S>
template <class X>
void NetworkStream<S>::step_rows(const X* x, S* y, std::int64_t rows) noexcept {
  call_.rows = rows;
  call_.row_steps = row_steps_.data();
  run(x, sample_type<X>(), y);
  call_.rows = rows_;
  call_.row_steps = nullptr;
}

template class NetworkStream<float>;
template class NetworkStream<double>;
template void NetworkStream<float>::step(const float*, float*) noexcept;
template void NetworkStream<float>::step(const double*, float*) noexcept;
template void NetworkStream<float>::step(const std::int64_t*, float*) noexcept;
template void NetworkStream<double>::step(const float*, double*) noexcept;
template void NetworkStream<double>::step(const double*, double*) noexcept;
template void NetworkStream<double>::step(const std::int64_t*, double*) noexcept;
template void NetworkStream<float>::step_rows(const float*, float*, std::int64_t) noexcept;
template void NetworkStream<float>::step_rows(const double*, float*, std::int64_t) noexcept;
template void NetworkStream<double>::step_rows(const float*, double*, std::int64_t) noexcept;
template void NetworkStream<double>::step_rows(const double*, double*, std::int64_t) noexcept;
template const float* NetworkStream<float>::advance(const std::int64_t*) noexcept;
template const double* NetworkStream<double>::advance(const std::int64_t*) noexcept;

}  // namespace fastgru
