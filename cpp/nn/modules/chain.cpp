// The list of modules, and the walks over a chain.
#include "nn/modules/chain.h"

#include <utility>

#include "nn/network_config.h"

namespace fastgru {
namespace {

template <class S, template <class> class M>
std::unique_ptr<Module<S>> make(const NetworkConfig& config) {
  if (!M<S>::wanted(config)) return nullptr;
  return std::make_unique<M<S>>(config);
}

}  // namespace

template <class S>
const std::vector<ModuleFactory<S>>& module_factories() {
  static const std::vector<ModuleFactory<S>> factories = {
      make<S, InputEncoder>,  make<S, Embedding>,   make<S, InputDropout>, make<S, GruStack>,
      make<S, PoolingModule>, make<S, HeadDropout>, make<S, Dense>};
  return factories;
}

template <class S>
Chain<S>::Chain(const NetworkConfig& config, const std::vector<ModuleFactory<S>>& factories) {
  for (const ModuleFactory<S> factory : factories) {
    std::unique_ptr<Module<S>> module = factory(config);
    if (module != nullptr) modules_.push_back(std::move(module));
  }
  head_ = static_cast<Dense<S>*>(modules_.back().get());
  place();
  for (const auto& module : modules_) {
    if (!module->step_is_identity()) stepping_.push_back(module.get());
  }
}

template <class S>
std::size_t Chain<S>::first_state() const {
  std::size_t first = 0;
  while (first < modules_.size() && !modules_[first]->has_state()) ++first;
  return first;
}

// The flat vector begins with the first module that carries a state (the GRU). Modules before it come last.
// The first saved models had this order, as they had no embedding.
template <class S>
void Chain<S>::place() {
  const std::size_t begin = first_state();
  std::vector<bool> parametric(modules_.size());
  std::vector<std::int64_t> offsets(modules_.size());
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    const std::size_t at = (begin + i) % modules_.size();
    offsets[at] = total_;
    for (ParamSlot& slot : modules_[at]->parameters()) {
      slot.offset += offsets[at];
      total_ = slot.offset + slot.size();
      slots_.push_back(std::move(slot));
      parametric[at] = true;
    }
  }
  bool before = false;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    modules_[i]->place(i, offsets[i], before);
    before = before || parametric[i];
  }
}

template <class S>
std::vector<std::unique_ptr<PackedParameters<S>>> Chain<S>::make_packed() const {
  std::vector<std::unique_ptr<PackedParameters<S>>> packed;
  packed.reserve(modules_.size());
  for (const auto& module : modules_) packed.push_back(module->make_packed());
  return packed;
}

template <class S>
Status Chain<S>::reserve(std::int64_t steps, std::int64_t rows, bool training) {
  for (const auto& module : modules_) FASTGRU_RETURN_IF_ERROR(module->reserve(steps, rows, training));
  return {};
}

template <class S>
Status Chain<S>::run(const ModuleCall<S>& call, std::size_t count, const Signal<S>& in, Signal<S>& out) {
  Signal<S> signal = in;
  for (std::size_t i = 0; i < count; ++i) {
    Signal<S> next;
    FASTGRU_RETURN_IF_ERROR(modules_[i]->forward(call, signal, next));
    signal = next;
  }
  out = signal;
  return {};
}

template <class S>
Status Chain<S>::forward_body(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  return run(call, modules_.size() - 1, in, out);
}

template <class S>
Status Chain<S>::advance(const ModuleCall<S>& call, const Signal<S>& in) {
  std::size_t count = modules_.size();
  while (count > 0 && !modules_[count - 1]->has_state()) --count;
  Signal<S> ignored;
  return run(call, count, in, ignored);
}

template <class S>
Status Chain<S>::encode(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) {
  for (std::size_t i = 0; i < first_state(); ++i) {
    FASTGRU_RETURN_IF_ERROR(modules_[i]->reserve(call.steps, call.rows, false));
  }
  return run(call, first_state(), in, out);
}

template <class S>
Status Chain<S>::backward_body(const ModuleCall<S>& call, const SignalGradient<S>& out, S* gradient) {
  SignalGradient<S> current = out;
  for (std::size_t i = modules_.size() - 1; i-- > 0;) {
    SignalGradient<S> before;
    const bool wanted = modules_[i]->input_gradient();
    FASTGRU_RETURN_IF_ERROR(modules_[i]->backward(call, current, wanted ? &before : nullptr, gradient));
    if (!wanted) break;
    current = before;
  }
  return {};
}

template <class S>
void Chain<S>::carry_state() {
  for (const auto& module : modules_) module->carry_state();
}

template <class S>
Status Chain<S>::reserve_stream(const Parameters<S>& params, const std::shared_ptr<const void>& owner,
                                std::int64_t rows) {
  for (const auto& module : modules_) {
    FASTGRU_RETURN_IF_ERROR(module->reserve_stream(params, owner, rows));
  }
  return {};
}

template const std::vector<ModuleFactory<float>>& module_factories();
template const std::vector<ModuleFactory<double>>& module_factories();
template class Chain<float>;
template class Chain<double>;

}  // namespace fastgru
