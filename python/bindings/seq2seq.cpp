// Binds encoder-decoder networks and their trainers.
#include "bindings/seq2seq.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/fields.h"
#include "bindings/parameters.h"

namespace fastgru::bindings {
namespace {

Seq2SeqConfig config_of(const py::dict& fields) {
  Seq2SeqConfig config;
  std::set<std::string_view> known;
  Seq2SeqConfig::visit(config,
                       [&](std::string_view name, auto&, const auto&, unsigned) { known.insert(name); });
  for (const auto& [key, value] : fields) {
    const auto name = key.cast<std::string>();
    if (known.count(name) == 0) raise_type_error("an encoder-decoder network has no field '" + name + "'");
  }
  FieldsFromPython reader(fields);
  Seq2SeqConfig::visit(config, reader);
  return config;
}

std::unique_ptr<PySeq2SeqTrainer> make_trainer(const PySeq2Seq& network, double learning_rate, double beta_1,
                                               double beta_2, double epsilon, double alpha, double clip_norm,
                                               std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                                               double label_smoothing, int num_threads) {
  Seq2SeqTrainerOptions options;
  options.optimizer.learning_rate = learning_rate;
  options.optimizer.beta_1 = beta_1;
  options.optimizer.beta_2 = beta_2;
  options.optimizer.epsilon = epsilon;
  options.optimizer.alpha = alpha;
  options.optimizer.clip_norm = clip_norm;
  options.batch_size = batch_size;
  options.shuffle = shuffle;
  options.seed = seed;
  options.label_smoothing = label_smoothing;
  options.num_threads = num_threads;
  return std::make_unique<PySeq2SeqTrainer>(network, options);
}

}  // namespace

PyTokenRows::PyTokenRows(py::handle symbols, py::handle starts, const char* name)
    : symbols_(read_dense<std::int64_t>(symbols, name, "(number of symbols,)")),
      starts_(read_dense<std::int64_t>(starts, "starts", "(number of sequences + 1,)")) {
  const bool flat = symbols_.ndim == 1 && starts_.ndim == 1 && starts_.size() >= 1;
  const std::int64_t rows = flat ? starts_.size() - 1 : 0;
  if (!flat || starts_.data[0] != 0 || starts_.data[rows] != symbols_.size() ||
      !std::is_sorted(starts_.data, starts_.data + rows + 1)) {
    raise_value_error(std::string("the starts of ") + name + " must rise from 0 to the number of symbols, " +
                      std::to_string(symbols_.size()));
  }
  view_ = {symbols_.data, starts_.data, rows};
}

PySeq2Seq::PySeq2Seq(const py::kwargs& fields) {
  raise_if_error(Seq2Seq<float>::make(config_of(fields), network_));
}

py::list PySeq2Seq::parameter_layout() const { return layout_of(network_->layout().slots()); }

py::array_t<float> PySeq2Seq::parameters() const {
  const std::shared_ptr<const Seq2SeqParams<float>> held = network_->params();
  return flat_view<float>(held, held->flat(), network_->layout().total());
}

void PySeq2Seq::set_parameters(py::handle flat) {
  const Operand<float> values = read_parameters<float>(flat, "flat", network_->layout().total());
  run_released([&](const RunOptions&) { return network_->set_parameters(values.data); });
}

py::dict PySeq2Seq::tensors() const { return tensors_of<float>(network_->layout().slots(), parameters()); }

py::list PySeq2Seq::translate(py::handle symbols, py::handle starts, py::handle max_lengths,
                              std::int64_t num_beams, double length_penalty,
                              std::int64_t no_repeat_ngram_size, bool unknown, std::int64_t n_best,
                              int num_threads) const {
  const PyTokenRows sources(symbols, starts, "sources");
  const Operand<std::int64_t> most =
      read_dense<std::int64_t>(max_lengths, "max_lengths", "(number of sources,)");
  if (!most.has_shape({sources.view().rows})) raise_value_error("max_lengths must have one number a source");
  const BeamOptions beams{num_beams, length_penalty, unknown, no_repeat_ngram_size};
  std::vector<std::vector<Hypothesis>> answers;
  run_released(
      [&](const RunOptions& options) {
        return network_->translate(sources.view(), most.data, beams, options, answers);
      },
      num_threads);
  py::list all;
  for (const std::vector<Hypothesis>& row : answers) {
    py::list best;
    for (std::size_t i = 0; i < row.size() && static_cast<std::int64_t>(i) < n_best; ++i) {
      py::array_t<std::int64_t> found(static_cast<py::ssize_t>(row[i].symbols.size()), row[i].symbols.data());
      best.append(py::make_tuple(std::move(found), row[i].log_probability, row[i].score));
    }
    all.append(std::move(best));
  }
  return all;
}

py::object PySeq2Seq::score(py::handle sources, py::handle source_starts, py::handle targets,
                            py::handle target_starts, int num_threads) const {
  const PyTokenRows from(sources, source_starts, "sources"), to(targets, target_starts, "targets");
  py::object out = new_array<double>({from.view().rows});
  run_released(
      [&](const RunOptions& options) {
        return network_->score({from.view(), to.view()}, options, data_of<double>(out));
      },
      num_threads);
  return out;
}

py::object PySeq2Seq::attend(py::handle sources, py::handle source_starts, py::handle targets,
                             py::handle target_starts, int num_threads) const {
  const PyTokenRows from(sources, source_starts, "sources"), to(targets, target_starts, "targets");
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < std::min(from.view().rows, to.view().rows); ++i) {
    count += (from.view().length(i) + 1) * (to.view().length(i) + 1);
  }
  py::object out = new_array<float>({count});
  run_released(
      [&](const RunOptions& options) {
        return network_->attend({from.view(), to.view()}, options, data_of<float>(out));
      },
      num_threads);
  return out;
}

