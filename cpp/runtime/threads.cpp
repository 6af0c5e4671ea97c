// How many threads a call may use, and its loops over OpenMP's threads.
#include "runtime/threads.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>

#include "runtime/denormals.h"
#include "runtime/lateness.h"
#include "runtime/team_size.h"

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define FASTGRU_HAS_FORK 1
#endif

namespace fastgru {
namespace {

std::atomic<int> g_num_threads{0};
[[maybe_unused]] std::atomic<bool> g_pool_started{false};
[[maybe_unused]] std::atomic<bool> g_forked_child{false};

int affinity_cores() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Cores the control group grants (quota / period, rounded up), or a large number without a limit.
int cgroup_cores() {
  constexpr int kNoLimit = 1 << 20;
  long long quota = -1, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(file, "%lld %lld", &quota, &period) != 2) quota = -1;  // "max 100000": no limit
    std::fclose(file);
  } else {
    const auto read = [](const char* path, long long& value) {
      std::FILE* one = std::fopen(path, "r");
      if (one == nullptr) return;
      if (std::fscanf(one, "%lld", &value) != 1) value = -1;
      std::fclose(one);
    };
    read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota);
    read("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period);
  }
  if (quota <= 0 || period <= 0) return kNoLimit;
  return static_cast<int>(std::max(1LL, (quota + period - 1) / period));
}

// The first number of OMP_NUM_THREADS, which may be a list with one for each level of nested teams. 0: unset,
// or no such list, of which OpenMP's runtime warns.
int environment_threads() {
  constexpr const char* kBlanks = " \t\n\r\f\v";
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 0;
  text += std::strspn(text, kBlanks);
  long n = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), n);
  if (end == text) return 0;
  if (error == std::errc::result_out_of_range) n = kMaxThreads;
  const char behind = end[std::strspn(end, kBlanks)];
  if (behind != '\0' && behind != ',') return 0;
  return static_cast<int>(std::clamp(n, 0L, long{kMaxThreads}));
}

#ifdef FASTGRU_HAS_FORK
// libgomp's threads do not exist in a forked child, but its pool believes they do and would wait for them for
// ever.
void mark_child() {
  if (g_pool_started.load()) g_forked_child.store(true);
}
const int g_fork_hook = pthread_atfork(nullptr, nullptr, mark_child);
#endif

void run_alone(std::int64_t first, std::int64_t last, void (*body)(void*, std::int64_t, int), void* context) {
  const FlushDenormals flush;
  for (std::int64_t item = first; item < last; ++item) body(context, item, 0);
}

}  // namespace

int available_cores() {
  static const int quota = cgroup_cores();
  return std::max(1, std::min(affinity_cores(), quota));
}

void set_num_threads(int n) { g_num_threads.store(std::clamp(n, 0, kMaxThreads)); }

int get_num_threads() {
  const int n = g_num_threads.load();
  if (n > 0) return n;
  static const int environment = environment_threads();
  return environment > 0 ? environment : available_cores();
}

int usable_threads(int requested) {
#if defined(_OPENMP)
#ifdef FASTGRU_HAS_FORK
  (void)g_fork_hook;
#endif
  if (g_forked_child.load() || omp_in_parallel() != 0) return 1;
  return std::clamp(requested > 0 ? requested : get_num_threads(), 1, kMaxThreads);
#else
  (void)requested;
  return 1;
#endif
}

void parallel_for(std::int64_t items, int threads, void (*body)(void*, std::int64_t, int), void* context) {
  std::int64_t first = 0;
#if defined(_OPENMP)
  const int usable = usable_threads(threads);
  // A rest may end within the loop.
  for (; usable > 1 && items - first > 1 && threads_rest(); ++first)
    run_alone(first, first + 1, body, context);
  TeamSize team(static_cast<int>(std::min<std::int64_t>(items - first, usable)));
  if (team.size() > 1) {
    g_pool_started.store(true);
    LoopTime time;
#pragma omp parallel num_threads(team.size())
    {
      if (omp_get_thread_num() == 0) team.started();
      const LoopTime::Share share(time);
      const FlushDenormals flush;
#pragma omp for schedule(dynamic, 1) nowait
      for (std::int64_t item = first; item < items; ++item) body(context, item, omp_get_thread_num());
    }
    time.end();
    return;
  }
#else
  (void)threads;
#endif
  run_alone(first, items, body, context);
}

void parallel_team(int threads, void (*body)(void*, int, int), void* context) {
#if defined(_OPENMP)
  TeamSize team(usable_threads(threads));
  if (team.size() > 1) {
    g_pool_started.store(true);
#pragma omp parallel num_threads(team.size())
    {
      if (omp_get_thread_num() == 0) team.started();
      const FlushDenormals flush;
      body(context, omp_get_thread_num(), omp_get_num_threads());
    }
    return;
  }
#else
  (void)threads;
#endif
  const FlushDenormals flush;
  body(context, 0, 1);
}

}  // namespace fastgru
