// The Python classes of encoder-decoder networks, in float32.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/exclusive.h"
#include "bindings/status.h"
#include "nn/seq2seq/model.h"
#include "nn/seq2seq/trainer.h"

namespace fastgru::bindings {

// Sequences of symbols as two arrays: all symbols, and where each sequence starts, with the end of the last.
class PyTokenRows {
 public:
  PyTokenRows(py::handle symbols, py::handle starts, const char* name);
  const TokenRows& view() const { return view_; }

 private:
  Operand<std::int64_t> symbols_, starts_;
  TokenRows view_;
};

class PySeq2Seq {
 public:
  explicit PySeq2Seq(const py::kwargs& fields);
  explicit PySeq2Seq(std::shared_ptr<Seq2Seq<float>> network) : network_(std::move(network)) {}

  const std::shared_ptr<Seq2Seq<float>>& core() const { return network_; }

  py::list parameter_layout() const;
  py::array_t<float> parameters() const;  // a read-only view
  void set_parameters(py::handle flat);
  py::dict tensors() const;  // read-only views of the parameters, by name

  // For each source its best answers: tuples of symbols, log probability and score.
  py::list translate(py::handle symbols, py::handle starts, py::handle max_lengths, std::int64_t num_beams,
                     double length_penalty, std::int64_t no_repeat_ngram_size, bool unknown,
                     std::int64_t n_best, int num_threads) const;
  py::object score(py::handle sources, py::handle source_starts, py::handle targets, py::handle target_starts,
                   int num_threads) const;
  py::object attend(py::handle sources, py::handle source_starts, py::handle targets,
                    py::handle target_starts, int num_threads) const;

 private:
  std::shared_ptr<Seq2Seq<float>> network_;
};

class PySeq2SeqTrainer {
 public:
  PySeq2SeqTrainer(const PySeq2Seq& network, const Seq2SeqTrainerOptions& options) {
    raise_if_error(Seq2SeqTrainer<float>::make(network.core(), options, trainer_));
  }

  double run_epoch(py::handle sources, py::handle source_starts, py::handle targets,
                   py::handle target_starts);
  double evaluate(py::handle sources, py::handle source_starts, py::handle targets,
                  py::handle target_starts) const;
  std::vector<double> batch_losses();
  std::int64_t epoch();
  double learning_rate();
  void set_learning_rate(double value);

 private:
  std::unique_ptr<Seq2SeqTrainer<float>> trainer_;
  std::atomic<bool> busy_{false};
};

}  // namespace fastgru::bindings
