// The dense head: its weights packed for the kernels, and its products.
#include "nn/modules/dense.h"

#include <algorithm>
#include <string>

#include "engine/checks.h"
#include "kernels/dense.h"
#include "kernels/dispatch.h"
#include "nn/network_config.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// float32: the kernels' packed weights and products. Other types: plain loops.
template <class S>
class PackedDense final : public PackedParameters<S> {
 public:
  PackedDense(std::int64_t inputs, std::int64_t outputs, std::int64_t offset)
      : inputs_(inputs), outputs_(outputs), offset_(offset) {}
  Status assign(const S* flat) override;

  void forward(const S* flat, const S* x, std::int64_t rows, int threads, S* y) const noexcept;
  // scratch: scratch_size() values.
  static std::int64_t scratch_size(int threads);
  void backward(const S* flat, const S* x, const S* dy, std::int64_t rows, int threads, S* scratch, S* dx,
                S* gradient) const noexcept;

 private:
  std::int64_t inputs_, outputs_, offset_;
  const KernelTable* kernels_ = &active_kernels();
  AlignedBuffer<S> packed_;
};

template <>
Status PackedDense<float>::assign(const float* flat) {
  if (!packed_.reserve(dense_packed_size(*kernels_, inputs_, outputs_))) return out_of_memory();
  DensePackArgs p;
  p.inputs = inputs_;
  p.outputs = outputs_;
  p.weight = flat + offset_;
  p.weights = packed_.data();
  dense_pack(*kernels_, p, 1);  // 0.24 ms for 256 inputs and 5 000 outputs, whose step takes 100
  return {};
}

template <>
void PackedDense<float>::forward(const float* flat, const float* x, std::int64_t rows, int threads,
                                 float* y) const noexcept {
  DenseForwardArgs d;
  d.rows = rows;
  d.inputs = d.x_stride = inputs_;
  d.outputs = d.y_stride = outputs_;
  d.x = x;
  d.weights = packed_.data();
  d.bias = flat + offset_ + outputs_ * inputs_;
  d.y = y;
  dense_forward(*kernels_, d, threads);
}

template <>
std::int64_t PackedDense<float>::scratch_size(int threads) {
  return dense_scratch_size(threads);
}

template <>
void PackedDense<float>::backward(const float* flat, const float* x, const float* dy, std::int64_t rows,
                                  int threads, float* scratch, float* dx, float* gradient) const noexcept {
  DenseInputArgs d;
  d.rows = rows;
  d.inputs = d.weight_stride = d.dx_stride = inputs_;
  d.outputs = d.dy_stride = outputs_;
  d.dy = dy;
  d.weight = flat + offset_;
  d.dx = dx;
  d.pack = scratch;
  dense_backward_input(*kernels_, d, threads);
  DenseWeightArgs w;
  w.rows = rows;
  w.inputs = w.x_stride = w.dw_stride = inputs_;
  w.outputs = w.dy_stride = outputs_;
  w.x = x;
  w.dy = dy;
  w.dw = gradient + offset_;
  w.dbias = w.dw + outputs_ * inputs_;
  w.pack = scratch;
  dense_backward_weights(*kernels_, w, threads);
}

template <>
Status PackedDense<double>::assign(const double*) {
  return {};
}

// Every logit is one chain of sums: the bias, then the inputs in order.
template <>
void PackedDense<double>::forward(const double* flat, const double* x, std::int64_t rows, int /*threads*/,
                                  double* y) const noexcept {
  const double* weight = flat + offset_;
  const double* bias = weight + outputs_ * inputs_;
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < outputs_; ++o) {
      double sum = bias[o];
      for (std::int64_t k = 0; k < inputs_; ++k) {
        sum += x[b * inputs_ + k] * weight[o * inputs_ + k];
      }
      y[b * outputs_ + o] = sum;
    }
  }
}

template <>
std::int64_t PackedDense<double>::scratch_size(int) {
  return 0;
}

// dL/dx is summed in the order of the outputs, dL/dW and dL/db in the order of the rows.
template <>
void PackedDense<double>::backward(const double* flat, const double* x, const double* dy, std::int64_t rows,
                                   int /*threads*/, double* /*scratch*/, double* dx,
                                   double* gradient) const noexcept {
  const double* weight = flat + offset_;
  double* d_weight = gradient + offset_;
  double* d_bias = d_weight + outputs_ * inputs_;
  std::fill_n(d_weight, outputs_ * (inputs_ + 1), 0.0);
  std::fill_n(dx, rows * inputs_, 0.0);
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < outputs_; ++o) {
      const double d = dy[b * outputs_ + o];
      d_bias[o] += d;
      for (std::int64_t k = 0; k < inputs_; ++k) {
        dx[b * inputs_ + k] += d * weight[o * inputs_ + k];
        d_weight[o * inputs_ + k] += d * x[b * inputs_ + k];
      }
    }
  }
}

}  // namespace

Status HeadOptions::check_head() const {
  if (output_size >= 1) return {};
  return Status::invalid("output_size must be at least 1, got " + std::to_string(output_size));
}

template <class S>
Dense<S>::Dense(const NetworkConfig& config)
    : inputs_(config.head_inputs()), outputs_(config.logits()), every_step_(config.sequence) {}

template <class S>
std::vector<ParamSlot> Dense<S>::parameters() const {
  return {{"head.weight", outputs_, inputs_, 0}, {"head.bias", outputs_, 0, outputs_ * inputs_}};
}

template <class S>
void Dense<S>::describe(bool /*standardized*/, std::vector<SummaryLine>& lines) const {
  lines.push_back({"dense", summary_shape(every_step_, outputs_), outputs_ * (inputs_ + 1)});
}

template <class S>
std::unique_ptr<PackedParameters<S>> Dense<S>::make_packed() const {
  return std::make_unique<PackedDense<S>>(inputs_, outputs_, this->offset());
}

template <class S>
Status Dense<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  const std::int64_t vectors = every_step_ ? steps * rows : rows;
  if (!product_fits({vectors, outputs_, sizeof(S)})) return out_of_memory();
  const bool fits = logits_.reserve(vectors * outputs_) && d_x_.reserve(training ? vectors * inputs_ : 0);
  return fits ? Status() : out_of_memory();
}

template <class S>
void Dense<S>::compute(const ModuleCall<S>& call, const S* x, std::int64_t rows, int threads) noexcept {
  this->template packed<PackedDense<S>>(call.params)
      .forward(call.params.flat, x, rows, threads, logits_.data());
}

template <class S>
Status Dense<S>::forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  x_ = in;
  out = in;
  out.width = outputs_;
  out.values = logits_.data();
  compute(call, in.values, in.count(), usable_threads(call.options.num_threads));
  return {};
}

template <class S>
Status Dense<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                          S* gradient) {
  const PackedDense<S>& packed = this->template packed<PackedDense<S>>(call.params);
  const int threads = usable_threads(call.options.num_threads);
  if (!scratch_.reserve(packed.scratch_size(threads))) return out_of_memory();
  packed.backward(call.params.flat, x_.values, out.values.data, x_.count(), threads, scratch_.data(),
                  d_x_.data(), gradient);
  if (in != nullptr) in->values = dense_view(d_x_.data(), x_.steps, x_.rows, inputs_);
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
