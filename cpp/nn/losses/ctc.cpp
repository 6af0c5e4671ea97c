// Connectionist temporal classification: -log of the probability that the predictions of all steps spell the
// labels, divided by the number of labels (at least 1). A path gives each step a label or the blank, class 0;
// it spells what is left when neighbours that are equal are joined and blanks are left out. The mean over
// samples is that of torch.nn.CTCLoss(reduction="mean"). Predictions are the softmax.
#include <algorithm>
#include <cstdint>
#include <string>

#include "nn/losses/ctc_lattice.h"
#include "nn/losses/loss.h"
#include "nn/losses/vector_math.h"
#include "nn/network_config.h"
#include "runtime/threads.h"

namespace fastgru {
namespace {

// The loss of the rows of one block, one row at a time.
template <class S>
struct CtcRows {
  const LossSequences<S>& in;
  std::int64_t classes, scratch_size;

  std::int64_t at(std::int64_t t, std::int64_t b) const { return (t * in.rows + b) * classes; }

  void run(std::int64_t b, int thread) const {
    const std::int64_t steps = in.lengths == nullptr ? in.steps : in.lengths[b];
    const std::int64_t count = in.ends[b + 1] - in.ends[b];
    const double share = 1.0 / static_cast<double>(std::max<std::int64_t>(1, count));
    const double weight = in.weights == nullptr ? 1.0 : in.weights[b];
    if (in.gradient != nullptr) {
      for (std::int64_t t = steps; t < in.steps; ++t) std::fill_n(in.gradient + at(t, b), classes, S(0));
    }
    CtcLattice<S> lattice(in.labels + in.ends[b], count, steps, in.scratch + thread * scratch_size);
    const auto logits = [&](std::int64_t t) { return in.logits + at(t, b); };
    double all = 0;  // log of the sum over all paths, whatever they spell
    for (std::int64_t t = 0; t < steps; ++t) all += log_sum_exp(logits(t), classes);
    const double spelt = steps == 0 && count == 0 ? 0.0 : lattice.forward(logits);
    in.losses[b] = weight * share * (all - spelt);
    if (in.gradient == nullptr) return;
    const auto factor = static_cast<S>(weight * share / in.denominator);
    lattice.backward(logits, [&](std::int64_t t, const S* posterior) {
      S* gradient = in.gradient + at(t, b);
      softmax(logits(t), classes, gradient);
      for (std::int64_t s = 0; s < lattice.states(); ++s) gradient[lattice.label(s)] -= posterior[s];
      for (std::int64_t k = 0; k < classes; ++k) gradient[k] *= factor;
    });
  }
};

class Ctc final : public LossOf<Ctc> {
 public:
  const char* name() const override { return "ctc"; }
  bool classifies() const override { return true; }
  bool aligns() const override { return true; }
  void describe(const NetworkConfig& config, std::vector<SummaryLine>& lines) const override {
    lines.push_back({"softmax", summary_shape(config.sequence, config.output_size), 0});
  }
  std::int64_t targets(const NetworkConfig&) const override { return 1; }
  std::int64_t terms(const NetworkConfig&) const override { return 1; }

  Status check(const NetworkConfig& config) const override {
    if (config.loss != this) return {};
    if (!config.sequence)
      return Status::invalid("loss='ctc' needs sequence=True: it aligns the predictions of all steps");
    if (config.output_size >= 2) return {};
    return Status::invalid("output_size must be at least 2 for loss='ctc', the blank and a label, got " +
                           std::to_string(config.output_size));
  }

  std::int64_t sequence_scratch(const NetworkConfig&, std::int64_t steps,
                                std::int64_t labels) const override {
    constexpr std::int64_t kLine = 16;  // values: threads do not share a cache line
    return (CtcLattice<float>::scratch(steps, labels) + kLine - 1) / kLine * kLine;
  }

  void add_sequences(const NetworkConfig& config, const LossSequences<float>& in,
                     double& sum) const override {
    add_all(config, in, sum);
  }
  void add_sequences(const NetworkConfig& config, const LossSequences<double>& in,
                     double& sum) const override {
    add_all(config, in, sum);
  }

  // Rows alone have no loss.
  template <class S>
  void add_rows(const NetworkConfig&, const LossRows<S>&, double&) const {}

  template <class S>
  void predict_rows(const NetworkConfig& config, const Scaling&, const S* logits, std::int64_t rows,
                    S* out) const {
    const std::int64_t classes = config.output_size;
    for (std::int64_t i = 0; i < rows; ++i, logits += classes, out += classes) {
      softmax(logits, classes, out);
    }
  }

 private:
  template <class S>
  void add_all(const NetworkConfig& config, const LossSequences<S>& in, double& sum) const {
    std::int64_t most = 0;
    for (std::int64_t b = 0; b < in.rows; ++b) most = std::max(most, in.ends[b + 1] - in.ends[b]);
    const CtcRows<S> rows{in, config.output_size, sequence_scratch(config, in.steps, most)};
    parallel_for(in.rows, in.threads, [&rows](std::int64_t b, int thread) { rows.run(b, thread); });
    for (std::int64_t b = 0; b < in.rows; ++b) sum += in.losses[b];
  }
};

}  // namespace

const Loss& ctc() {
  static const Ctc loss;
  return loss;
}

}  // namespace fastgru
