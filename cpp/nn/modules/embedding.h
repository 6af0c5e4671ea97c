// Embedding: one learnt vector for each token of a vocabulary.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/modules/module.h"
#include "runtime/aligned.h"

namespace fastgru {

struct EmbeddingOptions {
  std::int64_t vocabulary_size = 0;  // above 0: x holds tokens; each has a vector of gru.input_size

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("vocabulary_size", self.vocabulary_size, field::Whole{0}, field::kLater);
  }

  Status check_vocabulary(std::int64_t input_size) const;
};

// "embedding.weight" (vocabulary_size, input_size).
template <class S>
class Embedding final : public Module<S> {
 public:
  explicit Embedding(const NetworkConfig& config);
  static bool wanted(const NetworkConfig& config);

  std::vector<ParamSlot> parameters() const override;
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
  void look_up(const S* weight, const std::int64_t* tokens, std::int64_t count) noexcept;

  std::int64_t vocabulary_, size_;
  bool tied_;  // the head has written the gradient before: this module adds its own
  const std::int64_t* tokens_ = nullptr;  // of the last forward()
  // Where the last backward() wrote, and which rows it wrote. The next backward() clears only these (32 rows
  // of 35 tokens, a vocabulary of 20 000: 1 120 rows of 20 000).
  const S* written_ = nullptr;
  std::vector<std::int64_t> rows_;
  AlignedBuffer<S> x_;
};

extern template class Embedding<float>;
extern template class Embedding<double>;

}  // namespace fastgru
