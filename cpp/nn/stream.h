// A network that answers after every time step, as an app would ask it.
#pragma once

#include <cstdint>
#include <memory>

#include "gru/engine.h"
#include "nn/version.h"

namespace fastgru {

// The answer after step t has the bits of predict() on steps 0 ... t.
template <class S>
class NetworkStream {
 public:
  // Refuses two directions and rows below 1.
  static Status make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<NetworkStream>& result);
  Status copy(std::unique_ptr<NetworkStream>& result) const;

  const NetworkConfig& config() const { return version_.params->layout().config(); }
  std::int64_t rows() const { return gru_.rows(); }

  // x (rows, I) raw units, of any float type; y (rows, O) raw units. No allocation, no lock, no exception.
  template <class X>
  void step(const X* x, S* y) noexcept;

  // The GRU's state, (L, rows, H).
  void get_state(S* state) const noexcept { gru_.get_state(state); }
  void set_state(const S* state) noexcept { gru_.set_state(state); }
  void reset() noexcept { gru_.reset(); }

 private:
  NetworkStream(NetworkVersion<S> version, std::int64_t rows);
  NetworkStream(const NetworkStream& other);

  bool allocate();

  NetworkVersion<S> version_;
  Stream<S> gru_;
  AlignedBuffer<S> x_, h_, out_;
};

}  // namespace fastgru
