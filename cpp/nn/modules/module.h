// A module: one stage of a network. It owns the place of its parameters in the flat vector and its scratch,
// and computes forward, backward and, where it can stream, single steps.
//
// A chain and its modules belong to one caller at a time (a trainer, a prediction, a stream). Every call
// passes the parameters. An indirect call happens once per module and call, never per row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "nn/data/samples.h"
#include "nn/modules/summary.h"
#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// The parameters of one module, packed for its kernels.
template <class S>
class PackedParameters {
 public:
  virtual ~PackedParameters() = default;
  // Packs from the flat vector; allocates on the first call only.
  virtual Status assign(const S* flat) = 0;
};

// One version of all parameters: the flat vector, and the packed parameters of each module (null: none).
template <class S>
struct Parameters {
  const S* flat = nullptr;
  const std::vector<std::unique_ptr<PackedParameters<S>>>* packed = nullptr;
};

// One pass of a block of rows through a chain.
template <class S>
struct ModuleCall {
  Parameters<S> params;
  const Scaling* scaling = nullptr;
  std::int64_t steps = 1;  // of the block; of a stream: the number of this frame since the last reset, from 1
  std::int64_t rows = 0;
  const std::int64_t* lengths = nullptr;  // steps of each row; null: all of them
  bool training = false;                  // keep the tape for backward
  bool drops = false;                     // dropout is active, its masks keyed by `seed`
  bool continues = false;                 // the rows start from the states of carry_state()
  std::uint64_t seed = 0;
  RunOptions options;

  const std::int64_t* row_steps = nullptr;  // of a stream: the same number for each row; null: `steps`
  std::int64_t length(std::int64_t b) const { return lengths == nullptr ? steps : lengths[b]; }
  std::int64_t step_of(std::int64_t b) const { return row_steps == nullptr ? steps : row_steps[b]; }
};

// The output of one module and the input of the next. A module reads the members that it knows.
template <class S>
struct Signal {
  const SampleArray* samples = nullptr;  // raw units, of the rows of `block`
  const BlockRows* block = nullptr;
  const std::int64_t* tokens = nullptr;  // (steps, rows), 0 beyond a row's length
  const S* values = nullptr;             // (steps, rows, width), dense; null if only `last` is read
  const S* last = nullptr;               // (L*D, rows, H): the last states of every layer of a GRU
  std::int64_t steps = 1, rows = 0, width = 0;

  std::int64_t count() const { return steps * rows; }
};

// The input of the first module: the caller's samples.
template <class S>
Signal<S> samples_of(const SampleArray& samples, const BlockRows& block) {
  Signal<S> signal;
  signal.samples = &samples;
  signal.block = &block;
  signal.steps = block.steps;
  signal.rows = block.rows;
  return signal;
}

// The gradient of the loss with respect to a module's output.
template <class S>
struct SignalGradient {
  SequenceView<S> values;   // of every step; data null: zeros
  const S* last = nullptr;  // with respect to the last states; null: zeros
};

// One time step of a stream.
template <class S>
struct StepSignal {
  const void* raw = nullptr;  // (rows, features) of type `type`, before the input encoder
  SampleType type = SampleType::float32;
  const std::int64_t* tokens = nullptr;
  S* values = nullptr;   // (rows, width)
  bool pending = false;  // the step completes no frame: the modules behind have nothing to do
};

template <class S>
class Module {
 public:
  virtual ~Module() = default;

  // Whether a network has this module. An optional module hides this function with its own.
  static bool wanted(const NetworkConfig&) { return true; }

  // Names, shapes and offsets of the module's tensors; offsets count from the module's first value.
  virtual std::vector<ParamSlot> parameters() const { return {}; }
  // Appends the lines of the summary. `standardized`: whether the inputs are scaled to a common spread.
  virtual void describe(bool standardized, std::vector<SummaryLine>& lines) const = 0;
  // Storage for packed parameters; null if the module reads the flat vector.
  virtual std::unique_ptr<PackedParameters<S>> make_packed() const { return nullptr; }

  // Reserves scratch for blocks of `steps` steps and up to `rows` rows.
  virtual Status reserve(std::int64_t steps, std::int64_t rows, bool training) = 0;
  virtual Status forward(const ModuleCall<S>& call, const Signal<S>& in, Signal<S>& out) = 0;
  // Maps the gradient of the last forward()'s output to the gradients of the module's parameters, at their
  // place in `gradient` (overwritten), and, if `in` is not null, to the gradient of its input.
  virtual Status backward(const ModuleCall<S>& call, const SignalGradient<S>& out, SignalGradient<S>* in,
                          S* gradient) = 0;
  // Keeps the states at the end of the last forward() for the next call that `continues`.
  virtual void carry_state() {}
  virtual bool has_state() const { return false; }

  // Reserves scratch and state of a stream of `rows` rows. step() then allocates nothing.
  virtual Status reserve_stream(const Parameters<S>& /*params*/, const std::shared_ptr<const void>& /*owner*/,
                                std::int64_t /*rows*/) {
    return {};
  }
  // Whether a step is the identity. A stream then leaves the module out.
  virtual bool step_is_identity() const { return false; }
  virtual void step(const ModuleCall<S>& call, StepSignal<S>& signal) noexcept = 0;
  virtual void reset() noexcept {}
  // The state on which the next steps depend, as bytes.
  virtual std::size_t state_bytes() const noexcept { return 0; }
  virtual void save(char* /*to*/) const noexcept {}
  virtual void restore(const char* /*from*/) noexcept {}
  // The same of one row, as a stream of one row alone has it. Rows that are stepped together must agree in
  // what a module holds once for all rows: see InputEncoder.
  virtual std::size_t row_bytes() const noexcept { return 0; }
  virtual void save_row(std::int64_t /*row*/, char* /*to*/) const noexcept {}
  virtual void restore_row(std::int64_t /*row*/, const char* /*from*/) noexcept {}

  // Called by the chain: the module's number, the offset of its parameters, and whether a module before it
  // has parameters, so that backward() must compute the gradient of its input.
  void place(std::size_t index, std::int64_t offset, bool input_gradient) {
    index_ = index;
    offset_ = offset;
    input_gradient_ = input_gradient;
  }
  std::int64_t offset() const { return offset_; }
  bool input_gradient() const { return input_gradient_; }

 protected:
  template <class Packed>
  const Packed& packed(const Parameters<S>& params) const {
    return static_cast<const Packed&>(*(*params.packed)[index_]);
  }

 private:
  std::size_t index_ = 0;
  std::int64_t offset_ = 0;
  bool input_gradient_ = false;
};

}  // namespace fastgru
