// A stream of a network: takes one time step a call and gives a prediction after each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nn/modules/chain.h"
#include "nn/version.h"

namespace fastgru {

// The prediction after step t has the bits of predict() on steps 0 ... t.
template <class S>
class NetworkStream {
 public:
  // An error for two directions, or for rows below 1.
  static Status make(NetworkVersion<S> version, std::int64_t rows, std::unique_ptr<NetworkStream>& result);
  Status copy(std::unique_ptr<NetworkStream>& result) const;

  const NetworkConfig& config() const { return version_.config(); }
  const NetworkVersion<S>& version() const { return version_; }
  std::int64_t rows() const { return call_.rows; }

  // x (rows, features): raw units of any float type, or tokens. y (rows, logits): as predict() gives them. No
  // allocation, no lock, no exception.
  template <class X>
  void step(const X* x, S* y) noexcept;
  void reset() noexcept;

  // The GRU's state, (L, rows, H). If another module has a state too (`state_is_more`), predictions depend on
  // that as well; only copy(), save() and restore() include it.
  void get_state(S* state) const noexcept;
  void set_state(const S* state) noexcept;
  bool state_is_more() const noexcept;

  // The state on which the next predictions depend, as bytes: the number of the step, then the modules'
  // states. A GRU's state is (L, rows, H).
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
