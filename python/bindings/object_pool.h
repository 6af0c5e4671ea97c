// Objects that calls leave for later calls, which reuse their memory.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace fastgru::bindings {

// Holds at most `kept` unused objects. Any number of threads may take and give at once.
template <class T>
class ObjectPool {
 public:
  explicit ObjectPool(std::size_t kept) : kept_(kept) {}

  T take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return {};
    T object = std::move(idle_.back());
    idle_.pop_back();
    return object;
  }

  void give(T object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() < kept_) idle_.push_back(std::move(object));
  }

 private:
  const std::size_t kept_;
  std::mutex mutex_;
  std::vector<T> idle_;
};

}  // namespace fastgru::bindings
