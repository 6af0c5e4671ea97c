// Dropout between modules.
#include "nn/modules/dropout.h"

#include <string>

#include "engine/checks.h"
#include "engine/dropout.h"
#include "nn/network_config.h"
#include "runtime/number_text.h"

namespace fastgru {
namespace {

Status check_share(const char* name, double p) {
  if (p >= 0.0 && p < 1.0) return {};
  return Status::invalid(std::string(name) + " must be in [0, 1), got " + number_text(p));
}

}  // namespace

Status DropoutOptions::check_dropout() const {
  FASTGRU_RETURN_IF_ERROR(check_share("head_dropout", head_dropout));
  return check_share("input_dropout", input_dropout);
}

std::string dropout_text(const char* name, double p) { return std::string(name) + " " + number_text(p); }

template <class S>
void Dropout<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  lines.push_back({dropout_text(name_, p_), summary_shape(every_step_, width_), 0});
}

template <class S>
Status Dropout<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  const std::int64_t vectors = every_step_ ? steps * rows : rows;
  return dropped_.reserve(training ? vectors * width_ : 0) ? Status() : out_of_memory();
}

// The output has its own memory, because a GRU's tape refers to its states.
template <class S>
Status Dropout<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  out = in;
  if (!call.drops) return {};
  count_ = in.count() * in.width;
  dropout(in.values, dropped_.data(), count_, 0, p_, call.seed, stream_);
  out.values = dropped_.data();
  return {};
}

template <class S>
Status Dropout<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                            S* /*gradient*/) {
  if (in == nullptr) return {};
  *in = out;
  dropout(out.values.data, out.values.data, count_, 0, p_, call.seed, stream_);
  return {};
}

template <class S>
InputDropout<S>::InputDropout(const NetworkConfig& config)
    : Dropout<S>("input dropout", config.input_dropout, RandomStream::dropout_input, config.gru.input_size,
                 true) {}

template <class S>
bool InputDropout<S>::wanted(const NetworkConfig& config) {
  return config.input_dropout > 0.0;
}

template <class S>
HeadDropout<S>::HeadDropout(const NetworkConfig& config)
    : Dropout<S>("dropout", config.head_dropout, RandomStream::dropout_head, config.head_inputs(),
                 config.sequence) {}

template <class S>
bool HeadDropout<S>::wanted(const NetworkConfig& config) {
  return config.head_dropout > 0.0;
}

template class Dropout<float>;
template class Dropout<double>;
template class InputDropout<float>;
template class InputDropout<double>;
template class HeadDropout<float>;
template class HeadDropout<double>;

}  // namespace fastgru
