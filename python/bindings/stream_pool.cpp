// Binds pools of streams.
#include "bindings/stream_pool.h"

#include <limits>
#include <string>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/exclusive.h"

namespace fastgru::bindings {

PyStreamPool::PyStreamPool(std::unique_ptr<StreamPool> pool, PoolModel model)
    : pool_(std::move(pool)), model_(std::move(model)) {}

Operand<std::int64_t> PyStreamPool::read_ids(py::handle value) const {
  const py::object array = as_ndarray(value, "ids");
  const char kind = array.attr("dtype").attr("kind").cast<std::string>()[0];
  const auto* a = proxy(array);
  const bool empty = a->nd == 1 && a->dimensions[0] == 0;  // a list of nothing has dtype float64
  if (kind != 'i' && kind != 'u' && !empty) {
    raise_type_error("ids must be integers, got dtype " + dtype_text(array));
  }
  if (a->nd > 1) raise_value_error("ids must have shape (n,), got " + shape_of(array));
  const py::object flat = a->nd == 0 ? py::object(array.attr("reshape")(1)) : array;
  return operand_of<std::int64_t>(has_dtype<std::int64_t>(flat) && (proxy(flat)->flags & kContiguous) != 0
                                      ? flat
                                      : converted<std::int64_t>(flat));
}

py::object PyStreamPool::acquire(py::handle count) {
  const Exclusive exclusive(busy_, "pool");
  std::int64_t id = 0;
  if (count.is_none()) {
    raise_if_error(pool_->acquire(1, &id));
    return py::int_(id);
  }
  const auto wanted = count.cast<std::int64_t>();
  if (wanted < 0) raise_value_error("count must be at least 0, got " + std::to_string(wanted));
  py::object ids = new_array<std::int64_t>({std::min(wanted, capacity())});  // more are refused below
  raise_if_error(pool_->acquire(wanted, data_of<std::int64_t>(ids)));
  return ids;
}

void PyStreamPool::release(py::handle value) {
  const Operand<std::int64_t> ids = read_ids(value);
  const Exclusive exclusive(busy_, "pool");
  raise_if_error(pool_->release(ids.shape[0], ids.data));
}

void PyStreamPool::reset(py::handle value) {
  const Operand<std::int64_t> ids = read_ids(value);
  const Exclusive exclusive(busy_, "pool");
  raise_if_error(pool_->reset(ids.shape[0], ids.data));
}

py::object PyStreamPool::save(py::handle value) {
  const Operand<std::int64_t> ids = read_ids(value);
  const auto bytes = static_cast<std::int64_t>(pool_->state_bytes());
  py::object states = new_array<std::uint8_t>({ids.shape[0], bytes});
  const Exclusive exclusive(busy_, "pool");
  raise_if_error(pool_->save(ids.shape[0], ids.data, data_of<std::uint8_t>(states)));
  return states;
}

void PyStreamPool::restore(py::handle value, py::handle given) {
  const Operand<std::int64_t> ids = read_ids(value);
  const auto bytes = static_cast<std::int64_t>(pool_->state_bytes());
  const py::object states = as_ndarray(given, "states");
  if (!has_dtype<std::uint8_t>(states)) {
    raise_type_error("states must have dtype uint8, as save() gives them, got dtype " + dtype_text(states));
  }
  const Operand<std::uint8_t> from = read_dense<std::uint8_t>(states, "states", "(n, state_bytes)");
  if (!from.has_shape({ids.shape[0], bytes})) {
    raise_value_error("states must have shape (" + std::to_string(ids.shape[0]) + ", " +
                      std::to_string(bytes) + "), as save() of such a pool gives them, got " +
                      shape_of(states));
  }
  const Exclusive exclusive(busy_, "pool");
  raise_if_error(pool_->restore(ids.shape[0], ids.data, from.data));
}

py::object PyStreamPool::answered(py::handle value) {
  const Operand<std::int64_t> ids = read_ids(value);
  py::object flags = new_array<bool>({ids.shape[0]});
  const Exclusive exclusive(busy_, "pool");
  raise_if_error(pool_->check(ids.shape[0], ids.data));
  for (std::int64_t i = 0; i < ids.shape[0]; ++i) data_of<bool>(flags)[i] = pool_->answered(ids.data[i]);
  return flags;
}

py::object PyStreamPool::ids() const {
  py::object taken = new_array<std::int64_t>({size()});
  std::int64_t* to = data_of<std::int64_t>(taken);
  for (std::int64_t id = 0; id < capacity(); ++id) {
    if (pool_->taken(id)) *to++ = id;
  }
  return taken;
}

// As the model's type, but for float64 inputs of a float32 network, which are scaled before they are rounded.
Numbers PyStreamPool::read_inputs(py::handle given, std::int64_t count) const {
  constexpr const char* kShape = "(n, input_size)";
  Numbers x;
  if (model_.is_network) {
    x = read_step(given, model_.reader, model_.tokens, kShape);
  } else {
    x = model_.is_double ? numbers_of(read_dense<double>(given, "x", kShape))
                         : numbers_of(read_dense<float>(given, "x", kShape));
  }
  if (!x.has_shape({count, model_.input_size})) {
    raise_value_error("x must have shape (" + std::to_string(count) + ", " +
                      std::to_string(model_.input_size) + "), a row for each id, got " + shape_of(x.owner));
  }
  if (!model_.is_network) return x;
  check_step(x, count * model_.input_size, model_.missing_mask,
             model_.is_double ? std::numeric_limits<double>::max()
                              : static_cast<double>(std::numeric_limits<float>::max()));
  const bool widens = x.type == SampleType::int64 || (model_.is_double && x.type == SampleType::float32);
  return widens ? numbers_of(operand_of<double>(converted<double>(x.owner))) : x;
}

py::object PyStreamPool::step(py::handle value, py::handle given, py::handle out) {
  const Operand<std::int64_t> ids = read_ids(value);
  const Numbers x = read_inputs(given, ids.shape[0]);
  return model_.is_double ? step_as<double>(ids, x, out) : step_as<float>(ids, x, out);
}

template <class S>
py::object PyStreamPool::step_as(const Operand<std::int64_t>& ids, const Numbers& x, py::handle out) {
  const std::int64_t count = ids.shape[0], outputs = count * model_.output_size;
  py::object y, read = x.owner;
  const bool wide = sizeof(S) == sizeof(float) && x.type == SampleType::float64;
  if (out.is_none()) {
    y = new_array<S>({count, model_.output_size});
  } else {
    const Operand<S> target = check_out<S>(out, {count, model_.output_size});
    if ((proxy(out)->flags & kContiguous) == 0) raise_value_error("out must be C-contiguous");
    y = py::reinterpret_borrow<py::object>(out);
    // A chunk of rows is answered before the next one is read.
    if (!wide && overlap(operand_of<S>(read), target)) read = read.attr("copy")();
  }
  const Exclusive exclusive(busy_, "pool");
  S* const to = data_of<S>(y);
  if (wide) {
    wide_.resize(static_cast<std::size_t>(outputs));
    raise_if_error(run(ids, data_of<const double>(read), wide_.data()));
    for (std::int64_t i = 0; i < outputs; ++i) to[i] = static_cast<S>(wide_[static_cast<std::size_t>(i)]);
  } else {
    raise_if_error(run(ids, data_of<const S>(read), to));
  }
  return y;
}

template <class X>
Status PyStreamPool::run(const Operand<std::int64_t>& ids, const X* x, X* y) {
  if (keeps_gil(model_.gru, ids.shape[0])) return pool_->step(ids.shape[0], ids.data, x, y);
  const ReleasedGil released;
  return pool_->step(ids.shape[0], ids.data, x, y);
}

void bind_stream_pool(py::module_& module) {
  py::class_<PyStreamPool>(module, "StreamPool", "Many sequences, each stepped at its own pace.")
      .def("acquire", &PyStreamPool::acquire, py::arg("count") = py::none())
      .def("release", &PyStreamPool::release, py::arg("ids"))
      .def("reset", &PyStreamPool::reset, py::arg("ids"))
      .def("step", &PyStreamPool::step, py::arg("ids"), py::arg("x"), py::arg("out") = py::none())
      .def("save", &PyStreamPool::save, py::arg("ids"))
      .def("restore", &PyStreamPool::restore, py::arg("ids"), py::arg("states"))
      .def("answered", &PyStreamPool::answered, py::arg("ids"))
      .def_property_readonly("ids", &PyStreamPool::ids)
      .def_property_readonly("capacity", &PyStreamPool::capacity)
      .def("__len__", &PyStreamPool::size);
}

}  // namespace fastgru::bindings
