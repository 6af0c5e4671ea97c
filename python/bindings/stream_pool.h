// The Python class of a pool of streams, for layers and networks of both types.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "bindings/step_input.h"
#include "model/stream_pool.h"

namespace fastgru::bindings {

// What a pool knows of its model.
struct PoolModel {
  std::int64_t input_size = 0, output_size = 0;
  GruConfig gru;
  bool is_double = false;
  bool is_network = false;  // x is checked as predict() checks it
  bool tokens = false, missing_mask = false;
  py::object reader = py::none();  // see read_step()
};

class PyStreamPool {
 public:
  PyStreamPool(std::unique_ptr<StreamPool> pool, PoolModel model);

  py::object acquire(py::handle count);
  void release(py::handle ids);
  void reset(py::handle ids);
  py::object step(py::handle ids, py::handle x, py::handle out);
  py::object save(py::handle ids);
  void restore(py::handle ids, py::handle states);
  py::object answered(py::handle ids);
  py::object ids() const;

  std::int64_t size() const { return pool_->size(); }
  std::int64_t capacity() const { return pool_->capacity(); }

 private:
  Operand<std::int64_t> read_ids(py::handle ids) const;
  Numbers read_inputs(py::handle x, std::int64_t count) const;
  template <class S>
  py::object step_as(const Operand<std::int64_t>& ids, const Numbers& x, py::handle out);
  template <class X>
  Status run(const Operand<std::int64_t>& ids, const X* x, X* y);

  std::unique_ptr<StreamPool> pool_;
  PoolModel model_;
  std::vector<double> wide_;  // answers to float64 inputs of a float32 network
  std::atomic<bool> busy_{false};
};

// `make`: makes a stream of so many rows.
template <class Make>
std::unique_ptr<PyStreamPool> make_pool(Make make, PoolModel model, std::int64_t capacity, int num_threads) {
  const auto factory = [](const void* context, std::int64_t rows, std::unique_ptr<ModelStream>& result) {
    return (*static_cast<const Make*>(context))(rows, result);
  };
  std::unique_ptr<StreamPool> pool;
  raise_if_error(
      StreamPool::make(factory, &make, {model.input_size, model.output_size, capacity, num_threads}, pool));
  return std::make_unique<PyStreamPool>(std::move(pool), std::move(model));
}

}  // namespace fastgru::bindings
