// fastgru.hpp: a trained GRU inside an app. C++17; a thin layer over fastgru.h, whose rules hold here too.
//
//   const fastgru::Model model = fastgru::Model::load("nino.safetensors");
//   fastgru::Stream stream = model.stream();
//   stream.step(x, y);  // input_size() raw values in, output_size() answers out: noexcept, real-time safe
//
// eigen.hpp has the same calls for Eigen's matrices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "fastgru/fastgru.h"

namespace fastgru {
inline namespace app {

// What every function that can fail throws; those that are noexcept cannot.
class Error : public std::runtime_error {
 public:
  Error(fastgru_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  fastgru_status status() const noexcept { return status_; }

 private:
  fastgru_status status_;
};

inline void throw_on_error(fastgru_status status, const fastgru_error& error) {
  if (status != FASTGRU_OK) {
    throw Error(status, error.message[0] != '\0' ? error.message : fastgru_status_name(status));
  }
}

// The instruction set of the kernels in this process, and what was wrong with FASTGRU_ISA (or nothing).
inline std::string isa() { return fastgru_isa(); }
inline std::string isa_warning() { return fastgru_isa_warning(); }

// Standardisation: (x - x_mean) / x_scale goes into the network, y * y_scale + y_mean comes out of it.
struct Standardisation {
  std::vector<double> x_mean, x_scale, y_mean, y_scale;
};

// The state of some sequences that advance side by side, one step a call. Copies are independent. One thread
// at a time may use one.
class Stream {
 public:
  Stream(const Stream& other) : Stream(other.copied(), other.inputs_, other.outputs_) {}
  Stream(Stream&&) noexcept = default;
  Stream& operator=(const Stream& other) {
    if (this != &other) *this = Stream(other);
    return *this;
  }
  Stream& operator=(Stream&&) noexcept = default;
  ~Stream() = default;

  std::int64_t rows() const noexcept { return fastgru_stream_rows(handle_.get()); }
  std::int64_t input_size() const noexcept { return inputs_; }
  std::int64_t output_size() const noexcept { return outputs_; }

  // x (rows, input_size), y (rows, output_size): the answer to all steps so far. Real-time safe.
  void step(const float* x, float* y) noexcept { fastgru_stream_step(handle_.get(), x, y); }
  void step(const double* x, double* y) noexcept { fastgru_stream_step_f64(handle_.get(), x, y); }
  // Whether the last step gave a new answer: always, unless the model reads frames.
  bool answered() const noexcept { return fastgru_stream_answered(handle_.get()) != 0; }
  // Begins new sequences, from a state of zeros. Real-time safe. To begin without a jump, save() the state
  // after some thousand steps of silence and restore() it instead: see fastgru_stream_reset.
  void reset() noexcept { fastgru_stream_reset(handle_.get()); }

  // The state as bytes, which restore() of a stream of the same model and as many rows takes back.
  std::size_t state_size() const noexcept { return fastgru_stream_state_size(handle_.get()); }
  std::vector<unsigned char> save() const {
    std::vector<unsigned char> bytes(state_size());
    save(bytes.data());
    return bytes;
  }
  void restore(const std::vector<unsigned char>& bytes) {
    if (!restore(bytes.data(), bytes.size())) {
      throw Error(FASTGRU_INVALID_ARGUMENT, "these bytes are not a state of such a stream");
    }
  }
  // The same for a real-time thread. `to` has room for state_size(). False: not such a state, nothing
  // changed.
  void save(void* to) const noexcept { fastgru_stream_save(handle_.get(), to, state_size()); }
  bool restore(const void* from, std::size_t size) noexcept {
    return fastgru_stream_restore(handle_.get(), from, size) == FASTGRU_OK;
  }

  fastgru_stream* handle() noexcept { return handle_.get(); }

 private:
  friend class Model;
  struct Free {
    void operator()(fastgru_stream* stream) const noexcept { fastgru_stream_free(stream); }
  };
  Stream(fastgru_stream* handle, std::int64_t inputs, std::int64_t outputs) noexcept
      : handle_(handle), inputs_(inputs), outputs_(outputs) {}

  fastgru_stream* copied() const {
    fastgru_stream* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_stream_copy(handle_.get(), &result, &error), error);
    return result;
  }

  std::unique_ptr<fastgru_stream, Free> handle_;
  std::int64_t inputs_, outputs_;
};

// How a Generator draws: see fastgru_sampling.
struct Sampling {
  double temperature = 1.0, top_p = 1.0;
  std::int64_t top_k = 0;
  std::uint64_t seed = 0;
};

// A language model that reads tokens and draws the next ones, for some texts side by side. Copies are
// independent. One thread at a time may use one.
//
//   fastgru::Generator writer = model.generator();
//   std::int64_t token = fastgru::Generator::kEnd;  // begins a text
//   do {
//     writer.feed(&token);
//     writer.draw({}, &token);  // real-time safe, like feed()
//   } while (token != fastgru::Generator::kEnd);
class Generator {
 public:
  static constexpr std::int64_t kEnd = 2;

  Generator(const Generator& other) : Generator(other.copied(), other.outputs_) {}
  Generator(Generator&&) noexcept = default;
  Generator& operator=(const Generator& other) {
    if (this != &other) *this = Generator(other);
    return *this;
  }
  Generator& operator=(Generator&&) noexcept = default;
  ~Generator() = default;

  std::int64_t rows() const noexcept { return fastgru_generator_rows(handle_.get()); }
  std::int64_t output_size() const noexcept { return outputs_; }
  void reset() noexcept { fastgru_generator_reset(handle_.get()); }
  // Reads a token of each row. Real-time safe.
  void feed(const std::int64_t* tokens) noexcept { fastgru_generator_feed(handle_.get(), tokens); }
  // Draws the next token of each row. False: a field of `sampling` is out of range. Real-time safe.
  bool draw(const Sampling& sampling, std::int64_t* tokens) noexcept {
    const fastgru_sampling options = options_of(sampling);
    return fastgru_generator_draw(handle_.get(), &options, tokens) == FASTGRU_OK;
  }
  // p (rows, output_size): how likely draw() draws each token. Real-time safe.
  bool probabilities(const Sampling& sampling, double* p) noexcept {
    const fastgru_sampling options = options_of(sampling);
    return fastgru_generator_probabilities(handle_.get(), &options, p) == FASTGRU_OK;
  }

  // The state as bytes, which restore() of a generator of the same model and as many rows takes back. `to`
  // has room for state_size(). False: not such a state, nothing changed. Real-time safe.
  std::size_t state_size() const noexcept { return fastgru_generator_state_size(handle_.get()); }
  void save(void* to) const noexcept { fastgru_generator_save(handle_.get(), to, state_size()); }
  bool restore(const void* from, std::size_t size) noexcept {
    return fastgru_generator_restore(handle_.get(), from, size) == FASTGRU_OK;
  }

 private:
  friend class Model;
  struct Free {
    void operator()(fastgru_generator* generator) const noexcept { fastgru_generator_free(generator); }
  };
  Generator(fastgru_generator* handle, std::int64_t outputs) noexcept : handle_(handle), outputs_(outputs) {}

  static fastgru_sampling options_of(const Sampling& sampling) noexcept {
    fastgru_sampling options;
    fastgru_sampling_init(&options);
    options.temperature = sampling.temperature;
    options.top_p = sampling.top_p;
    options.top_k = sampling.top_k;
    options.seed = sampling.seed;
    return options;
  }
  fastgru_generator* copied() const {
    fastgru_generator* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_generator_copy(handle_.get(), &result, &error), error);
    return result;
  }

  std::unique_ptr<fastgru_generator, Free> handle_;
  std::int64_t outputs_;
};

// Many sequences of one model, each stepped at its own pace: a step advances those that it names, together,
// several times as fast as a stream for each, to the same bits. One thread at a time.
class StreamPool {
 public:
  StreamPool(StreamPool&&) noexcept = default;
  StreamPool& operator=(StreamPool&&) noexcept = default;
  ~StreamPool() = default;

