// A loaded model, ready to run: a layer or an estimator, of either precision, behind one interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/status.h"
#include "spec/model_metadata.h"

namespace fastgru {

// What a model file says of its model.
struct ModelInfo {
  std::string kind;
  int format_version = 0;
  std::vector<std::string> classes;  // a classifier's: one per output, or two for a single output
  OwnMetadata metadata;              // the user's own, sorted by key
  NamedTexts fields;                 // of the configuration
  std::int64_t input_size = 0, output_size = 0;
  std::int64_t hidden_size = 0, num_layers = 0, directions = 0, parameters = 0;
  bool every_step = false;  // a sequence has one prediction per step instead of one in all
  bool is_double = false;   // computes in float64
  bool reset_after = true, bias = true;
  bool missing_mask = false;         // a NaN in x is a missing value
  std::int64_t vocabulary_size = 0;  // above 0: x holds tokens
  std::int64_t quantiles = 0;        // above 0: each target has as many outputs
  std::int64_t frame_length = 1, frame_step = 1;

  bool can_stream() const { return directions == 1; }
};

// The state of several sequences that advance together. After make() and copy(), nothing here allocates,
// locks, throws or calls the system.
class ModelStream {
 public:
  virtual ~ModelStream() = default;

  virtual std::int64_t rows() const noexcept = 0;
  // x (rows, input_size), y (rows, output_size), both dense.
  virtual void step(const float* x, float* y) noexcept = 0;
  virtual void step(const double* x, double* y) noexcept = 0;
  virtual void reset() noexcept = 0;
  // Whether the last step gave a new answer: with frames, at the end of each alone.
  virtual bool answered() const noexcept { return true; }
  // The state as bytes, in this machine's byte order. restore() of a stream of the same shape accepts them.
  virtual std::size_t state_bytes() const noexcept = 0;
  virtual void save(void* to) const noexcept = 0;
  virtual void restore(const void* from) noexcept = 0;
  virtual Status copy(std::unique_ptr<ModelStream>& result) const = 0;

  // For pools (model/stream_pool.h): the first `rows` rows, each a sequence of its own whose state
  // restore_row() put there, in the bytes that save() of a stream of one row has. Rows that are stepped
  // together have one phase(): with frames, the time steps until the next one ends.
  virtual void step_rows(const float* x, float* y, std::int64_t rows) noexcept = 0;
  virtual void step_rows(const double* x, double* y, std::int64_t rows) noexcept = 0;
  virtual std::size_t row_bytes() const noexcept = 0;
  virtual void save_row(std::int64_t row, void* to) const noexcept = 0;
  virtual void restore_row(std::int64_t row, const void* from) noexcept = 0;
  virtual bool has_phases() const noexcept { return false; }
  virtual std::int64_t phase(const void* /*row_state*/) const noexcept { return 0; }
  virtual bool answered_row(const void* /*row_state*/) const noexcept { return true; }
};

// How a token is drawn; see nn/decoding/sampling.h.
struct DrawOptions {
  double temperature = 1.0, top_p = 1.0;
  std::int64_t top_k = 0;
  std::uint64_t seed = 0;
};

// A language model that reads tokens and draws the next ones, for some sequences side by side; see
// nn/decoding/generator.h. After it is made and copied, nothing here allocates, locks, throws or calls the
// system.
class ModelGenerator {
 public:
  virtual ~ModelGenerator() = default;

  virtual std::int64_t rows() const noexcept = 0;
  virtual void reset() noexcept = 0;
  virtual void feed(const std::int64_t* tokens) noexcept = 0;
  // Both return false, and do nothing, if an option is out of range.
  virtual bool draw(const DrawOptions& options, std::int64_t* tokens) noexcept = 0;
  virtual bool probabilities(const DrawOptions& options, double* p) noexcept = 0;
  virtual std::size_t state_bytes() const noexcept = 0;
  virtual void save(void* to) const noexcept = 0;
  virtual void restore(const void* from) noexcept = 0;
  virtual Status copy(std::unique_ptr<ModelGenerator>& result) const = 0;
};

// Dense sequences of the same length: x (rows, steps, input_size). y: (rows, steps, output_size) if the model
// has a prediction for every step, else (rows, output_size).
template <class X>
struct SequenceCall {
  const X* x = nullptr;
  std::int64_t rows = 0, steps = 0;
  const std::int64_t* lengths = nullptr;  // (rows), each in [0, steps]; null: all steps
  X* y = nullptr;
  int num_threads = 1;  // 0: the process-wide setting
};

class StreamPool;  // model/stream_pool.h

// Immutable, so any number of threads may use a model at once.
class LoadedModel {
 public:
  virtual ~LoadedModel() = default;

  const ModelInfo& info() const { return info_; }
  virtual Status stream(std::int64_t rows, std::unique_ptr<ModelStream>& result) const = 0;
  // `num_threads`: of a step; 0: the process-wide setting.
  Status stream_pool(std::int64_t capacity, int num_threads, std::unique_ptr<StreamPool>& result) const;
  // An error unless the model is a language model.
  virtual Status generator(std::int64_t rows, std::unique_ptr<ModelGenerator>& result) const;
  virtual Status forward(const SequenceCall<float>& call) const = 0;
  virtual Status forward(const SequenceCall<double>& call) const = 0;
  // Copies all values of a weight or a tensor of the scaling, by its name in the model file; `count` must be
  // their number.
  virtual Status parameter(std::string_view name, double* values, std::int64_t count) const = 0;
  virtual std::int64_t parameter_size(std::string_view name) const = 0;  // -1: no such tensor

 protected:
  ModelInfo info_;
};

using LoadedModelPtr = std::shared_ptr<const LoadedModel>;

// Loads a model. Sizes are checked before memory is taken for them. A bad file gives a model_format Status.
Status load_model(const std::filesystem::path& path, LoadedModelPtr& result);
Status load_model(const void* bytes, std::size_t size, LoadedModelPtr& result);

}  // namespace fastgru
