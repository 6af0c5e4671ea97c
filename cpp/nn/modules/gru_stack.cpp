// The GRU stack: calls of the engine, with the tape and workspace of one caller.
#include "nn/modules/gru_stack.h"

#include <string>

#include "engine/checks.h"
#include "nn/network_config.h"

namespace fastgru {
namespace {

template <class S>
class PackedGru final : public PackedParameters<S> {
 public:
  PackedGru(const GruConfig& config, std::int64_t offset) : weights_(config), offset_(offset) {}
  Status assign(const S* flat) override { return weights_.assign(flat + offset_); }
  const Weights<S>& weights() const { return weights_; }

 private:
  Weights<S> weights_;
  std::int64_t offset_;
};

}  // namespace

template <class S>
GruStack<S>::GruStack(const NetworkConfig& config)
    : gru_(config.gru), reads_all_steps_(config.reads_all_steps()) {}

template <class S>
std::vector<ParamSlot> GruStack<S>::parameters() const {
  std::vector<ParamSlot> slots = ParamLayout(gru_).slots();
  for (ParamSlot& slot : slots) slot.name = "gru." + slot.name;
  return slots;
}

template <class S>
void GruStack<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  for (std::int64_t layer = 0; layer < gru_.num_layers; ++layer) {
    std::string name = gru_.num_layers > 1 ? "GRU " + std::to_string(layer + 1) : "GRU";
    if (gru_.bidirectional) name += ", both directions";
    const std::string here = "_l" + std::to_string(layer);
    std::int64_t count = 0;
    for (const ParamSlot& slot : parameters()) {
      const std::string tail = slot.name.substr(slot.name.find("_l"));
      if (tail == here || tail == here + "_reverse") count += slot.size();
    }
    lines.push_back({name, summary_shape(true, width()), count});
    if (gru_.dropout > 0 && layer + 1 < gru_.num_layers) {
      lines.push_back({dropout_text("dropout", gru_.dropout), summary_shape(true, width()), 0});
    }
  }
}

template <class S>
std::unique_ptr<PackedParameters<S>> GruStack<S>::make_packed() const {
  return std::make_unique<PackedGru<S>>(gru_, this->offset());
}

template <class S>
Status GruStack<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  FASTGRU_RETURN_IF_ERROR(check_memory(gru_, steps, rows, sizeof(S)));
  const std::int64_t all_states = gru_.num_layers * rows * width();
  const bool fits = y_.reserve(training || reads_all_steps_ ? steps * rows * width() : 0) &&
                    h_n_.reserve(all_states) && entering_.reserve(training ? all_states : 0) &&
                    d_x_.reserve(training && this->input_gradient() ? steps * rows * gru_.input_size : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
Status GruStack<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  const Weights<S>& weights = this->template packed<PackedGru<S>>(call.params).weights();
  ForwardArgs<S> args;
  args.x = dense_view(in.values, call.steps, call.rows, gru_.input_size);
  args.h0 = call.continues ? entering_.data() : nullptr;
  args.lengths = call.lengths;
  args.h_n = h_n_.data();
  if (call.training || reads_all_steps_) args.y = dense_view(y_.data(), call.steps, call.rows, width());
  out.steps = call.steps;
  out.rows = call.rows;
  out.width = width();
  out.values = args.y.data;
  out.last = h_n_.data();
  if (call.training) return forward_train(weights, args, call.seed, tape_, call.options);
  return fastgru::forward(weights, args, workspace_, call.options);
}

template <class S>
Status GruStack<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                             S* gradient) {
  const SequenceView<S>& dy = out.values;
  BackwardArgs<S> args;
  args.dy = {dy.data, dy.steps, dy.rows, dy.features, dy.step_stride, dy.row_stride};
  args.dh_n = out.last;
  args.dparams = gradient + this->offset();
  if (in != nullptr) {
    args.dx = dense_view(d_x_.data(), call.steps, call.rows, gru_.input_size);
    in->values = args.dx;
  }
  return fastgru::backward(this->template packed<PackedGru<S>>(call.params).weights(), tape_, args,
                           call.options);
}

template <class S>
Status GruStack<S>::reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                                   std::int64_t rows) {
  FASTGRU_RETURN_IF_ERROR(check_stream(gru_, rows, sizeof(S)));
  if (!h_.reserve(rows * gru_.hidden_size)) return out_of_memory();
  const Weights<S>& weights = this->template packed<PackedGru<S>>(params).weights();
  stream_ = std::make_unique<Stream<S>>(std::shared_ptr<const Weights<S>>(owner, &weights), rows);
  return {};
}

template <class S>
void GruStack<S>::step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
  stream_->step(signal.values, h_.data(), call.rows);
  signal.values = h_.data();
}

template <class S>
std::size_t GruStack<S>::state_bytes() const noexcept {
  return static_cast<std::size_t>(stream_->rows()) * row_bytes();
}

template class GruStack<float>;
template class GruStack<double>;

}  // namespace fastgru