  std::int64_t capacity() const noexcept { return fastgru_pool_capacity(handle_.get()); }
  std::int64_t size() const noexcept { return fastgru_pool_size(handle_.get()); }  // slots taken

  // These throw Error, and change nothing, if an id is not that of a slot in use or stands twice, or if there
  // are not so many free slots. With one thread they are real-time safe otherwise.
  void acquire(std::int64_t count, std::int64_t* ids) {
    fastgru_error error;
    throw_on_error(fastgru_pool_acquire(handle_.get(), count, ids, &error), error);
  }
  void release(std::int64_t count, const std::int64_t* ids) {
    fastgru_error error;
    throw_on_error(fastgru_pool_release(handle_.get(), count, ids, &error), error);
  }
  void reset(std::int64_t count, const std::int64_t* ids) {
    fastgru_error error;
    throw_on_error(fastgru_pool_reset(handle_.get(), count, ids, &error), error);
  }
  // x (count, input_size), y (count, output_size).
  void step(std::int64_t count, const std::int64_t* ids, const float* x, float* y) {
    fastgru_error error;
    throw_on_error(fastgru_pool_step(handle_.get(), count, ids, x, y, &error), error);
  }
  void step(std::int64_t count, const std::int64_t* ids, const double* x, double* y) {
    fastgru_error error;
    throw_on_error(fastgru_pool_step_f64(handle_.get(), count, ids, x, y, &error), error);
  }
  // Whether the last step of a slot in use gave a new answer: always, unless the model reads frames.
  bool answered(std::int64_t id) const noexcept { return fastgru_pool_answered(handle_.get(), id) == 1; }

