// The dense head: its weights packed for the kernels, and its products.
#include "nn/modules/dense.h"

#include <algorithm>
#include <string>

#include "engine/checks.h"
#include "nn/network_config.h"
#include "runtime/threads.h"

namespace fastgru {

Status HeadOptions::check_head() const {
  if (output_size >= 1) return {};
  return Status::invalid("output_size must be at least 1, got " + std::to_string(output_size));
}

Status HeadOptions::check_tied(std::int64_t vocabulary_size, std::int64_t input_size,
                               std::int64_t head_inputs, std::int64_t logits) const {
  if (!tied_embedding || (vocabulary_size == logits && input_size == head_inputs)) return {};
  return Status::invalid(
      "tied_embedding needs one logit for each token and an embedding as wide as the head's input; got "
      "vocabulary_size=" +
      std::to_string(vocabulary_size) + ", " + std::to_string(logits) + " logits, input_size=" +
      std::to_string(input_size) + " and " + std::to_string(head_inputs) + " inputs of the head");
}

template <class S>
Dense<S>::Dense(const NetworkConfig& config)
    : inputs_(config.head_inputs()),
      outputs_(config.logits()),
      every_step_(config.sequence),
      tied_(config.tied_embedding) {}

template <class S>
std::vector<ParamSlot> Dense<S>::parameters() const {
  if (tied_) return {{"head.bias", outputs_, 0, 0}};
  return {{"head.weight", outputs_, inputs_, 0}, {"head.bias", outputs_, 0, outputs_ * inputs_}};
}

template <class S>
void Dense<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  lines.push_back({tied_ ? "dense, tied to the embedding" : "dense", summary_shape(every_step_, outputs_),
                   tied_ ? outputs_ : outputs_ * (inputs_ + 1)});
}

template <class S>
std::unique_ptr<PackedParameters<S>> Dense<S>::make_packed() const {
  return std::make_unique<DenseLayer<S>>(inputs_, outputs_, weight_offset(), bias_offset());
}

template <class S>
Status Dense<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  const std::int64_t vectors = every_step_ ? steps * rows : rows;
  if (!product_fits({vectors, outputs_, sizeof(S)})) return out_of_memory();
  const bool fits =
      logits_.reserve(rows_at_once(vectors) * outputs_) && d_x_.reserve(training ? vectors * inputs_ : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status Dense<S>::reserve_stream(const Parameters<S>&, const std::shared_ptr<const void>&, std::int64_t rows) {
  if (!product_fits({rows, outputs_, sizeof(S)})) return out_of_memory();
  return logits_.reserve(rows * outputs_) ? Status() : out_of_memory();
}

template <class S>
void Dense<S>::compute(const ModuleCall<S>& call, const S* x, std::int64_t rows, int threads) noexcept {
  this->template packed<DenseLayer<S>>(call.params)
      .forward(call.params.flat, x, rows, threads, logits_.data());
}

template <class S>
Status Dense<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  if (!logits_.reserve(in.count() * outputs_)) return out_of_memory();
  x_ = in;
  out = in;
  out.width = outputs_;
  out.values = logits_.data();
  compute(call, in.values, in.count(), usable_threads(call.options.num_threads));
  return {};
}

template <class S>
S* Dense<S>::forward_rows(const ModuleCall<S>& call, const Signal<S>& in, std::int64_t first,
                          std::int64_t rows) noexcept {
  compute(call, in.values + first * inputs_, rows, usable_threads(call.options.num_threads));
  return logits_.data();
}

template <class S>
Status Dense<S>::backward_rows(const ModuleCall<S>& call, const Signal<S>& in, std::int64_t first,
                               std::int64_t rows, const S* d_logits, S* gradient) {
  const int threads = usable_threads(call.options.num_threads);
  if (!scratch_.reserve(DenseLayer<S>::scratch_size(threads))) return out_of_memory();
  DenseGradients<S> g;
  g.x = in.values + first * inputs_;
  g.dy = d_logits;
  g.rows = rows;
  g.adds = first > 0;
  g.scratch = scratch_.data();
  g.dx = d_x_.data() + first * inputs_;
  g.gradient = gradient;
  this->template packed<DenseLayer<S>>(call.params).backward(call.params.flat, g, threads);
  return {};
}

template <class S>
SequenceView<S> Dense<S>::input_gradient_of(const Signal<S>& in) {
  return dense_view(d_x_.data(), in.steps, in.rows, inputs_);
}

template <class S>
Status Dense<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                          S* gradient) {
  FASTGRU_RETURN_IF_ERROR(backward_rows(call, x_, 0, x_.count(), out.values.data, gradient));
  if (in != nullptr) in->values = input_gradient_of(x_);
  return {};
}

template <class S>
void Dense<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  compute(call, signal.values, call.rows, 1);
  signal.values = logits_.data();
}

template class Dense<float>;
template class Dense<double>;

}  // namespace fastgru
