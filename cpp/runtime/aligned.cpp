// Aligned allocation, in whole huge pages where the block is large.
#include "runtime/aligned.h"

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#elif defined(_WIN32)
#include <malloc.h>
#endif

namespace fastgru {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kHugeFrom = std::size_t{1} << 20;

// Null: no memory.
void* allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t rounded = bytes == 0 ? alignment : (bytes + alignment - 1) / alignment * alignment;
#if defined(_WIN32)
  return _aligned_malloc(rounded, kAlignment);
#else
  void* pointer = nullptr;
  if (posix_memalign(&pointer, alignment, rounded) != 0) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Advice only: whether it is followed changes speed, never results.
  if (alignment == kHugePage) (void)madvise(pointer, rounded, MADV_HUGEPAGE);
#endif
  return pointer;
#endif
}

}  // namespace

void* aligned_allocate(std::size_t bytes) {
  if (bytes > SIZE_MAX - kHugePage) return nullptr;
  // Whole huge pages, or the kernel gives small ones: then physical addresses are scattered, and weights that
  // should fit L2 fight over its sets (H=256: 0.7 of the speed).
  if (bytes >= kHugeFrom) {
    void* pages = allocate(bytes, kHugePage);
    if (pages != nullptr) return pages;  // else without the rounding, which may be what is too much
  }
  return allocate(bytes, kAlignment);
}

void aligned_release(void* pointer) {
#if defined(_WIN32)
  _aligned_free(pointer);
#else
  std::free(pointer);
#endif
}

}  // namespace fastgru
