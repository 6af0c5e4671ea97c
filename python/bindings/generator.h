// The Python class of a language model's generator.
#pragma once

#include <pybind11/numpy.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/exclusive.h"
#include "bindings/status.h"
#include "nn/decoding/generator.h"

namespace fastgru::bindings {

namespace py = pybind11;

template <class S>
class PyGenerator {
 public:
  explicit PyGenerator(std::unique_ptr<Generator<S>> generator) : generator_(std::move(generator)) {}

  std::int64_t rows() const { return generator_->rows(); }

  // Reads tokens (rows, n), one step after the other.
  void feed(const py::array_t<std::int64_t, py::array::c_style>& tokens) {
    if (tokens.ndim() != 2 || tokens.shape(0) != rows()) {
      raise_value_error("tokens must have shape (" + std::to_string(rows()) + ", n), got " +
                        shape_of(tokens));
    }
    const Exclusive exclusive(busy_, "generator");
    const std::int64_t count = tokens.shape(1);
    std::vector<std::int64_t> step(static_cast<std::size_t>(rows()));
    run_released([&](const RunOptions& options) {
      for (std::int64_t t = 0; t < count; ++t) {
        if (options.interrupt->check()) return Status::interrupted();
        for (std::int64_t row = 0; row < rows(); ++row) {
          step[static_cast<std::size_t>(row)] = tokens.data()[row * count + t];
        }
        generator_->feed(step.data());
      }
      return Status();
    });
  }

  // Draws tokens and reads them, until every row has had the token `end` (-1: none): (rows, n), n <= count,
  // 0 behind the end of a row.
  py::object generate(std::int64_t count, const Sampling& sampling, std::uint64_t seed, std::int64_t end) {
    raise_if_error(validate(sampling, generator_->classes()));
    if (count < 0) raise_value_error("count must be at least 0, got " + std::to_string(count));
    const Exclusive exclusive(busy_, "generator");
    std::vector<std::int64_t> drawn;  // (steps, rows)
    run_released([&](const RunOptions& options) {
      std::vector<std::uint8_t> ended(static_cast<std::size_t>(rows()));
      std::vector<std::int64_t> tokens(static_cast<std::size_t>(rows()));
      for (std::int64_t t = 0; t < count; ++t) {
        if (options.interrupt->check()) return Status::interrupted();
        if (end >= 0 && std::all_of(ended.begin(), ended.end(), [](std::uint8_t e) { return e != 0; })) break;
        generator_->draw(sampling, seed, tokens.data());
        generator_->feed(tokens.data());
        for (std::size_t row = 0; row < tokens.size(); ++row) {
          drawn.push_back(ended[row] != 0 ? 0 : tokens[row]);
          if (tokens[row] == end) ended[row] = 1;
        }
      }
      return Status();
    });
    const auto steps = static_cast<std::int64_t>(drawn.size()) / rows();
    py::object out = new_array<std::int64_t>({rows(), steps});
    for (std::int64_t row = 0; row < rows(); ++row) {
      for (std::int64_t t = 0; t < steps; ++t) {
        data_of<std::int64_t>(out)[row * steps + t] = drawn[static_cast<std::size_t>(t * rows() + row)];
      }
    }
    return out;
  }

  py::object probabilities(const Sampling& sampling) {
    raise_if_error(validate(sampling, generator_->classes()));
    const Exclusive exclusive(busy_, "generator");
    py::object p = new_array<double>({rows(), generator_->classes()});
    generator_->probabilities(sampling, data_of<double>(p));
    return p;
  }

  // (rows, classes)
  py::object logits() {
    const Exclusive exclusive(busy_, "generator");
    py::object out = new_array<S>({rows(), generator_->classes()});
    std::copy_n(generator_->logits(), rows() * generator_->classes(), data_of<S>(out));
    return out;
  }

  // A generator of `count` rows that all go on from `row`.
  std::unique_ptr<PyGenerator> spread(std::int64_t row, std::int64_t count) {
    if (row < 0 || row >= rows()) {
      raise_value_error("row must be from 0 to " + std::to_string(rows() - 1) + ", got " +
                        std::to_string(row));
    }
    std::unique_ptr<Generator<S>> fresh;
    raise_if_error(Generator<S>::make(generator_->version(), count, fresh));
    const Exclusive exclusive(busy_, "generator");
    fresh->set_all_rows(*generator_, row);
    return std::make_unique<PyGenerator>(std::move(fresh));
  }
  std::unique_ptr<PyGenerator> copy() {
    const Exclusive exclusive(busy_, "generator");
    std::unique_ptr<Generator<S>> fresh;
    raise_if_error(generator_->copy(fresh));
    return std::make_unique<PyGenerator>(std::move(fresh));
  }

 private:
  std::unique_ptr<Generator<S>> generator_;
  std::atomic<bool> busy_{false};
};

}  // namespace fastgru::bindings
