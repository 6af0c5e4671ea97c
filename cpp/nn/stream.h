// A network that answers after every time step, as an app would ask it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/engine.h"
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

  // x (rows, features) raw units, of any float type, or tokens; y (rows, answers), as predict() answers. No
  // allocation, no lock, no exception.
  template <class X>
  void step(const X* x, S* y) noexcept;

  // The GRU's state, (L, rows, H). It is all that answers depend on, unless the network pools: then what was
  // pooled so far counts, too, and only copy() takes it along.
  void get_state(S* state) const noexcept { gru_.get_state(state); }
  void set_state(const S* state) noexcept { gru_.set_state(state); }
  // All that the next answers depend on, as bytes.
  std::size_t state_bytes() const noexcept;
  void save(void* to) const noexcept;
  void restore(const void* from) noexcept;
  bool pools() const { return config().pooling != Pooling::last; }
  void reset() noexcept {
    gru_.reset();
    steps_ = 0;
  }

 private:
  NetworkStream(NetworkVersion<S> version, std::int64_t rows);
  NetworkStream(const NetworkStream& other);

  bool allocate();
  void pool_states() noexcept;

  NetworkVersion<S> version_;
  Stream<S> gru_;
  std::int64_t steps_ = 0;  // since the start or the last reset
  AlignedBuffer<S> x_, h_, running_, out_;
};

}  // namespace fastgru
