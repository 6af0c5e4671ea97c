// Binds the decoding of a CTC network's answers: best path, beam search, alignment.
#include <pybind11/stl.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/status.h"
#include "nn/decoding/ctc_align.h"
#include "nn/decoding/ctc_search.h"

namespace fastgru::bindings {
namespace {

using LabelList = std::vector<std::int64_t>;

// log of probabilities (frames, classes), kept alive.
struct PyAnswers {
  Operand<double> log_proba;
  FrameAnswers view;

  explicit PyAnswers(py::handle value) : log_proba(read_dense<double>(value, "log_proba", "(T, classes)")) {
    if (log_proba.ndim != 2 || log_proba.shape[1] < 2) {
      raise_value_error("log_proba must have shape (T, classes), at least 2 of them, got " +
                        shape_of(log_proba.owner));
    }
    view = {log_proba.data, log_proba.shape[0], log_proba.shape[1]};
    for (std::int64_t i = 0; i < view.frames * view.classes; ++i) {
      if (view.log_proba[i] <= 0) continue;
      raise_value_error("log_proba must hold logarithms of probabilities, at most 0, got " +
                        std::to_string(view.log_proba[i]));
    }
  }

  void check_labels(const LabelList& labels, const char* name) const {
    for (const std::int64_t label : labels) {
      if (label >= 1 && label < view.classes) continue;
      raise_value_error(std::string(name) + " must be from 1 to " + std::to_string(view.classes - 1) +
                        ", got " + std::to_string(label));
    }
  }
};

struct PyLexicon {
  LabelList labels, ends = {0};
  std::unique_ptr<Lexicon> trie;

  PyLexicon(const std::vector<LabelList>& words, std::int64_t separator) {
    if (separator < 0) raise_value_error("separator must not be below 0");
    for (const LabelList& word : words) {
      if (word.empty()) raise_value_error("words must not be empty");
      labels.insert(labels.end(), word.begin(), word.end());
      ends.push_back(static_cast<std::int64_t>(labels.size()));
    }
    trie = std::make_unique<Lexicon>(labels, ends, separator);
  }
};

// A language model in Python: begin() -> (state, scores (classes,)), and advance(states, labels) ->
// (states, scores (n, classes)). States are any objects.
class PyScorer final : public PrefixScorer {
 public:
  PyScorer(py::object model, std::int64_t classes) : model_(std::move(model)), classes_(classes) {}

  Status begin(std::int64_t* state, double* scores) override {
    return guarded([&] {
      const py::tuple answer(model_.attr("begin")());
      states_.append(py::object(answer[0]));
      *state = 0;
      read_scores(answer[1], 1, scores);
    });
  }

  Status advance(std::int64_t count, const std::int64_t* states, const std::int64_t* labels,
                 std::int64_t* next, double* scores) override {
    return guarded([&] {
      py::list before, given;
      for (std::int64_t i = 0; i < count; ++i) {
        before.append(py::object(states_[static_cast<std::size_t>(states[i])]));
        given.append(labels[i]);
      }
      const py::tuple answer(model_.attr("advance")(before, given));
      const py::list after(answer[0]);
      if (static_cast<std::int64_t>(after.size()) != count) {
        raise_value_error("the language model gave " + std::to_string(after.size()) + " states for " +
                          std::to_string(count));
      }
      for (std::int64_t i = 0; i < count; ++i) {
        next[i] = static_cast<std::int64_t>(states_.size());
        states_.append(py::object(after[static_cast<std::size_t>(i)]));
      }
      read_scores(answer[1], count, scores);
    });
  }

 private:
  void read_scores(py::handle value, std::int64_t count, double* scores) const {
    const Operand<double> given = read_dense<double>(value, "scores of the language model", "(n, classes)");
    if (given.size() != count * classes_ || given.ndim < 1 ||
        given.shape[static_cast<std::size_t>(given.ndim - 1)] != classes_) {
      raise_value_error("scores of the language model must have shape (" + std::to_string(count) + ", " +
                        std::to_string(classes_) + "), got " + shape_of(given.owner));
    }
    for (std::int64_t i = 0; i < count * classes_; ++i) {
      if (!(given.data[i] < std::numeric_limits<double>::infinity())) {
        raise_value_error("scores of the language model must be logarithms, not NaN or infinity");
      }
      scores[i] = given.data[i];
    }
  }

  // An exception of Python's travels as an interruption, and is raised again at the end.
  template <class Body>
  static Status guarded(Body body) {
    try {
      body();
      return {};
    } catch (py::error_already_set& error) {
      error.restore();
      return Status::interrupted();
    }
  }

  py::object model_;
  py::list states_;
  std::int64_t classes_;
};

LabelList bound_best_path(py::handle log_proba) { return best_path(PyAnswers(log_proba).view); }

py::tuple bound_beam_search(py::handle log_proba, std::int64_t beam_width, const PyLexicon* lexicon,
                            const py::object& scorer, double scorer_weight, double label_bonus) {
  const PyAnswers answers(log_proba);
  SearchOptions options;
  options.beam_width = beam_width;
  options.scorer_weight = scorer_weight;
  options.label_bonus = label_bonus;
  if (lexicon != nullptr) {
    answers.check_labels(lexicon->labels, "the labels of the lexicon");
    options.lexicon = lexicon->trie.get();
  }
  PyScorer model(scorer, answers.view.classes);
  SearchAnswer answer;
  if (scorer.is_none()) {
    run_released(
        [&](const RunOptions& run) { return beam_search(answers.view, options, run.interrupt, answer); });
  } else {
    options.scorer = &model;
    raise_if_error(beam_search(answers.view, options, nullptr, answer));
  }
  return py::make_tuple(answer.labels, answer.log_proba, answer.score);
}

py::tuple bound_align(py::handle log_proba, const LabelList& labels) {
  const PyAnswers answers(log_proba);
  answers.check_labels(labels, "labels");
  Alignment alignment;
  raise_if_error(align(answers.view, labels, alignment));
  return py::make_tuple(alignment.first, alignment.last, alignment.log_proba);
}

}  // namespace

void bind_decoding(py::module_& module) {
  py::class_<PyLexicon>(module, "CtcLexicon")
      .def(py::init<const std::vector<LabelList>&, std::int64_t>(), py::arg("words"), py::arg("separator"));
  module.def("ctc_best_path", &bound_best_path, py::arg("log_proba"));
  module.def("ctc_beam_search", &bound_beam_search, py::arg("log_proba"), py::arg("beam_width"),
             py::arg("lexicon") = py::none(), py::arg("scorer") = py::none(), py::arg("scorer_weight") = 1.0,
             py::arg("label_bonus") = 0.0);
  module.def("ctc_align", &bound_align, py::arg("log_proba"), py::arg("labels"));
}

}  // namespace fastgru::bindings