  // The state of a slot as bytes, also those of a Stream of one row. `to` has room for state_size(). False:
  // no slot in use, or not such a state; nothing changed.
  std::size_t state_size() const noexcept { return fastgru_pool_state_size(handle_.get()); }
  bool save(std::int64_t id, void* to) noexcept {
    return fastgru_pool_save(handle_.get(), id, to, state_size()) == FASTGRU_OK;
  }
  bool restore(std::int64_t id, const void* from, std::size_t size) noexcept {
    return fastgru_pool_restore(handle_.get(), id, from, size) == FASTGRU_OK;
  }

 private:
  friend class Model;
  struct Free {
    void operator()(fastgru_pool* pool) const noexcept { fastgru_pool_free(pool); }
  };
  explicit StreamPool(fastgru_pool* handle) noexcept : handle_(handle) {}

  std::unique_ptr<fastgru_pool, Free> handle_;
};

// A model file, loaded. Immutable; copies share it; any number of threads may use one at once.
class Model {
 public:
  // `path` is UTF-8. Throws Error: the file cannot be read, or is not a good model file.
  static Model load(const std::string& path) {
    fastgru_model* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_model_load(path.c_str(), &result, &error), error);
    return Model(result);
  }
  // From the bytes of a model file, which are not needed afterwards.
  static Model load(const void* bytes, std::size_t size) {
    fastgru_model* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_model_load_memory(bytes, size, &result, &error), error);
    return Model(result);
  }

  std::string kind() const { return info_.kind; }  // the Python class: "GRU", "GRURegressor"
  std::int64_t input_size() const noexcept { return info_.input_size; }
  std::int64_t output_size() const noexcept { return info_.output_size; }
  std::int64_t hidden_size() const noexcept { return info_.hidden_size; }
  std::int64_t num_layers() const noexcept { return info_.num_layers; }
  std::int64_t directions() const noexcept { return info_.num_directions; }
  bool reset_after() const noexcept { return info_.reset_after != 0; }  // as in PyTorch
  bool has_bias() const noexcept { return info_.has_bias != 0; }
  bool every_step() const noexcept { return info_.every_step != 0; }  // forward() answers after every step
  bool can_stream() const noexcept { return info_.can_stream != 0; }
  bool is_float64() const noexcept { return info_.is_float64 != 0; }
  const fastgru_model_info& info() const noexcept { return info_; }

  // A classifier's classes, in the order of the outputs; two for a single output, the probability of the
  // second. Of a language model, the text of each token (none for the pieces of a tokenizer).
  std::vector<std::string> class_names() const {
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < info_.num_classes; ++i) {
      names.emplace_back(fastgru_model_class_name(handle_.get(), i));
    }
    return names;
  }
  // The user's own metadata, as Python's save(path, metadata={…}) stored them.
  std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> texts;
    for (std::int64_t i = 0; i < info_.num_metadata; ++i) {
      const char* key = fastgru_model_metadata_key(handle_.get(), i);
      texts.emplace(key, fastgru_model_metadata(handle_.get(), key));
    }
    return texts;
  }
  // A field of the configuration: field("pooling") is "mean". Throws Error: there is no such field.
  std::string field(const std::string& name) const {
    const char* text = fastgru_model_field(handle_.get(), name.c_str());
    if (text == nullptr) throw Error(FASTGRU_INVALID_ARGUMENT, "the model has no field '" + name + "'");
    return text;
  }
  // An estimator's standardisation; empty for a layer.
  Standardisation scaling() const {
    if (fastgru_model_parameter_size(handle_.get(), "scaling.x_mean") < 0) return {};
    return {parameter("scaling.x_mean"), parameter("scaling.x_scale"), parameter("scaling.y_mean"),
            parameter("scaling.y_scale")};
  }

  // A stream of `rows` sequences, their state zero. Throws Error if the model has two directions.
  Stream stream(std::int64_t rows = 1) const {
    fastgru_stream* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_stream_new(handle_.get(), rows, &result, &error), error);
    return Stream(result, input_size(), output_size());
  }

  // A pool with slots for `capacity` sequences; num_threads: of a step, 0 lets fastgru choose. Throws Error
  // if the model has two directions.
  StreamPool stream_pool(std::int64_t capacity, int num_threads = 1) const {
    fastgru_pool* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_pool_new(handle_.get(), capacity, num_threads, &result, &error), error);
    return StreamPool(result);
  }

  // A generator of `rows` texts, at their beginning. Throws Error unless the model is a language model.
  Generator generator(std::int64_t rows = 1) const {
    fastgru_generator* result = nullptr;
    fastgru_error error;
    throw_on_error(fastgru_generator_new(handle_.get(), rows, &result, &error), error);
    return Generator(result, output_size());
  }

  // x (rows, steps, input_size), y (rows, output_size), or (rows, steps, output_size) if every_step().
  // lengths: how many steps of each row count, or null. num_threads: 1 stays on this thread, 0 lets fastgru
  // choose.
  void forward(const float* x, std::int64_t rows, std::int64_t steps, float* y,
               const std::int64_t* lengths = nullptr, int num_threads = 1) const {
    fastgru_error error;
    throw_on_error(fastgru_model_forward(handle_.get(), x, rows, steps, lengths, y, num_threads, &error),
                   error);
  }
  void forward(const double* x, std::int64_t rows, std::int64_t steps, double* y,
               const std::int64_t* lengths = nullptr, int num_threads = 1) const {
    fastgru_error error;
    throw_on_error(fastgru_model_forward_f64(handle_.get(), x, rows, steps, lengths, y, num_threads, &error),
                   error);
  }

  // All values of a weight, in C order, under its name in the model file.
  std::vector<double> parameter(const std::string& name, std::int64_t count) const {
    std::vector<double> values(static_cast<std::size_t>(count));
    fastgru_error error;
    throw_on_error(fastgru_model_get_parameter(handle_.get(), name.c_str(), values.data(), count, &error),
                   error);
    return values;
  }

  std::vector<double> parameter(const std::string& name) const {
    const std::int64_t count = fastgru_model_parameter_size(handle_.get(), name.c_str());
    return parameter(name, count < 0 ? 1 : count);  // if there is none, that throws
  }

  // For code that is compiled for one kind of layer, as GruLayer is: throws Error unless the GRU has one
  // direction and this reset variant.
  void require_layer(bool reset_after) const {
    if (info_.num_directions != 1) {
      throw Error(FASTGRU_INVALID_ARGUMENT,
                  "the model's GRU has two directions: one of them alone gives other answers, and the second "
                  "needs the future");
    }
    if ((info_.reset_after != 0) == reset_after) return;
    throw Error(FASTGRU_INVALID_ARGUMENT, reset_after ? "the model's GRU has reset_after=False, wanted True: "
                                                        "GruLayer<I, H, false> is its layer"
                                                      : "the model's GRU has reset_after=True, wanted False: "
                                                        "GruLayer<I, H> is its layer");
  }

  const fastgru_model* handle() const noexcept { return handle_.get(); }

 private:
  explicit Model(fastgru_model* handle) : handle_(handle, fastgru_model_free) {
    info_.struct_size = sizeof(info_);
    throw_on_error(fastgru_model_get_info(handle, &info_), fastgru_error());
  }

  std::shared_ptr<fastgru_model> handle_;
  fastgru_model_info info_ = {};
};

}  // namespace app
}  // namespace fastgru
