// Counts what a real-time thread may not do: wraps malloc, free and locks of the C library. Linux with glibc.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

#include <cerrno>
#include <cstddef>

#include "realtime_hooks.h"

namespace realtime {
namespace {

thread_local bool watching = false;
thread_local Counts counts;

void count(std::int64_t Counts::*what) {
  if (watching) ++(counts.*what);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void watch() {
  counts = {};
  watching = true;
}

Counts stop() {
  watching = false;
  return counts;
}

}  // namespace realtime

using realtime::Counts;

// operator new and delete of the standard library call these as well.
extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) {
  realtime::count(&Counts::allocations);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  realtime::count(&Counts::allocations);
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  realtime::count(&Counts::allocations);
  return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  realtime::count(&Counts::allocations);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  if (memory != nullptr) realtime::count(&Counts::frees);
  __libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static auto* const function = realtime::next<int(pthread_mutex_t*)>("pthread_mutex_lock");
  realtime::count(&Counts::locks);
  return function(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static auto* const function = realtime::next<int(pthread_mutex_t*)>("pthread_mutex_trylock");
  realtime::count(&Counts::locks);
  return function(mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static auto* const function = realtime::next<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock");
  realtime::count(&Counts::locks);
  return function(lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static auto* const function = realtime::next<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock");
  realtime::count(&Counts::locks);
  return function(lock);
}
int sem_wait(sem_t* semaphore) {
  static auto* const function = realtime::next<int(sem_t*)>("sem_wait");
  realtime::count(&Counts::locks);
  return function(semaphore);
}

}  // extern "C"