double PySeq2SeqTrainer::run_epoch(py::handle sources, py::handle source_starts, py::handle targets,
                                   py::handle target_starts) {
  const PyTokenRows from(sources, source_starts, "sources"), to(targets, target_starts, "targets");
  const Exclusive exclusive(busy_, "trainer");
  double loss = 0;
  run_released([&](const RunOptions& options) {
    return trainer_->run_epoch({from.view(), to.view()}, options.interrupt, loss);
  });
  return loss;
}

double PySeq2SeqTrainer::evaluate(py::handle sources, py::handle source_starts, py::handle targets,
                                  py::handle target_starts) const {
  const PyTokenRows from(sources, source_starts, "sources"), to(targets, target_starts, "targets");
  double loss = 0;
  run_released([&](const RunOptions& options) {
    return trainer_->evaluate({from.view(), to.view()}, options.interrupt, loss);
  });
  return loss;
}

std::vector<double> PySeq2SeqTrainer::batch_losses() {
  const Exclusive exclusive(busy_, "trainer");
  return trainer_->batch_losses();
}
std::int64_t PySeq2SeqTrainer::epoch() {
  const Exclusive exclusive(busy_, "trainer");
  return trainer_->epoch();
}
double PySeq2SeqTrainer::learning_rate() {
  const Exclusive exclusive(busy_, "trainer");
  return trainer_->optimizer().options().learning_rate;
}
void PySeq2SeqTrainer::set_learning_rate(double value) {
  const Exclusive exclusive(busy_, "trainer");
  raise_if_error(trainer_->set_learning_rate(value));
}

py::object seq2seq_object(std::shared_ptr<Seq2Seq<float>> network) {
  return py::cast(std::make_unique<PySeq2Seq>(std::move(network)));
}

void bind_seq2seq(py::module_& module) {
  using Net = PySeq2Seq;
  const BeamOptions b;
  py::class_<Net>(module, "Seq2Seq", "A GRU encoder and a GRU decoder, with or without attention.")
      .def(py::init<const py::kwargs&>())
      .def_property_readonly("parameter_layout", &Net::parameter_layout)
      .def_property_readonly("parameters", &Net::parameters)
      .def("set_parameters", &Net::set_parameters, py::arg("flat"))
      .def_property_readonly("tensors", &Net::tensors)
      .def("translate", &Net::translate, py::arg("sources"), py::arg("source_starts"), py::arg("max_lengths"),
           py::kw_only(), py::arg("num_beams") = b.num_beams, py::arg("length_penalty") = b.length_penalty,
           py::arg("no_repeat_ngram_size") = b.no_repeat_ngram_size, py::arg("unknown") = b.unknown,
           py::arg("n_best") = 1, py::arg("num_threads") = 0)
      .def("score", &Net::score, py::arg("sources"), py::arg("source_starts"), py::arg("targets"),
           py::arg("target_starts"), py::arg("num_threads") = 0)
      .def("attend", &Net::attend, py::arg("sources"), py::arg("source_starts"), py::arg("targets"),
           py::arg("target_starts"), py::arg("num_threads") = 0);

  using Train = PySeq2SeqTrainer;
  const Seq2SeqTrainerOptions t;
  const OptimizerOptions& o = t.optimizer;
  py::class_<Train>(module, "Seq2SeqTrainer", "The mini-batch training loop of an encoder-decoder network.")
      .def(py::init(&make_trainer), py::arg("network"), py::kw_only(),
           py::arg("learning_rate") = o.learning_rate, py::arg("beta_1") = o.beta_1,
           py::arg("beta_2") = o.beta_2, py::arg("epsilon") = o.epsilon, py::arg("alpha") = o.alpha,
           py::arg("clip_norm") = o.clip_norm, py::arg("batch_size") = t.batch_size,
           py::arg("shuffle") = t.shuffle, py::arg("seed") = t.seed,
           py::arg("label_smoothing") = t.label_smoothing, py::arg("num_threads") = t.num_threads)
      .def("run_epoch", &Train::run_epoch, py::arg("sources"), py::arg("source_starts"), py::arg("targets"),
           py::arg("target_starts"))
      .def("evaluate", &Train::evaluate, py::arg("sources"), py::arg("source_starts"), py::arg("targets"),
           py::arg("target_starts"))
      .def_property_readonly("batch_losses", &Train::batch_losses)
      .def_property_readonly("epoch", &Train::epoch)
      .def_property("learning_rate", &Train::learning_rate, &Train::set_learning_rate);
}

}  // namespace fastgru::bindings
