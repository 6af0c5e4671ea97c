// A network's chain of modules, and the list of all modules.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/modules/module.h"

namespace fastgru {

// Makes a module for a configuration; null if such a network has no module of this kind.
template <class S>
using ModuleFactory = std::unique_ptr<Module<S>> (*)(const NetworkConfig&);

// In the order in which data pass them.
template <class S>
const std::vector<ModuleFactory<S>>& module_factories();

template <class S>
class Dense;

template <class S>
class Chain {
 public:
  // Keeps a reference to `config`, which must have passed validate(). The last factory makes the head, Dense.
  explicit Chain(const NetworkConfig& config,
                 const std::vector<ModuleFactory<S>>& factories = module_factories<S>());

  // All tensors by name, in the order of the flat vector, and how many values there are.
  const std::vector<ParamSlot>& slots() const { return slots_; }
  std::int64_t total() const { return total_; }
  std::vector<std::unique_ptr<PackedParameters<S>>> make_packed() const;

  void describe(bool standardized, std::vector<SummaryLine>& lines) const {
    for (const auto& module : modules_) module->describe(standardized, lines);
  }

  Status reserve(std::int64_t steps, std::int64_t rows, bool training);
  // All modules but the last, which is the head: it may run a few rows at a time. `out` becomes its input,
  // and backward_body() maps the gradient of that to the gradient of the parameters before the head.
  Status forward_body(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out);
  Dense<S>& head() { return *head_; }
  Status backward_body(const ModuleCall<S>& call, const SignalGradient<S>& out, S* gradient);
  // Like forward_body(), but stops after the last module that carries a state.
  Status advance(const ModuleCall<S>& call, const Signal<S>& in);
  // The input of the first module that carries a state. Reserves the scratch for it.
  Status encode(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out);
  void carry_state();

  Status reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                        std::int64_t rows);
  // Ends early, with signal.pending, at a step that completes no frame.
  void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept {
    for (Module<S>* module : stepping_) {
      module->step(call, signal);
      if (signal.pending) return;
    }
  }
  const std::vector<Module<S>*>& stepping() const { return stepping_; }

 private:
  void place();
  std::size_t first_state() const;
  Status run(const ModuleCall<S>& call, std::size_t count, const Signal<S>& in, Signal<S>& out);

  std::vector<std::unique_ptr<Module<S>>> modules_;
  Dense<S>* head_ = nullptr;
  std::vector<Module<S>*> stepping_;
  std::vector<ParamSlot> slots_;
  std::int64_t total_ = 0;
};

extern template class Chain<float>;
extern template class Chain<double>;

}  // namespace fastgru
