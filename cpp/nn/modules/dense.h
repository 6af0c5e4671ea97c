// The dense head: logits = x W^T + b.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/modules/dense_layer.h"
#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

struct HeadOptions {
  std::int64_t output_size = 1;  // columns of y; for a loss over classes: the number of classes
  // The head's weight is the embedding's: a token's logit is the product with its vector (Press and Wolf,
  // "Using the output embedding to improve language models", EACL 2017).
  bool tied_embedding = false;

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("output_size", self.output_size, field::Whole{1}, field::kAlways);
    visit("tied_embedding", self.tied_embedding, field::Flag{}, field::kLater);
  }

  Status check_head() const;
  Status check_tied(std::int64_t vocabulary_size, std::int64_t input_size, std::int64_t head_inputs,
                    std::int64_t logits) const;
};

// "head.weight" (logits, head_inputs), unless it is the embedding's, and "head.bias" (logits).
template <class S>
class Dense final : public Module<S> {
 public:
  explicit Dense(const NetworkConfig& config);

  std::vector<ParamSlot> parameters() const override;
  std::unique_ptr<PackedParameters<S>> make_packed() const override;
  void describe(bool standardized, std::vector<SummaryLine>& lines) const override;
  Status reserve(std::int64_t steps, std::int64_t rows, bool training) override;
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override;
  Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                  S* gradient) override;
  Status reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                        std::int64_t rows) override;
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept override;

  // The same for some of the rows of forward()'s input `in`, from `first` on, so that the logits of all rows
  // are never in memory at once (1 120 rows of 20 000 classes are 90 MB). The logits stay until the next call
  // and may be changed. backward_rows() must get all rows, in order and in pieces of rows_at_once(all); the
  // bits are those of one piece.
  std::int64_t rows_at_once(std::int64_t rows) const { return DenseLayer<S>::rows_at_once(rows, outputs_); }
  S* forward_rows(const ModuleCall<S>& call, const Signal<S>& in, std::int64_t first,
                  std::int64_t rows) noexcept;
  Status backward_rows(const ModuleCall<S>& call, const Signal<S>& in, std::int64_t first, std::int64_t rows,
                       const S* d_logits, S* gradient);
  // After backward_rows() of all rows.
  SequenceView<S> input_gradient_of(const Signal<S>& in);

 private:
  // A tied weight is the embedding's, whose parameters follow the head's in the flat vector (Chain::place).
  std::int64_t weight_offset() const { return this->offset() + (tied_ ? outputs_ : 0); }
  std::int64_t bias_offset() const { return this->offset() + (tied_ ? 0 : outputs_ * inputs_); }
  void compute(const ModuleCall<S>& call, const S* x, std::int64_t rows, int threads) noexcept;

  std::int64_t inputs_, outputs_;
  bool every_step_;  // logits for every step
  bool tied_;
  Signal<S> x_;  // of the last forward()
  AlignedBuffer<S> logits_, d_x_, scratch_;
};

extern template class Dense<float>;
extern template class Dense<double>;

}  // namespace fastgru
