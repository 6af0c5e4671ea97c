// The GRU of one scalar type: immutable weights, forward, forward for training, backward, one streaming step.
// float runs on the packed kernels (engine_f32/), double on the Eigen reference (reference/); both have this
// one surface.
//
// Shapes: T steps, B batch, I input_size, H hidden_size, L num_layers, D directions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/params.h"
#include "runtime/interrupt.h"
#include "runtime/status.h"

namespace fastgru {

// A (T, B, F) array whose features are contiguous; the other strides are free (in elements).
template <class S>
struct SequenceView {
  S* data = nullptr;
  std::int64_t steps = 0, rows = 0, features = 0;
  std::int64_t step_stride = 0, row_stride = 0;

  S* at(std::int64_t t, std::int64_t b) const { return data + t * step_stride + b * row_stride; }
};

template <class S>
SequenceView<S> dense_view(S* data, std::int64_t steps, std::int64_t rows, std::int64_t features) {
  return {data, steps, rows, features, rows * features, features};
}

// Choices of the plan that a test may force. By default the engine chooses.
struct PlanHints {
  int hoist = -1;              // 1: W x before the recurrence, 0: in it
  std::int64_t chunk = 0;      // time steps of hoisted W x at once
  std::int64_t row_block = 0;  // batch rows of one work item, at most
  int slices = 0;              // threads that share the hidden units of a work item
  int threads = 0;             // overrides the minimum work per thread
};

struct RunOptions {
  int num_threads = 0;             // 0: the process-wide setting
  Interrupt* interrupt = nullptr;  // may be null
  PlanHints hints;                 // the double engine has no plans and ignores them
  // forward_train keeps the states alone on the tape, and backward recomputes the gates (gradient
  // checkpointing). dx and dh0 have the same bits; dparams is summed in another order. The double engine
  // ignores this and keeps everything.
  bool low_memory = false;
};

template <class S>
struct ForwardArgs {
  SequenceView<const S> x;                // (T, B, I)
  const S* h0 = nullptr;                  // (L*D, B, H), null: zeros
  const std::int64_t* lengths = nullptr;  // (B), each in [0, T]; null: all T. Checked by the engine.
  SequenceView<S> y;                      // (T, B, D*H); data may be null in forward(): only h_n is wanted
  S* h_n = nullptr;                       // (L*D, B, H)
};

template <class S>
struct BackwardArgs {
  SequenceView<const S> dy;  // (T, B, D*H); data null: zeros. Values beyond a row's length are ignored.
  const S* dh_n = nullptr;   // (L*D, B, H), null: zeros
  SequenceView<S> dx;        // (T, B, I); data null: not wanted
  S* dh0 = nullptr;          // (L*D, B, H), null: not wanted
  S* dparams = nullptr;      // ParamLayout::total(), overwritten
};

// One version of the parameters, packed for the engine. Once shared it must not be assigned again, so that
// any number of calls may use it at once; a trainer owns one and re-assigns it every step.
template <class S>
class Weights {
 public:
  explicit Weights(const GruConfig& config);  // config must have passed validate()
  ~Weights();
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;

  // Copies ParamLayout::total() values and packs. Allocates on the first call only.
  Status assign(const S* params);

  const ParamLayout& layout() const;
  const GruConfig& config() const { return layout().config(); }
  const S* params() const;

  struct Packed;  // of the engine alone
  const Packed& packed() const { return *packed_; }

 private:
  std::unique_ptr<Packed> packed_;
};

// The results of forward_train that backward needs. Its memory is kept for the next call of the same shape.
template <class S>
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(Tape&&) noexcept;
  Tape& operator=(Tape&&) noexcept;

  // Set by forward_train, cleared by backward, which overwrites the tape.
  bool ready() const;
  std::int64_t steps() const;
  std::int64_t rows() const;

  struct State;  // of the engine alone
  State& state() { return *state_; }
  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// Scratch of forward(), reused between calls.
template <class S>
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// y beyond a row's length is zero; h_n is the row's state at its own end; the reverse direction starts there.
template <class S>
Status forward(const Weights<S>& weights, const ForwardArgs<S>& args, Workspace<S>& workspace,
               const RunOptions& options);

// The same numbers as forward(), and a tape. x and y must stay in place and unchanged until backward() is
// done, which with low_memory writes the states into y once more. dropout_seed keys the masks between layers;
// with config.dropout == 0 it is not used.
template <class S>
Status forward_train(const Weights<S>& weights, const ForwardArgs<S>& args, std::uint64_t dropout_seed,
                     Tape<S>& tape, const RunOptions& options);

// Gradients of sum(y * dy) + sum(h_n * dh_n). Consumes the tape.
template <class S>
Status backward(const Weights<S>& weights, Tape<S>& tape, const BackwardArgs<S>& args,
                const RunOptions& options);

// The state of `rows` sequences that advance together, one step a call. D must be 1.
template <class S>
class Stream {
 public:
  Stream(std::shared_ptr<const Weights<S>> weights, std::int64_t rows);
  ~Stream();
  Stream(const Stream&);
  Stream& operator=(const Stream&) = delete;

