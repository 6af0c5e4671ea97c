// The public headers: every entry point gives the bits of the engine.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "app_case.h"
#include "fastgru/eigen.hpp"
#include "fastgru/fastgru.hpp"

using fastgru::Error;
using fastgru::Model;
using fastgru::Stream;
using fastgru_test::AppCase;

namespace {

std::vector<AppCase> all_cases() {
  std::vector<AppCase> cases;
  for (const bool is_double : {false, true}) {
    for (const bool bidirectional : {false, true}) {
      for (const bool reset_after : {false, true}) {
        cases.push_back(fastgru_test::layer_case(is_double, bidirectional, reset_after));
        cases.push_back(fastgru_test::estimator_case(is_double, bidirectional, reset_after));
      }
    }
  }
  return cases;
}

Model load(const AppCase& c) { return Model::load(c.file.data(), c.file.size()); }

template <class X>
std::vector<X> as(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

template <class X>
std::vector<X> forward(const Model& model, const AppCase& c, const std::int64_t* lengths, int num_threads) {
  std::vector<X> y(c.whole.size());
  model.forward(as<X>(c.x).data(), c.rows, c.steps, y.data(), lengths, num_threads);
  return y;
}

// Step t of all rows, side by side.
template <class X>
std::vector<X> step_of(const AppCase& c, std::size_t t) {
  std::vector<X> values;
  for (std::size_t row = 0; row < static_cast<std::size_t>(c.rows); ++row) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(c.inputs); ++i) {
      values.push_back(static_cast<X>(
          c.x[(row * static_cast<std::size_t>(c.steps) + t) * static_cast<std::size_t>(c.inputs) + i]));
    }
  }
  return values;
}

template <class X>
void check_stream(const Model& model, const AppCase& c) {
  Stream stream = model.stream(c.rows);
  CHECK(stream.rows() == c.rows);
  std::vector<X> y(c.after[0].size()), again(y.size());
  for (std::size_t t = 0; t < c.after.size(); ++t) {
    const std::vector<unsigned char> before = stream.save();
    Stream fork = stream;
    stream.step(step_of<X>(c, t).data(), y.data());
    CHECK(y == as<X>(c.after[t]));
    fork.step(step_of<X>(c, t).data(), again.data());  // a copy has the same state
    CHECK(y == again);
    fork.step(step_of<X>(c, t).data(), again.data());
    fork.restore(before);  // restore() returns to it
    fork.step(step_of<X>(c, t).data(), again.data());
    CHECK(y == again);
    fork = stream;
    CHECK(fork.save() == stream.save());
  }
  stream.reset();
  stream.step(step_of<X>(c, 0).data(), y.data());
  CHECK(y == as<X>(c.after[0]));
}

