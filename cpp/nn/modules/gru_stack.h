// The GRU stack: all layers and directions as one module.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

struct GruOptions {
  GruConfig gru;

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    auto& gru = self.gru;
    visit("input_size", gru.input_size, field::Whole{1}, field::kAlways);
    visit("hidden_size", gru.hidden_size, field::Whole{1}, field::kAlways);
    visit("num_layers", gru.num_layers, field::Whole{1}, field::kAlways);
    visit("bias", gru.bias, field::Flag{}, gru.bias ? field::kOmitted : field::kLater);
    visit("bidirectional", gru.bidirectional, field::Flag{}, field::kAlways);
    visit("reset_after", gru.reset_after, field::Flag{}, field::kAlways);
    visit("dropout", gru.dropout, field::Share{}, field::kAlways | field::kTraining);
    visit("precision", gru.precision, precisions(), field::kLater);
  }
};

// Parameters: "gru.…", with torch's names. Outputs the last states, and the states of every step if the next
// module reads them.
template <class S>
class GruStack final : public Module<S> {
 public:
  explicit GruStack(const NetworkConfig& config);

  std::vector<ParamSlot> parameters() const override;
  std::unique_ptr<PackedParameters<S>> make_packed() const override;
  void describe(bool standardized, std::vector<SummaryLine>& lines) const override;
  Status reserve(std::int64_t steps, std::int64_t rows, bool training) override;
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override;
  Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                  S* gradient) override;
  bool has_state() const override { return true; }
  void carry_state() override { std::swap(entering_, h_n_); }

  Status reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                        std::int64_t rows) override;
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept override;
  void reset() noexcept override { stream_->reset(); }
  std::size_t state_bytes() const noexcept override;
  void save(char* to) const noexcept override { stream_->get_state(reinterpret_cast<S*>(to)); }
  void restore(const char* from) noexcept override { stream_->set_state(reinterpret_cast<const S*>(from)); }
  std::size_t row_bytes() const noexcept override {
    return static_cast<std::size_t>(gru_.num_layers * gru_.hidden_size) * sizeof(S);
  }
  void save_row(std::int64_t row, char* to) const noexcept override {
    stream_->get_row(row, reinterpret_cast<S*>(to));
  }
  void restore_row(std::int64_t row, const char* from) noexcept override {
    stream_->set_row(row, reinterpret_cast<const S*>(from));
  }

 private:
  std::int64_t width() const { return gru_.directions() * gru_.hidden_size; }

  const GruConfig& gru_;
  bool reads_all_steps_;  // whether the next module reads them
  Tape<S> tape_;
  Workspace<S> workspace_;
  AlignedBuffer<S> y_, h_n_, entering_, d_x_, h_;
  std::unique_ptr<Stream<S>> stream_;
};

extern template class GruStack<float>;
extern template class GruStack<double>;

}  // namespace fastgru
