// A stream of a network: takes one time step a call and gives a prediction after each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nn/modules/chain.h"
#include "nn/version.h"

namespace fastgru {

// The prediction after step t has the bits of predict() on steps 0 ... t. With frames this holds at the steps
// that complete one; the prediction then stays until the next. Before the first frame it is NaN.
template <class S>
class NetworkStream {
 public:
  // An error for two directions, or for rows below 1.
  static Status make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<NetworkStream>& result);
  Status copy(std::unique_ptr<NetworkStream>& result) const;

  const NetworkConfig& config() const { return version_.config(); }
  const NetworkVersion<S>& version() const { return version_; }
  std::int64_t rows() const { return rows_; }

  // x (rows, features): raw units of any float type, or tokens. y (rows, logits): as predict() gives them. No
  // allocation, no lock, no exception.
  template <class X>
  void step(const X* x, S* y) noexcept;
  // The same for the first `rows` rows, each a sequence of its own that was put there by restore_row(). With
  // frames, all must have the same phase(). What rows() and the functions below say of the rows is
  // unspecified afterwards, until restore() or reset().
  template <class X>
  void step_rows(const X* x, S* y, std::int64_t rows) noexcept;
  // Like step(), but returns the logits, (rows, logits), until the next step. Not for networks that read
  // frames.
  template <class X>
  const S* advance(const X* x) noexcept;
  void reset() noexcept;
  // Whether the last step gave a new prediction: always, without frames.
  bool answered() const noexcept { return !config().framed() || held_.data()[held_values()] != S(0); }

  // The GRU's state, (L, rows, H). If another module has a state too (`state_is_more`), predictions depend on
  // that as well; only copy(), save() and restore() include it.
  void get_state(S* state) const noexcept;
  void set_state(const S* state) noexcept;
  bool state_is_more() const noexcept;

  // The state on which the next predictions depend, as bytes: the number of the step (of the frame), then the
  // modules' states, then, with frames, the last prediction. A GRU's state is (L, rows, H).
  std::size_t state_bytes() const noexcept;
  void save(void* to) const noexcept;
  void restore(const void* from) noexcept;

  // The state of one row, in the bytes that save() of a stream of one row has.
  std::size_t row_bytes() const noexcept;
  void save_row(std::int64_t row, void* to) const noexcept;
  void restore_row(std::int64_t row, const void* from) noexcept;
  // With frames: the time steps until the next one ends, and whether the last step ended one; else 0, true.
  std::int64_t phase(const void* row) const noexcept;
  bool answered(const void* row) const noexcept;

 private:
  NetworkStream(NetworkVersion<S> version, std::int64_t rows);
  Module<S>& recurrent() const noexcept;
  StepSignal<S> walk(const void* x, SampleType type) noexcept;
  void run(const void* x, SampleType type, S* y) noexcept;
  void count_step(std::int64_t by) noexcept;
  std::int64_t held_values() const noexcept { return config().framed() ? rows() * config().logits() : 0; }
  std::size_t held_bytes() const noexcept;
  void forget() noexcept;

  NetworkVersion<S> version_;
  const std::int64_t rows_;
  Chain<S> chain_;
  ModuleCall<S> call_;
  AlignedBuffer<std::int64_t> row_steps_;  // of step_rows(): ModuleCall::row_steps
  AlignedBuffer<S> held_;  // with frames: the last prediction, then 1 if the last step gave it, else 0
};

}  // namespace fastgru