std::string message_of(const std::string& file) {
  try {
    (void)Model::load(file.data(), file.size());
  } catch (const Error& error) {
    CHECK(error.status() == FASTGRU_MODEL_FORMAT);
    return error.what();
  }
  return "loaded";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(from.size() == to.size());  // the length of the header stays
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("forward has the engine's bits, in both precisions of the data") {
  for (const AppCase& c : all_cases()) {
    const Model model = load(c);
    CHECK(model.every_step() == c.every_step);
    CHECK(model.is_float64() == c.is_double);
    CHECK(model.input_size() == c.inputs);
    CHECK(model.output_size() == c.outputs);
    for (const int threads : {0, 1, 2}) {
      CHECK(forward<double>(model, c, nullptr, threads) == c.whole);
      CHECK(forward<float>(model, c, nullptr, threads) == as<float>(c.whole));
      CHECK(forward<double>(model, c, c.lengths.data(), threads) == c.cut);
      CHECK(forward<float>(model, c, c.lengths.data(), threads) == as<float>(c.cut));
    }
  }
}

TEST_CASE("a stream has the engine's bits; copies, states and resets are exact") {
  for (const AppCase& c : all_cases()) {
    const Model model = load(c);
    if (model.can_stream()) {
      check_stream<float>(model, c);
      check_stream<double>(model, c);
    } else {
      CHECK_THROWS_WITH_AS(
          (void)model.stream(),
          "a bidirectional GRU cannot stream: the reverse direction needs the whole sequence", Error);
    }
  }
}

TEST_CASE("a model from a file, and a file that is not there") {
  const AppCase c = fastgru_test::estimator_case(false, false, true);
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / "fastgru-tëst-model.safetensors";
  std::ofstream(path, std::ios::binary) << c.file;
  const Model model = Model::load(path.u8string());
  std::filesystem::remove(path);
  CHECK(model.kind() == "GRURegressor");
  CHECK(forward<double>(model, c, nullptr, 1) == c.whole);
  try {
    (void)Model::load(path.u8string());
    FAIL("loaded");
  } catch (const Error& error) {
    CHECK(error.status() == FASTGRU_IO_ERROR);
    CHECK(std::string(error.what()).find("fastgru-tëst-model.safetensors': No such file") !=
          std::string::npos);
  }
}

TEST_CASE("Eigen's overloads call the same") {
  const AppCase c = fastgru_test::estimator_case(true, false, true);
  const Model model = load(c);
  Stream stream = model.stream();
  const Eigen::VectorXd x = Eigen::Map<const Eigen::VectorXd>(c.x.data(), c.inputs);
  Eigen::VectorXd y(c.outputs);
  fastgru::step(stream, x, y);
  CHECK(y(0) == c.after[0][0]);
  Stream rows = model.stream(c.rows);
  const std::vector<double> first = step_of<double>(c, 0);
  fastgru::RowMajor<double> answers(c.rows, c.outputs);
  const fastgru::RowMajor<double> batch = fastgru::ConstRowMajorMap<double>(first.data(), c.rows, c.inputs);
  fastgru::step(rows, batch, answers);
  CHECK(answers(2, 1) == c.after[0][static_cast<std::size_t>(2 * c.outputs + 1)]);
  const fastgru::RowMajor<double> sequence = fastgru::ConstRowMajorMap<double>(c.x.data(), c.steps, c.inputs);
  CHECK(fastgru::forward(model, sequence)(0, 2) == c.whole[2]);
  CHECK_THROWS_AS(fastgru::forward(model, answers), Error);
}

TEST_CASE("wrong arguments are named") {
  const AppCase c = fastgru_test::estimator_case(false, false, true);
  const Model model = load(c);
  std::vector<float> x(64), y(64);
  const std::int64_t long_length = 9;
  CHECK_THROWS_WITH_AS((void)model.stream(0), "rows must be at least 1, got 0", Error);
  CHECK_THROWS_WITH_AS(model.forward(x.data(), 0, 1, y.data()), "rows must be at least 1, got 0", Error);
  CHECK_THROWS_WITH_AS(model.forward(x.data(), 1, -1, y.data()), "steps must be at least 1, got -1", Error);
  CHECK_THROWS_WITH_AS(model.forward(x.data(), 1, 1, y.data(), nullptr, -1),
                       "num_threads must be at least 0, got -1", Error);
  CHECK_THROWS_WITH_AS(model.forward(x.data(), 1, 2, y.data(), &long_length),
                       "lengths[0] is 9, wanted 0 to 2, the number of steps of x", Error);
  CHECK_THROWS_WITH_AS(model.forward(static_cast<float*>(nullptr), 1, 1, y.data()), "x is null", Error);
  CHECK_THROWS_AS(model.forward(x.data(), std::int64_t{1} << 62, 4, y.data()), Error);
  Stream stream = model.stream();
  std::vector<unsigned char> state = stream.save();
  CHECK_THROWS_AS(model.stream(2).restore(state), Error);
  state[0] ^= 1U;
  CHECK_THROWS_AS(stream.restore(state), Error);
}

TEST_CASE("wrong model files are refused with what is wrong") {
  const std::string good = fastgru_test::estimator_case(false, false, true).file;
  CHECK(message_of(good) == "loaded");
  CHECK(message_of("").find("HeaderTooSmall: ") == 0);
  CHECK(message_of(good.substr(0, good.size() - 1)).find("MetadataIncompleteBuffer: ") == 0);
  CHECK(message_of(replaced(good, "\"format\":\"fastgru\"", "\"format\":\"fastGRU\""))
            .find("not a fastgru model") != std::string::npos);
  CHECK(message_of(replaced(good, "\"format_version\":\"1\"", "\"format_version\":\"9\""))
            .find("in format version 9") != std::string::npos);
  CHECK(message_of(replaced(good, "GRURegressor", "GRUDepressor")) ==
        "unknown kind 'GRUDepressor'; this fastgru knows GRU, GRUClassifier, GRURegressor, "
        "GRUForecaster, GRUAnomalyDetector, GRULanguageModel, GRUTranscriber, GRUSeq2Seq");
  CHECK(message_of(replaced(good, R"(\"output_size\":3)", R"(\"output_size\":4)")) ==
        "tensor 'head.weight' has shape (3, 17), wanted (4, 17)");
  CHECK(message_of(replaced(good, R"(\"output_size\":3)", R"(\"output_size\":0)")) ==
        "output_size must be an integer from 1 to 1099511627776, got '0'");
  CHECK(message_of(replaced(good, R"(\"num_layers\":2)", R"(\"num_layers\":3)")) ==
        "tensor 'gru.weight_ih_l2' is missing");
  CHECK(message_of(replaced(good, R"(\"dropout\":0)", R"(\"dropout\":1)")) ==
        "dropout must be a number in [0, 1), got '1'");
  CHECK(message_of(replaced(good, "float32", "float64")) ==
        "tensor 'gru.weight_ih_l0' has dtype F32, wanted F64");
  CHECK(message_of(replaced(good, "history.loss_curve", "history.lost_curve")) ==
        "unknown tensor 'history.lost_curve'");
  std::string not_finite = good;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(&not_finite[not_finite.size() - sizeof(nan)], &nan, sizeof(nan));
  CHECK(message_of(not_finite).find("holds values that are not finite") != std::string::npos);
}

TEST_CASE("the C functions take NULL where they say so, and report without an error to write to") {
  fastgru_model* model = nullptr;
  fastgru_stream* stream = nullptr;
  CHECK(fastgru_model_load(nullptr, &model, nullptr) == FASTGRU_INVALID_ARGUMENT);
  CHECK(fastgru_model_load("/", &model, nullptr) == FASTGRU_IO_ERROR);
  CHECK(fastgru_model_load_memory("", 0, &model, nullptr) == FASTGRU_MODEL_FORMAT);
  CHECK(fastgru_stream_new(nullptr, 1, &stream, nullptr) == FASTGRU_INVALID_ARGUMENT);
  CHECK(fastgru_model_get_info(nullptr, nullptr) == FASTGRU_INVALID_ARGUMENT);
  fastgru_model_free(nullptr);
  fastgru_stream_free(nullptr);
  CHECK(fastgru_abi_version() == FASTGRU_ABI_VERSION);
  fastgru_error error;
  const std::string path = "/" + std::string(300, 'a') + "\xC3\xA9/" + std::string(300, 'b');
  CHECK(fastgru_model_load(path.c_str(), &model, &error) == FASTGRU_IO_ERROR);
  CHECK(std::strlen(error.message) < sizeof(error.message));
}
