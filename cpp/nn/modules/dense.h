// The dense head: logits = x W^T + b.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

struct HeadOptions {
  std::int64_t output_size = 1;  // columns of y; for a loss over classes: the number of classes

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("output_size", self.output_size, field::Whole{1}, field::kAlways);
  }

  Status check_head() const;
};

// "head.weight" (logits, head_inputs) and "head.bias" (logits).
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
  Status reserve_stream(const Parameters<S>&, const std::shared_ptr<const void>&,
                        std::int64_t rows) override {
    return reserve(1, rows, false);
  }
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept override;

 private:
  void compute(const ModuleCall<S>& call, const S* x, std::int64_t rows, int threads) noexcept;

  std::int64_t inputs_, outputs_;
  bool every_step_;  // logits for every step
  Signal<S> x_;      // of the last forward()
  AlignedBuffer<S> logits_, d_x_, scratch_;
};

extern template class Dense<float>;
extern template class Dense<double>;

}  // namespace fastgru
