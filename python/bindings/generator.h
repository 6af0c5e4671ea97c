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
#include "runtime/threads.h"

namespace fastgru::bindings {

namespace py = pybind11;

// Many rows are shared among threads, each with a generator of its own.
template <class S>
class PyGenerator {
 public:
  PyGenerator(const NetworkVersion<S>& version, std::int64_t rows) : rows_(rows) {
    constexpr std::int64_t kRowsOfAThread = 8;  // a whole tile
    const std::int64_t threads = usable_threads(0);
    const auto count = std::clamp<std::int64_t>(rows / kRowsOfAThread, 1, threads);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t first = rows * i / count, last = rows * (i + 1) / count;
      parts_.emplace_back();
      raise_if_error(Generator<S>::make(version, last - first, parts_.back(), first));
    }
  }

  std::int64_t rows() const { return rows_; }

  // Reads tokens (rows, n), one step after the other.
  void feed(const py::array_t<std::int64_t, py::array::c_style>& tokens) {
    if (tokens.ndim() != 2 || tokens.shape(0) != rows()) {
      raise_value_error("tokens must have shape (" + std::to_string(rows()) + ", n), got " +
                        shape_of(tokens));
    }
    const Exclusive exclusive(busy_, "generator");
    const std::int64_t count = tokens.shape(1);
    for_parts([&](Generator<S>& part, const std::int64_t first, const Going& going) {
      std::vector<std::int64_t> step(static_cast<std::size_t>(part.rows()));
      for (std::int64_t t = 0; t < count && going(); ++t) {
        for (std::int64_t row = 0; row < part.rows(); ++row) {
          step[static_cast<std::size_t>(row)] = tokens.data()[(first + row) * count + t];
        }
        part.feed(step.data());
      }
    });
  }

  // Draws tokens and reads them, until every row has had the token `end` (-1: none): (rows, n), n <= count,
  // 0 behind the end of a row.
  py::object generate(std::int64_t count, const Sampling& sampling, std::uint64_t seed, std::int64_t end) {
    check(sampling);
    if (count < 0) raise_value_error("count must be at least 0, got " + std::to_string(count));
    const Exclusive exclusive(busy_, "generator");
    std::vector<std::vector<std::int64_t>> drawn(static_cast<std::size_t>(rows()));
    for_parts([&](Generator<S>& part, const std::int64_t first, const Going& going) {
      std::vector<std::int64_t> tokens(static_cast<std::size_t>(part.rows()));
      std::int64_t left = part.rows();
      for (std::int64_t t = 0; t < count && left > 0 && going(); ++t) {
        part.draw(sampling, seed, tokens.data());
        part.feed(tokens.data());
        for (std::size_t row = 0; row < tokens.size(); ++row) {
          std::vector<std::int64_t>& text = drawn[static_cast<std::size_t>(first) + row];
          const bool ended = end >= 0 && !text.empty() && (text.back() == end || text.back() == 0);
          text.push_back(ended ? 0 : tokens[row]);
          if (!ended && tokens[row] == end) --left;
        }
      }
    });
    std::size_t steps = 0;
    for (const std::vector<std::int64_t>& text : drawn) steps = std::max(steps, text.size());
    py::object out = new_array<std::int64_t>({rows(), static_cast<std::int64_t>(steps)});
    std::int64_t* to = data_of<std::int64_t>(out);
    for (const std::vector<std::int64_t>& text : drawn) {
      std::fill_n(std::copy(text.begin(), text.end(), to), steps - text.size(), std::int64_t{0});
      to += steps;
    }
    return out;
  }

  // (rows, classes)
  py::object probabilities(const Sampling& sampling) {
    check(sampling);
    const Exclusive exclusive(busy_, "generator");
    py::object p = new_array<double>({rows(), classes()});
    double* to = data_of<double>(p);
    for (auto& part : parts_) {
      part->probabilities(sampling, to);
      to += part->rows() * classes();
    }
    return p;
  }
  py::object logits() {
    const Exclusive exclusive(busy_, "generator");
    py::object out = new_array<S>({rows(), classes()});
    S* to = data_of<S>(out);
    for (auto& part : parts_) to = std::copy_n(part->logits(), part->rows() * classes(), to);
    return out;
  }

  // A generator of `count` rows that all go on from `row`.
  std::unique_ptr<PyGenerator> spread(std::int64_t row, std::int64_t count) {
    if (row < 0 || row >= rows()) {
      raise_value_error("row must be from 0 to " + std::to_string(rows() - 1) + ", got " +
                        std::to_string(row));
    }
    auto fresh = std::make_unique<PyGenerator>(parts_[0]->version(), count);
    const Exclusive exclusive(busy_, "generator");
    std::size_t from = 0;
    for (; row >= parts_[from]->rows(); ++from) row -= parts_[from]->rows();
    for (auto& part : fresh->parts_) part->set_all_rows(*parts_[from], row);
    return fresh;
  }

  std::unique_ptr<PyGenerator> copy() {
    auto fresh = std::make_unique<PyGenerator>(parts_[0]->version(), rows());
    const Exclusive exclusive(busy_, "generator");
    fresh->parts_.clear();
    for (const auto& part : parts_) {
      fresh->parts_.emplace_back();
      raise_if_error(part->copy(fresh->parts_.back()));
    }
    return fresh;
  }

 private:
  std::int64_t classes() const { return parts_[0]->classes(); }
  void check(const Sampling& sampling) const { raise_if_error(validate(sampling, classes())); }

  // Whether nobody asked to stop; only the calling thread may look for Python's signals.
  class Going {
   public:
    Going(Interrupt& interrupt, bool caller) : interrupt_(interrupt), caller_(caller) {}
    bool operator()() const { return caller_ ? !interrupt_.check() : !interrupt_.raised(); }

   private:
    Interrupt& interrupt_;
    bool caller_;
  };

  // use(part, its first row, going) for every part, without the GIL.
  template <class Use>
  void for_parts(const Use& use) {
    std::vector<std::int64_t> firsts{0};
    for (const auto& part : parts_) firsts.push_back(firsts.back() + part->rows());
    run_released([&](const RunOptions& options) {
      parallel_for(static_cast<std::int64_t>(parts_.size()), static_cast<int>(parts_.size()),
                   [&](std::int64_t item, int thread) {
                     const auto at = static_cast<std::size_t>(item);
                     use(*parts_[at], firsts[at], Going(*options.interrupt, thread == 0));
                   });
      return options.interrupt->raised() ? Status::interrupted() : Status();
    });
  }

  std::int64_t rows_;
  std::vector<std::unique_ptr<Generator<S>>> parts_;
  std::atomic<bool> busy_{false};
};

}  // namespace fastgru::bindings
