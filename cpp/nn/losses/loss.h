// A loss: the function that training minimises, and the map from logits (the head's raw outputs) to
// predictions. Each loss has a file of its own; `losses.cpp` has the list.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/modules/summary.h"
#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

struct NetworkConfig;
struct Scaling;
class Loss;

const Loss& default_loss();
std::vector<std::string_view> loss_names();

constexpr std::int64_t kMaxQuantiles = 128;

struct LossOptions {
  const Loss* loss = &default_loss();
  double huber_delta = 1.0;       // in units of the scaled y
  std::vector<double> quantiles;  // rising, of the loss "quantile" alone

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    using namespace field;
    visit("loss", self.loss, Choice{loss_names()}, kLater);
    visit("huber_delta", self.huber_delta, Number{}, kLater | kTraining);
    visit("quantiles", self.quantiles, Numbers{kMaxQuantiles}, kLater);
  }
};

// Rows of logits and scaled targets.
template <class S>
struct LossRows {
  const S* logits = nullptr;        // (rows, logits of a row)
  const S* targets = nullptr;       // (rows, targets of a row). NaN: none, the loss and its gradient are 0
  const double* weights = nullptr;  // (rows); null: ones
  std::int64_t rows = 0;
  double denominator = 1.0;  // divides the gradient of the sum
  S* gradient = nullptr;     // (rows, logits of a row); null: not computed; may be `logits`
};

// Sequences of logits and, for each, a sequence of labels of its own length: for a loss that aligns the two.
template <class S>
struct LossSequences {
  const S* logits = nullptr;  // (steps, rows, logits of a row)
  std::int64_t steps = 0, rows = 0;
  const std::int64_t* lengths = nullptr;  // steps of each row; null: all of them
  const std::int64_t* labels = nullptr;   // of the rows one after the other
  const std::int64_t* ends = nullptr;     // (rows + 1): row b has the labels ends[b] ... ends[b + 1] - 1
  const double* weights = nullptr;        // (rows); null: ones
  double denominator = 1.0;               // divides the gradient of the sum
  S* gradient = nullptr;                  // (steps, rows, logits of a row); null: not computed
  S* scratch = nullptr;                   // sequence_scratch() values for each thread
  double* losses = nullptr;               // (rows)
  int threads = 1;
};

template <class S>
bool no_target(S target) {
  return target != target;
}

class Loss {
 public:
  virtual ~Loss() = default;

  virtual const char* name() const = 0;
  // Whether predictions are probabilities. Otherwise they are values in units of y.
  virtual bool classifies() const { return false; }
  // Sizes of a row: its logits, its targets, and the terms over which its loss is averaged.
  virtual std::int64_t logits(const NetworkConfig& config) const;
  virtual std::int64_t targets(const NetworkConfig& config) const;
  virtual std::int64_t terms(const NetworkConfig& config) const { return logits(config); }
  // Above 0: the number of classes; a target is a class number below it. 0: any number is a target.
  virtual std::int64_t classes(const NetworkConfig& /*config*/) const { return 0; }
  // Whether the targets of a sample are labels in a number of their own, which the loss aligns with the
  // sample's predictions at every step: add_sequences() then takes the place of add().
  virtual bool aligns() const { return false; }
  // Appends the summary of the map from logits to predictions; nothing for the identity.
  virtual void describe(const NetworkConfig& /*config*/, std::vector<SummaryLine>& /*lines*/) const {}
  // Checks the loss's own options, whichever loss is chosen, and the sizes if it is the chosen one.
  virtual Status check(const NetworkConfig& /*config*/) const { return {}; }

  // sum += w_i * (the terms of row i), in double and in the order of the rows. Cutting the rows into blocks
  // does not change the sum.
  virtual void add(const NetworkConfig& config, const LossRows<float>& rows, double& sum) const = 0;
  virtual void add(const NetworkConfig& config, const LossRows<double>& rows, double& sum) const = 0;
  // The values of scratch that a thread of add_sequences() needs, where no row has more labels than `labels`.
  virtual std::int64_t sequence_scratch(const NetworkConfig& /*config*/, std::int64_t /*steps*/,
                                        std::int64_t /*labels*/) const {
    return 0;
  }
  // The same as add() for whole sequences. The bits of a row depend on that row alone.
  virtual void add_sequences(const NetworkConfig& /*config*/, const LossSequences<float>& /*sequences*/,
                             double& /*sum*/) const {}
  virtual void add_sequences(const NetworkConfig& /*config*/, const LossSequences<double>& /*sequences*/,
                             double& /*sum*/) const {}
  // Maps logits (rows, logits) to predictions of the same shape. Both may be the same array.
  virtual void predict(const NetworkConfig& config, const Scaling& scaling, const float* logits,
                       std::int64_t rows, float* out) const = 0;
  virtual void predict(const NetworkConfig& config, const Scaling& scaling, const double* logits,
                       std::int64_t rows, double* out) const = 0;
};

// Implements both precisions of a loss with one template. Derived provides add_rows(config, rows, sum) and
// predict_rows(config, scaling, logits, rows, out).
template <class Derived>
class LossOf : public Loss {
 public:
  void add(const NetworkConfig& config, const LossRows<float>& rows, double& sum) const override {
    derived().add_rows(config, rows, sum);
  }
  void add(const NetworkConfig& config, const LossRows<double>& rows, double& sum) const override {
    derived().add_rows(config, rows, sum);
  }
  void predict(const NetworkConfig& config, const Scaling& scaling, const float* logits, std::int64_t rows,
               float* out) const override {
    derived().predict_rows(config, scaling, logits, rows, out);
  }
  void predict(const NetworkConfig& config, const Scaling& scaling, const double* logits, std::int64_t rows,
               double* out) const override {
    derived().predict_rows(config, scaling, logits, rows, out);
  }

 private:
  const Derived& derived() const { return static_cast<const Derived&>(*this); }
};

// All losses; the first is the default.
const std::vector<const Loss*>& all_losses();
// Null if no loss has this name.
const Loss* find_loss(std::string_view name);
// Used by visitors that set a field of this type by name.
inline const Loss* by_name(const Loss* /*type*/, std::string_view name) { return find_loss(name); }

// Checks the options of all losses and the sizes of the chosen one.
Status check_losses(const NetworkConfig& config);

}  // namespace fastgru
