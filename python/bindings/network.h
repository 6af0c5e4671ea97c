// The Python class of a network.
#pragma once

#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "bindings/fields.h"
#include "bindings/generator.h"
#include "bindings/network_stream.h"
#include "bindings/stream_pool.h"
#include "bindings/parameters.h"
#include "bindings/status.h"
#include "bindings/training_data.h"
#include "nn/network.h"
#include "model/parts.h"
#include "nn/stream.h"
#include "spec/model_spec.h"

namespace fastgru::bindings {

template <class S>
class PyNetwork {
 public:
  explicit PyNetwork(const NetworkConfig& config) { raise_if_error(Network<S>::make(config, network_)); }
  explicit PyNetwork(std::shared_ptr<Network<S>> network) : network_(std::move(network)) {}

  const std::shared_ptr<Network<S>>& core() const { return network_; }
  const NetworkConfig& config() const { return network_->config(); }

  std::int64_t features() const { return config().features(); }

  py::list summary(bool standardized) const {
    py::list lines;
    for (const SummaryLine& line : network_->summary(standardized)) {
      lines.append(py::make_tuple(line.name, py::tuple(py::cast(line.shape)), line.parameters));
    }
    return lines;
  }

  py::list parameter_layout() const { return layout_of(network_->layout().slots()); }

  py::array_t<S> parameters() const {
    const std::shared_ptr<const NetworkParams<S>> held = network_->version().params;
    return flat_view<S>(held, held->flat(), network_->layout().total());
  }

  void set_parameters(py::handle flat) {
    const Operand<S> values = read_parameters<S>(flat, "flat", network_->layout().total());
    run_released([&](const RunOptions&) { return network_->set_parameters(values.data); });
  }

  // The network's tensors in a model file: its parameters (read-only views) and its scaling.
  py::dict tensors() const {
    py::dict named = tensors_of<S>(network_->layout().slots(), parameters());
    const py::tuple columns = scaling();
    for (std::size_t i = 0; i < kScaling.size(); ++i) named[kScaling[i]] = columns[i];
    return named;
  }

  py::tuple scaling() const {
    const auto column = [](const std::vector<double>& values) {
      return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
    };
    const std::shared_ptr<const Scaling> now = network_->version().scaling;
    return py::make_tuple(column(now->x_mean), column(now->x_scale), column(now->y_mean),
                          column(now->y_scale));
  }

  void set_scaling(py::handle x_mean, py::handle x_scale, py::handle y_mean, py::handle y_scale) {
    const std::int64_t inputs = config().features(), outputs = config().output_size;
    raise_if_error(network_->set_scaling(
        {read_column(x_mean, "x_mean", inputs), read_column(x_scale, "x_scale", inputs),
         read_column(y_mean, "y_mean", outputs), read_column(y_scale, "y_scale", outputs)}));
  }

  py::object predict(py::handle x_in, py::handle lengths_in, py::handle rows_in, bool raw,
                     int num_threads) const {
    if (num_threads < 0)
      raise_value_error("num_threads must be at least 0, got " + std::to_string(num_threads));
    const Sequences x(x_in, "x", config().features(), rows_in, config().vocabulary_size > 0);
    const Column<std::int64_t> given = lengths_of(x, lengths_in);
    const std::int64_t* lengths = x.lengths() != nullptr ? x.lengths() : given.data();
    raise_if_error(validate_inputs(x.view(), lengths, config()));  // before the result is allocated
    const std::int64_t samples = x.view().samples, width = config().logits();
    py::object out;
    if (!config().sequence) {
      out = new_array<S>({samples, width});
    } else if (lengths == nullptr) {
      out = new_array<S>({samples, x.view().steps, width});
    } else {
      out = new_array<S>({std::accumulate(lengths, lengths + samples, std::int64_t{0}), width});
    }
    run_released(
        [&](const RunOptions& options) {
          return network_->predict(x.view(), lengths, raw, data_of<S>(out), options);
        },
        num_threads);
    return out;
  }

  // The GRU's input for x: (steps or frames, N, input_size), zeros beyond the end of a list's sequences.
  py::object inputs(py::handle x_in) const {
    const Sequences x(x_in, "x", config().features(), py::none(), config().vocabulary_size > 0);
    raise_if_error(validate_inputs(x.view(), x.lengths(), config()));
    const std::int64_t steps = config().frames(x.view().steps);
    py::object out = new_array<S>({steps, x.view().samples, config().gru.input_size});
    run_released([&](const RunOptions& options) {
      return network_->inputs(x.view(), x.lengths(), data_of<S>(out), options);
    });
    return out;
  }

  // The loss of each prediction: (N,), or, with one for every step, those of all sequences after one another.
  py::object losses(py::handle x, py::handle y, py::handle lengths, int num_threads) const {
    const PyTrainingData data(config(), x, y, py::none(), lengths, py::none(), py::none(), py::none());
    const TrainingData& view = data.view;
    std::int64_t count = view.x.samples * (config().sequence ? view.x.steps : 1);
    if (config().sequence && view.lengths != nullptr) {
      count = std::accumulate(view.lengths, view.lengths + view.x.samples, std::int64_t{0});
    }
    py::object out = new_array<double>({count});
    run_released(
        [&](const RunOptions& options) { return network_->losses(view, options, data_of<double>(out)); },
        num_threads);
    return out;
  }

  std::unique_ptr<PyGenerator<S>> generator(std::int64_t rows) const {
    return std::make_unique<PyGenerator<S>>(network_->version(), rows);
  }

  std::unique_ptr<PyNetworkStream<S>> stream(std::int64_t batch_size, py::object reader) const {
    std::unique_ptr<NetworkStream<S>> stream;
    raise_if_error(check_stream(config().gru, batch_size, sizeof(S), "batch_size"));
    raise_if_error(NetworkStream<S>::make(network_->version(), batch_size, stream));
    return std::make_unique<PyNetworkStream<S>>(std::move(stream), std::move(reader));
  }

  std::unique_ptr<PyStreamPool> stream_pool(std::int64_t capacity, int num_threads, py::object reader) const {
    const NetworkConfig& c = config();
    PoolModel model;
    model.input_size = c.features();
    model.output_size = c.logits();
    model.gru = c.gru;
    model.is_double = std::is_same_v<S, double>;
    model.is_network = true;
    model.tokens = c.vocabulary_size > 0;
    model.missing_mask = c.missing_mask;
    model.reader = std::move(reader);
    const NetworkVersion<S> version = network_->version();
    const auto make = [&version](std::int64_t rows, std::unique_ptr<ModelStream>& result) {
      return make_stream<S>(version, rows, result);
    };
    return make_pool(make, std::move(model), capacity, num_threads);
  }

 private:
  std::shared_ptr<Network<S>> network_;
};

}  // namespace fastgru::bindings
