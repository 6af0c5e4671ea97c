// A network that answers after every time step, as an app would ask it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nn/modules/chain.h"
#include "nn/version.h"

namespace fastgru {

// The answer after step t has the bits of predict() on steps 0 ... t.
template <class S>
class NetworkStream {
 public:
  // Refuses two directions and rows below 1.
  static Status make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<NetworkStream>& result);
  Status copy(std::unique_ptr<NetworkStream>& result) const;

  const NetworkConfig& config() const { return version_.config(); }
  std::int64_t rows() const { return call_.rows; }

  // x (rows, features) raw units, of any float type, or tokens; y (rows, logits), as predict() answers. No
  // allocation, no lock, no exception.
  template <class X>
  void step(const X* x, S* y) noexcept;
  void reset() noexcept;

  // The GRU's state, (L, rows, H). Where another module has a state too (`state_is_more`), answers depend on
  // that as well, and only copy(), save() and restore() take it along.
  void get_state(S* state) const noexcept;
  void set_state(const S* state) noexcept;
  bool state_is_more() const noexcept;

  // All that the next answers depend on, as bytes: the number of the step, then the modules' states, of which
  // a GRU's are (L, rows, H).
  std::size_t state_bytes() const noexcept;
  void save(void* to) const noexcept;
  void restore(const void* from) noexcept;

 private:
  NetworkStream(NetworkVersion<S> version, std::int64_t rows);
  Module<S>& recurrent() const noexcept;

  NetworkVersion<S> version_;
  Chain<S> chain_;
  ModuleCall<S> call_;
};

}  // namespace fastgru
