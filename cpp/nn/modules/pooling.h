// Pooling over time: maps the states of a GRU to the head's input.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

// The head's input: the top layer's last state (both directions side by side), or the mean or the maximum of
// each unit over the row's steps.
enum class Pooling { last, mean, max };

struct PoolingOptions {
  Pooling pooling = Pooling::last;
  bool sequence = false;  // a prediction for every step: the head reads every state

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("sequence", self.sequence, field::Flag{}, field::kLater);
    visit("pooling", self.pooling, field::Choice{{"last", "mean", "max"}}, field::kLater);
  }

  bool reads_all_steps() const { return sequence || pooling != Pooling::last; }
  Status check_steps() const;
};

// Pools the T steps of each row. Mean: the sum in the order of time, divided once. Max: the gradient goes to
// the first step that has the maximum. A row of no steps gives zeros.
template <class S>
class PoolingModule final : public Module<S> {
 public:
  explicit PoolingModule(const NetworkConfig& config);

  void describe(bool standardized, std::vector<SummaryLine>& lines) const override;
  Status reserve(std::int64_t steps, std::int64_t rows, bool training) override;
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override;
  Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                  S* gradient) override;

  Status reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                        std::int64_t rows) override;
  bool step_is_identity() const override { return !options_.reads_all_steps() || options_.sequence; }
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept override;
  void reset() noexcept override;
  std::size_t state_bytes() const noexcept override {
    return static_cast<std::size_t>(pooled_size()) * sizeof(S);
  }
  void save(char* to) const noexcept override { std::memcpy(to, pooled_.data(), state_bytes()); }
  void restore(const char* from) noexcept override { std::memcpy(pooled_.data(), from, state_bytes()); }
  std::size_t row_bytes() const noexcept override { return static_cast<std::size_t>(width_) * sizeof(S); }
  void save_row(std::int64_t row, char* to) const noexcept override {
    std::memcpy(to, pooled_.data() + row * width_, row_bytes());
  }
  void restore_row(std::int64_t row, const char* from) noexcept override {
    std::memcpy(pooled_.data() + row * width_, from, row_bytes());
  }

 private:
  // Steps for which dL/dy is materialised: mean pooling needs one.
  std::int64_t gradient_steps(std::int64_t steps) const;
  std::int64_t pooled_size() const { return stream_rows_ * width_; }
  void pool(const ModuleCall<S>& call, const S* y);
  void mean_gradient(const ModuleCall<S>& call, const S* d_pooled, SequenceView<S>& dy);
  void max_gradient(const ModuleCall<S>& call, const S* d_pooled, SequenceView<S>& dy);
  // The gradient of the maxima of one row, for up to kUnitsAtOnce units from `first` on.
  void max_gradient_row(const ModuleCall<S>& call, std::int64_t b, std::int64_t first, const S* d_pooled);

  PoolingOptions options_;
  std::int64_t layers_, directions_, hidden_, width_;
  const S* y_ = nullptr;  // the states of the last forward()
  AlignedBuffer<S> pooled_, d_y_, d_last_;
  std::int64_t stream_rows_ = 0;
};

extern template class PoolingModule<float>;
extern template class PoolingModule<double>;

}  // namespace fastgru
