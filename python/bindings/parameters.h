// The parameters of a layer or a network as Python sees them: one flat vector, and the tensors in it.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/status.h"
#include "engine/params.h"

namespace fastgru::bindings {

// (name, shape) of each tensor.
inline py::list layout_of(const std::vector<ParamSlot>& slots) {
  py::list layout;
  for (const ParamSlot& slot : slots) {
    const py::tuple shape =
        slot.cols == 0 ? py::tuple(py::make_tuple(slot.rows)) : py::make_tuple(slot.rows, slot.cols);
    layout.append(py::make_tuple(slot.name, shape));
  }
  return layout;
}

// A read-only view of `total` values, which `holder` keeps alive.
template <class S, class Held>
py::array_t<S> flat_view(std::shared_ptr<const Held> holder, const S* flat, std::int64_t total) {
  using Holder = std::shared_ptr<const Held>;
  auto held = std::make_unique<Holder>(std::move(holder));
  const py::capsule owner(held.get(), [](void* pointer) { delete static_cast<Holder*>(pointer); });
  (void)held.release();  // owned by the capsule now
  py::array_t<S> view({total}, flat, owner);
  make_read_only(view);
  return view;
}

// Read-only views of the tensors in a flat vector, by name.
template <class S>
py::dict tensors_of(const std::vector<ParamSlot>& slots, const py::array_t<S>& flat) {
  py::dict named;
  for (const ParamSlot& slot : slots) {
    std::vector<py::ssize_t> shape{slot.rows};
    if (slot.cols > 0) shape.push_back(slot.cols);
    py::array_t<S> view(shape, flat.data() + slot.offset, flat);
    make_read_only(view);
    named[py::str(slot.name)] = std::move(view);
  }
  return named;
}

// The argument `name`: `total` values.
template <class S>
Operand<S> read_parameters(py::handle flat, const char* name, std::int64_t total) {
  Operand<S> values = read_dense<S>(flat, name, "(number of parameters,)");
  if (values.has_shape({total})) return values;
  raise_value_error(std::string(name) + " must have shape (" + std::to_string(total) + ",), got " +
                    shape_of(values.owner));
}

}  // namespace fastgru::bindings
