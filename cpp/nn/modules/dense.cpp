// The dense head: its weights packed for the kernels, and its products.
#include "nn/modules/dense.h"

#include <algorithm>
#include <string>

#include "engine/checks.h"
#include "kernels/dense.h"
#include "kernels/dispatch.h"
#include "nn/network_config.h"
#include "runtime/denormals.h"

namespace fastgru {
namespace {

// float32: the kernels' packed weights and products. Other types: plain loops.
template <class S>
class PackedDense final : public PackedParameters<S> {
 public:
  PackedDense(const DenseShape& shape, std::int64_t offset) : shape_(shape), offset_(offset) {}
  Status assign(const S* flat) override;

  // scratch: scratch_size() values.
  void forward(const S* flat, const S* x, std::int64_t rows, int threads, S* y) const noexcept;
  std::int64_t scratch_size(int threads) const;
  void backward(const S* flat, const S* x, const S* dy, std::int64_t rows, int threads, S* scratch, S* dx,
                S* gradient) const noexcept;

 private:
  DenseShape shape_;
  std::int64_t offset_;
  const KernelTable* kernels_ = &active_kernels();
  AlignedBuffer<S> packed_;
};

template <>
Status PackedDense<float>::assign(const float* flat) {
  if (!packed_.reserve(dense_packed_size(*kernels_, shape_))) return out_of_memory();
  dense_pack(*kernels_, shape_, flat + offset_, packed_.data());
  return {};
}

template <>
void PackedDense<float>::forward(const float* flat, const float* x, std::int64_t rows, int threads,
                                 float* y) const noexcept {
  DenseForward d;
  d.x = x;
  d.rows = rows;
  d.packed = packed_.data();
  d.bias = flat + offset_ + shape_.outputs * shape_.inputs;
  d.y = y;
  d.threads = threads;
  dense_forward(*kernels_, shape_, d);
}

template <>
std::int64_t PackedDense<float>::scratch_size(int threads) const {
  return dense_scratch_size(*kernels_, shape_, threads);
}

template <>
void PackedDense<float>::backward(const float* flat, const float* x, const float* dy, std::int64_t rows,
                                  int threads, float* scratch, float* dx, float* gradient) const noexcept {
  DenseBackward d;
  d.x = x;
  d.dy = dy;
  d.rows = rows;
  d.weight = flat + offset_;
  d.dx = dx;
  d.dweight = gradient + offset_;
  d.dbias = d.dweight + shape_.outputs * shape_.inputs;
  d.scratch = scratch;
  d.threads = threads;
  dense_backward(*kernels_, shape_, d);
}

template <>
Status PackedDense<double>::assign(const double*) {
  return {};
}

// Every logit is one chain of sums, the bias first, then in the order of the inputs.
template <>
void PackedDense<double>::forward(const double* flat, const double* x, std::int64_t rows, int /*threads*/,
                                  double* y) const noexcept {
  const double* weight = flat + offset_;
  const double* bias = weight + shape_.outputs * shape_.inputs;
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < shape_.outputs; ++o) {
      double sum = bias[o];
      for (std::int64_t k = 0; k < shape_.inputs; ++k) {
        sum += x[b * shape_.inputs + k] * weight[o * shape_.inputs + k];
      }
      y[b * shape_.outputs + o] = sum;
    }
  }
}

template <>
std::int64_t PackedDense<double>::scratch_size(int) const {
  return 0;
}

// Sums in the order of the outputs, and of the rows.
template <>
void PackedDense<double>::backward(const double* flat, const double* x, const double* dy, std::int64_t rows,
                                   int /*threads*/, double* /*scratch*/, double* dx,
                                   double* gradient) const noexcept {
  const std::int64_t inputs = shape_.inputs, outputs = shape_.outputs;
  const double* weight = flat + offset_;
  double* d_weight = gradient + offset_;
  double* d_bias = d_weight + outputs * inputs;
  std::fill_n(d_weight, outputs * (inputs + 1), 0.0);
  std::fill_n(dx, rows * inputs, 0.0);
  for (std::int64_t b = 0; b < rows; ++b) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      const double d = dy[b * outputs + o];
      d_bias[o] += d;
      for (std::int64_t k = 0; k < inputs; ++k) {
        dx[b * inputs + k] += d * weight[o * inputs + k];
        d_weight[o * inputs + k] += d * x[b * inputs + k];
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
  return std::make_unique<PackedDense<S>>(DenseShape{inputs_, outputs_}, this->offset());
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
  const FlushDenormals flush;
  x_ = in;
  out = in;
  out.width = outputs_;
  out.values = logits_.data();
  compute(call, in.values, in.count(),
          dense_threads({inputs_, outputs_}, in.count(), call.options.num_threads));
  return {};
}

template <class S>
Status Dense<S>::backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                          S* gradient) {
  const FlushDenormals flush;
  const PackedDense<S>& packed = this->template packed<PackedDense<S>>(call.params);
  const int threads = dense_threads({inputs_, outputs_}, x_.count(), call.options.num_threads);
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
