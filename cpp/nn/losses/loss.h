// What a network is trained for, and what its logits (the head's raw outputs) mean. A file each; `losses.cpp`
// has the list, and nothing else knows it.
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
  const S* targets = nullptr;       // (rows, targets of a row)
  const double* weights = nullptr;  // (rows), null: ones
  std::int64_t rows = 0;
  double denominator = 1.0;  // the gradient is that of the sum over this
  S* gradient = nullptr;     // (rows, logits of a row), null: not wanted
};

class Loss {
 public:
  virtual ~Loss() = default;

  virtual const char* name() const = 0;
  // Whether predictions are probabilities; else they are values in units of y.
  virtual bool classifies() const { return false; }
  // Numbers of a row: from the head, of y, and those that the row's mean loss is taken over.
  virtual std::int64_t logits(const NetworkConfig& config) const;
  virtual std::int64_t targets(const NetworkConfig& config) const;
  virtual std::int64_t terms(const NetworkConfig& config) const { return logits(config); }
  // Above 0: a target is the number of a class below this; 0: any number is a target.
  virtual std::int64_t classes(const NetworkConfig& /*config*/) const { return 0; }
  // What it makes of logits, for people to read; none: values, as they are.
  virtual void describe(const NetworkConfig& /*config*/, std::vector<SummaryLine>& /*lines*/) const {}
  // Its own options, which must be legal whichever loss is chosen, and the sizes if it is.
  virtual Status check(const NetworkConfig& /*config*/) const { return {}; }

  // sum += w_i * (the terms of row i), in double, in the order of the rows, whatever the blocks they come in.
  virtual void add(const NetworkConfig& config, const LossRows<float>& rows, double& sum) const = 0;
  virtual void add(const NetworkConfig& config, const LossRows<double>& rows, double& sum) const = 0;
  // From logits (rows, logits) to predictions of the same shape; they may be one array.
  virtual void predict(const NetworkConfig& config, const Scaling& scaling, const float* logits,
                       std::int64_t rows, float* out) const = 0;
  virtual void predict(const NetworkConfig& config, const Scaling& scaling, const double* logits,
                       std::int64_t rows, double* out) const = 0;
};

// Writes both precisions of a loss from one template: Derived has add_rows(config, rows, sum) and
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
// Null: there is none of this name.
const Loss* find_loss(std::string_view name);
// For whoever sets a field of this type by name.
inline const Loss* by_name(const Loss* /*type*/, std::string_view name) { return find_loss(name); }

// The options and sizes of `config` that losses know of.
Status check_losses(const NetworkConfig& config);

}  // namespace fastgru
