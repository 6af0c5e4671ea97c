// The parameters of a bound layer: as one flat vector, or as one array for each tensor.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>

#include "bindings/bindings.h"
#include "bindings/gru.h"
#include "bindings/parameters.h"

namespace fastgru::bindings {
namespace {

void check_count(const py::list& tensors, const ParamLayout& layout) {
  if (tensors.size() == layout.slots().size()) return;
  raise_value_error("this layer has " + std::to_string(layout.slots().size()) + " tensors, got " +
                    std::to_string(tensors.size()));
}

// Compares every `every`-th line of 64 bytes, the first one included.
template <class S>
bool same_bits(const S* one, const S* other, std::size_t size, std::size_t every) {
  if (every == 1) return std::memcmp(one, other, size * sizeof(S)) == 0;
  constexpr std::size_t kLine = 64 / sizeof(S);
  for (std::size_t i = 0; i < size; i += every * kLine) {
    if (std::memcmp(one + i, other + i, std::min(kLine, size - i) * sizeof(S)) != 0) return false;
  }
  return true;
}

}  // namespace

template <class S>
py::list PyGru<S>::parameter_layout() const {
  return layout_of(weights()->layout().slots());
}

template <class S>
py::object PyGru<S>::parameters() const {
  const std::shared_ptr<const Weights<S>> held = weights();
  return flat_view<S>(held, held->params(), held->layout().total());
}

template <class S>
void PyGru<S>::set_parameters(py::handle flat) {
  assign(read_parameters<S>(flat, "parameters", weights()->layout().total()).data);
}

template <class S>
void PyGru<S>::set_tensors(const py::list& tensors) {
  const std::shared_ptr<const Weights<S>> held = weights();
  const ParamLayout& layout = held->layout();
  check_count(tensors, layout);
  std::vector<S> flat(static_cast<std::size_t>(layout.total()));
  for (std::size_t i = 0; i < layout.slots().size(); ++i) {
    const ParamSlot& slot = layout.slots()[i];
    std::copy_n(read_tensor(tensors[i], slot).data, slot.size(), flat.data() + slot.offset);
  }
  assign(flat.data());
}

template <class S>
bool PyGru<S>::has_tensors(const py::list& tensors, std::size_t every) const {
  if (every < 1) raise_value_error("every must be at least 1");
  const std::shared_ptr<const Weights<S>> held = weights();
  const std::vector<ParamSlot>& slots = held->layout().slots();
  check_count(tensors, held->layout());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Operand<S> tensor = read_tensor(tensors[i], slots[i]);
    const std::size_t size = static_cast<std::size_t>(slots[i].size());
    if (!same_bits(tensor.data, held->params() + slots[i].offset, size, every)) return false;
  }
  return true;
}

template <class S>
Operand<S> PyGru<S>::read_tensor(py::handle tensor, const ParamSlot& slot) const {
  Operand<S> values = read_dense<S>(tensor, slot.name.c_str(), "of the layer's layout");
  if (slot.cols == 0 ? values.has_shape({slot.rows}) : values.has_shape({slot.rows, slot.cols}))
    return values;
  const std::string wanted = std::to_string(slot.rows) + "," + (slot.cols == 0 ? "" : " ");
  raise_value_error(slot.name + " must have shape (" + wanted +
                    (slot.cols == 0 ? "" : std::to_string(slot.cols)) + "), got " + shape_of(values.owner));
}

template <class S>
void PyGru<S>::assign(const S* flat) {
  auto fresh = std::make_shared<Weights<S>>(config_);
  run_released([&](const RunOptions&) { return fresh->assign(flat); });
  const std::lock_guard<std::mutex> lock(mutex_);
  weights_ = std::move(fresh);
}

template <class S>
std::shared_ptr<const Weights<S>> PyGru<S>::weights() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return weights_;
}

template class PyGru<float>;
template class PyGru<double>;

}  // namespace fastgru::bindings
