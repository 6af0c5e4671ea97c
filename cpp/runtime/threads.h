// Threads of one call: how many to use, and a loop over independent items. Every body runs with denormals
// flushed (runtime/denormals.h).
#pragma once

#include <cstdint>

namespace fastgru {

// Cores this process may use now: affinity mask and cgroup quota, at least 1.
int available_cores();

// No call uses more.
constexpr int kMaxThreads = 4096;

// The process-wide setting, at most kMaxThreads. 0 clears it: OMP_NUM_THREADS decides, else
// available_cores().
void set_num_threads(int n);
int get_num_threads();

// What a call that asked for `requested` threads (0: the process-wide setting) may really use: 1 inside
// somebody else's parallel region, in a child forked after the thread pool was started, and without OpenMP.
int usable_threads(int requested);

// Calls body(context, item, thread) for item in [0, items), on at most `threads` threads, dynamically
// distributed. The calling thread is thread 0. The body must not throw.
void parallel_for(std::int64_t items, int threads, void (*body)(void*, std::int64_t, int), void* context);

// The same for body(item, thread). No std::function: that would allocate.
template <class Body>
void parallel_for(std::int64_t items, int threads, Body body) {
  parallel_for(
      items, threads,
      [](void* context, std::int64_t item, int thread) { (*static_cast<Body*>(context))(item, thread); },
      &body);
}

// Calls body(context, thread, team) on every thread of a team of at most `threads`, all at once: they may
// wait for each other.
void parallel_team(int threads, void (*body)(void*, int, int), void* context);

template <class Body>
void parallel_team(int threads, Body body) {
  parallel_team(
      threads, [](void* context, int thread, int team) { (*static_cast<Body*>(context))(thread, team); },
      &body);
}

}  // namespace fastgru
