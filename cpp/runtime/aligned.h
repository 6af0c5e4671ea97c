// 64-byte aligned, growable scratch memory that never shrinks and never constructs its elements.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastgru {

constexpr std::size_t kAlignment = 64;

// nullptr when there is no memory. Asks for huge pages above 1 MiB.
void* aligned_allocate(std::size_t bytes);
void aligned_release(void* pointer);

template <class S>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  ~AlignedBuffer() { aligned_release(data_); }
  AlignedBuffer(AlignedBuffer&& other) noexcept : data_(other.data_), capacity_(other.capacity_) {
    other.data_ = nullptr;
    other.capacity_ = 0;
  }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    if (this != &other) {
      aligned_release(data_);
      data_ = other.data_;
      capacity_ = other.capacity_;
      other.data_ = nullptr;
      other.capacity_ = 0;
    }
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  // Room for `count` elements; their values are undefined after growth. False: no memory, the old block is
  // kept.
  bool reserve(std::int64_t count) {
    if (count <= capacity_) return true;
    if (static_cast<std::uint64_t>(count) > SIZE_MAX / sizeof(S)) return false;
    void* fresh = aligned_allocate(static_cast<std::size_t>(count) * sizeof(S));
    if (fresh == nullptr) return false;
    aligned_release(data_);
    data_ = static_cast<S*>(fresh);
    capacity_ = count;
    return true;
  }

  S* data() { return data_; }
  const S* data() const { return data_; }
  std::int64_t capacity() const { return capacity_; }

 private:
  S* data_ = nullptr;
  std::int64_t capacity_ = 0;
};

}  // namespace fastgru