  const Weights<S>& weights() const { return *weights_; }
  std::int64_t rows() const { return rows_; }

  // One step. x is (rows, I). y (rows, H) receives the top layer's new state; it may be null, then only the
  // state moves. No allocation, no lock, no exception.
  void step(const S* x, S* y) noexcept { step(x, y, rows_); }
  // The same for the first `rows` of the sequences. The states of the others are unspecified afterwards.
  void step(const S* x, S* y, std::int64_t rows) noexcept;
  // (L, rows, H)
  void get_state(S* state) const noexcept;
  void set_state(const S* state) noexcept;
  void reset() noexcept;
  // Of one sequence, (L, H).
  void get_row(std::int64_t row, S* state) const noexcept;
  void set_row(std::int64_t row, const S* state) noexcept;

  struct Impl;

 private:
  std::shared_ptr<const Weights<S>> weights_;
  std::int64_t rows_;
  std::unique_ptr<Impl> impl_;
};

// The plans for calls of this shape, forward, training and streaming: one screen of text.
template <class S>
std::string explain(const Weights<S>& weights, std::int64_t steps, std::int64_t rows, int num_threads);

// Both engines are explicit specialisations: float in engine_f32/, double in reference/.
#define FASTGRU_DECLARE_ENGINE(S)                                                             \
  template <>                                                                                 \
  Weights<S>::Weights(const GruConfig&);                                                      \
  template <>                                                                                 \
  Weights<S>::~Weights();                                                                     \
  template <>                                                                                 \
  Status Weights<S>::assign(const S*);                                                        \
  template <>                                                                                 \
  const ParamLayout& Weights<S>::layout() const;                                              \
  template <>                                                                                 \
  const S* Weights<S>::params() const;                                                        \
  template <>                                                                                 \
  Tape<S>::Tape();                                                                            \
  template <>                                                                                 \
  Tape<S>::~Tape();                                                                           \
  template <>                                                                                 \
  Tape<S>::Tape(Tape&&) noexcept;                                                             \
  template <>                                                                                 \
  Tape<S>& Tape<S>::operator=(Tape&&) noexcept;                                               \
  template <>                                                                                 \
  bool Tape<S>::ready() const;                                                                \
  template <>                                                                                 \
  std::int64_t Tape<S>::steps() const;                                                        \
  template <>                                                                                 \
  std::int64_t Tape<S>::rows() const;                                                         \
  template <>                                                                                 \
  Workspace<S>::Workspace();                                                                  \
  template <>                                                                                 \
  Workspace<S>::~Workspace();                                                                 \
  template <>                                                                                 \
  Workspace<S>::Workspace(Workspace&&) noexcept;                                              \
  template <>                                                                                 \
  Workspace<S>& Workspace<S>::operator=(Workspace&&) noexcept;                                \
  template <>                                                                                 \
  Status forward(const Weights<S>&, const ForwardArgs<S>&, Workspace<S>&, const RunOptions&); \
  template <>                                                                                 \
  Status forward_train(const Weights<S>&, const ForwardArgs<S>&, std::uint64_t, Tape<S>&,     \
                       const RunOptions&);                                                    \
  template <>                                                                                 \
  Status backward(const Weights<S>&, Tape<S>&, const BackwardArgs<S>&, const RunOptions&);    \
  template <>                                                                                 \
  Stream<S>::Stream(std::shared_ptr<const Weights<S>>, std::int64_t);                         \
  template <>                                                                                 \
  Stream<S>::~Stream();                                                                       \
  template <>                                                                                 \
  Stream<S>::Stream(const Stream&);                                                           \
  template <>                                                                                 \
  void Stream<S>::step(const S*, S*, std::int64_t) noexcept;                                  \
  template <>                                                                                 \
  void Stream<S>::get_state(S*) const noexcept;                                               \
  template <>                                                                                 \
  void Stream<S>::set_state(const S*) noexcept;                                               \
  template <>                                                                                 \
  void Stream<S>::reset() noexcept;                                                           \
  template <>                                                                                 \
  void Stream<S>::get_row(std::int64_t, S*) const noexcept;                                   \
  template <>                                                                                 \
  void Stream<S>::set_row(std::int64_t, const S*) noexcept;                                   \
  template <>                                                                                 \
  std::string explain(const Weights<S>&, std::int64_t, std::int64_t, int)

FASTGRU_DECLARE_ENGINE(float);
FASTGRU_DECLARE_ENGINE(double);
#undef FASTGRU_DECLARE_ENGINE

}  // namespace fastgru
