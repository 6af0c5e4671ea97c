// Dropout between modules, in training only. The engine implements dropout between the layers of a GRU stack,
// and the trainer implements dropout of recurrent weights.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "nn/modules/module.h"
#include "runtime/aligned.h"
#include "runtime/philox.h"

namespace fastgru {

struct DropoutOptions {
  double input_dropout = 0.0;  // on the first layer's input
  double head_dropout = 0.0;   // on the head's input

  // head_dropout defaults to `dropout`, the one between GRU layers.
  template <class Self, class Visit>
  static void visit(Self& self, double dropout, Visit&& visit) {
    using namespace field;
    if constexpr (!std::is_const_v<Self>) self.head_dropout = dropout;
    const unsigned written = self.head_dropout == dropout ? kOmitted : kLater;
    visit("head_dropout", self.head_dropout, Share{}, written | kTraining);
    visit("input_dropout", self.input_dropout, Share{}, kLater | kTraining);
  }

  Status check_dropout() const;
};

// The text of the summary, "dropout 0.2".
std::string dropout_text(const char* name, double p);

// Inverted dropout with an independent mask for every value and step, keyed by the call's seed.
template <class S>
class Dropout : public Module<S> {
 public:
  // Acts on `width` values of every step, or, if not `every_step`, on one vector of them for each row.
  Dropout(const char* name, double p, RandomStream stream, std::int64_t width, bool every_step)
      : name_(name),
        p_(p),
        stream_(static_cast<std::uint64_t>(stream)),
        width_(width),
        every_step_(every_step) {}

  void describe(bool standardized, std::vector<SummaryLine>& lines) const override;
  Status reserve(std::int64_t steps, std::int64_t rows, bool training) override;
  Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) override;
  Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                  S* gradient) override;
  bool step_is_identity() const override { return true; }
  void step(const ModuleCall<S>&, StepSignal<S>&) noexcept override {}

 private:
  const char* name_;
  double p_;
  std::uint64_t stream_;
  std::int64_t width_;
  bool every_step_;
  std::int64_t count_ = 0;  // values of the last forward()
  AlignedBuffer<S> dropped_;
};

template <class S>
class InputDropout final : public Dropout<S> {
 public:
  explicit InputDropout(const NetworkConfig& config);
  static bool wanted(const NetworkConfig& config);
};

template <class S>
class HeadDropout final : public Dropout<S> {
 public:
  explicit HeadDropout(const NetworkConfig& config);
  static bool wanted(const NetworkConfig& config);
};

extern template class Dropout<float>;
extern template class Dropout<double>;
extern template class InputDropout<float>;
extern template class InputDropout<double>;
extern template class HeadDropout<float>;
extern template class HeadDropout<double>;

}  // namespace fastgru
