// Tests the real-time promise of step(), of streams and of pools: a million steps in a process that the
// kernel kills on any system call. Allocations and locks are counted, and the floating-point control register
// is compared. Prints the time of the steps; asserts no time. Linux.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "fastgru/fastgru.hpp"
#include "io/safetensors.h"
#include "realtime_hooks.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace {

constexpr std::int64_t kSteps = 1'000'000;
constexpr int kInputs = 8;

#if defined(__x86_64__)
std::uint64_t ticks() { return __rdtsc(); }
std::uint64_t control_register() { return _mm_getcsr(); }
void set_control_register(std::uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
constexpr std::uint64_t kFlushToZero = 0x8000, kRaisedFlags = 0x3F;
#elif defined(__aarch64__)
std::uint64_t ticks() {
  std::uint64_t value = 0;
  __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
  return value;
}
std::uint64_t control_register() {
  std::uint64_t value = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void set_control_register(std::uint64_t value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
constexpr std::uint64_t kFlushToZero = std::uint64_t{1} << 24, kRaisedFlags = 0;
#else
#error the clock and the control register of this processor are not known here
#endif

double ticks_per_nanosecond() {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t first = ticks();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) {
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(ticks() - first) / time.count();
}

// A model file in memory, with random weights below `scale`.
std::string make_file(int hidden, bool estimator, float scale) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  const std::string prefix = estimator ? "gru." : "";
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
      {prefix + "weight_ih_l0", {3 * hidden, kInputs}},
      {prefix + "weight_hh_l0", {3 * hidden, hidden}},
      {prefix + "bias_ih_l0", {3 * hidden}},
      {prefix + "bias_hh_l0", {3 * hidden}}};
  if (estimator) shapes.insert(shapes.end(), {{"head.weight", {1, hidden}}, {"head.bias", {1}}});
  std::vector<std::vector<float>> values;
  std::vector<fastgru::TensorSource> tensors;
  for (const auto& [name, shape] : shapes) {
    values.emplace_back(static_cast<std::size_t>(shape[0] * (shape.size() > 1 ? shape[1] : 1)));
    // Without biases a state decays to zero with its input.
    if (shape.size() > 1)
      std::generate(values.back().begin(), values.back().end(), [&] { return uniform(random); });
    tensors.push_back({name, fastgru::TensorDtype::f32, shape, values.back().data()});
  }
  const std::vector<double> ones(kInputs, 1.0), zeros(kInputs, 0.0);
  if (estimator) {
    tensors.push_back({"scaling.x_mean", fastgru::TensorDtype::f64, {kInputs}, zeros.data()});
    tensors.push_back({"scaling.x_scale", fastgru::TensorDtype::f64, {kInputs}, ones.data()});
    tensors.push_back({"scaling.y_mean", fastgru::TensorDtype::f64, {1}, zeros.data()});
    tensors.push_back({"scaling.y_scale", fastgru::TensorDtype::f64, {1}, ones.data()});
  }
  const std::string sizes =
      R"("input_size":)" + std::to_string(kInputs) + R"(,"hidden_size":)" + std::to_string(hidden) +
      R"(,"num_layers":1,"bidirectional":false,"reset_after":true,"dropout":0,"dtype":"float32")";
  const std::string config = estimator
                                 ? R"({"params":{},"fitted":{},"network":{"output_size":1,)" + sizes + "}}"
                                 : R"({"bias":true,"batch_first":false,"precision":"highest",)" + sizes + "}";
  const std::string path =
      (std::filesystem::temp_directory_path() / ("fastgru-rt-" + std::to_string(getpid()))).string();
  const fastgru::Status status = fastgru::write_safetensors(path, tensors,
                                                            {{"format", "fastgru"},
                                                             {"format_version", "1"},
                                                             {"kind", estimator ? "GRURegressor" : "GRU"},
                                                             {"config", config}});
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return path;
}

// From here on the kernel kills this process on any system call except exit.
bool forbid_system_calls() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  // SPEC_ALLOW: without it some kernels slow down loads after stores in a filtered process, which would
  // distort the times.
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter) == 0;
}

// The results of the child, in memory shared with the parent.
struct Report {
  bool filtered = false, control_register_kept = true;
  realtime::Counts counts;
  std::uint64_t took[kSteps];
};

// Runs `work` in a child that may not make system calls. Returns the signal that ended it, or 0.
int in_a_child(Report* report, const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    report->filtered = forbid_system_calls();
    if (report->filtered) work();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// One period of input that begins at 1 and falls by `decay` a step. Made beforehand, so that the caller's own
// slow arithmetic does not enter the times.
std::vector<float> make_input(float decay, std::int64_t period) {
  std::vector<float> x;
  float level = 1;
  for (std::int64_t t = 0; t < period; ++t, level *= decay) {
    for (int i = 0; i < kInputs; ++i) x.push_back((i % 2 == 0 ? level : -level) * static_cast<float>(i + 1));
  }
  return x;
}

constexpr std::int64_t kBlock = 10'000;  // steps with one input before the input changes

// The even blocks are fed `steady`, the odd ones `decaying`.
void run(fastgru::Stream& stream, const std::vector<float>& steady, const std::vector<float>& decaying,
         Report* report) {
  float y[256];
  const std::uint64_t plain = control_register() & ~kRaisedFlags;
  realtime::watch();
  const std::vector<float>* input = &steady;
  std::size_t at = 0;
  for (std::int64_t t = 0; t < kSteps; ++t, at = at + kInputs == input->size() ? 0 : at + kInputs) {
    if (t % kBlock == 0) {
      input = t / kBlock % 2 == 0 ? &steady : &decaying;
      at = 0;
    }
    // The caller's settings stay: denormals flushed or not, flags raised or not.
    if (t % 1000 == 0) set_control_register(t % 2000 == 0 ? plain : plain | kFlushToZero);
    if (t % 1000 == 1) set_control_register(control_register() | kRaisedFlags);
    const std::uint64_t before = control_register();
    const std::uint64_t begin = ticks();
    stream.step(input->data() + at, y);
    report->took[t] = ticks() - begin;
    report->control_register_kept = report->control_register_kept && control_register() == before;
  }
  report->counts = realtime::stop();
}

double quantile(std::vector<std::uint64_t>& took, double q) {
  const auto at = took.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(took.size() - 1));
  std::nth_element(took.begin(), at, took.end());
  return static_cast<double>(*at);
}

// The times of the even blocks, or of the odd ones.
std::vector<std::uint64_t> times(const Report* report, int parity) {
  std::vector<std::uint64_t> found;
  for (std::int64_t t = 0; t < kSteps; ++t) {
    if (t / kBlock % 2 == parity) found.push_back(report->took[t]);
  }
  return found;
}

bool check(const char* what, bool good) {
  if (!good) std::printf("FAILED: %s\n", what);
  return good;
}

bool measure(const std::string& path, Report* report, double per_nanosecond) {
  const fastgru::Model model = fastgru::Model::load(path);
  fastgru::Stream stream = model.stream();
  // 0.9 a step: after 830 steps below the smallest normal float, after 980 below the smallest of all.
  const std::vector<float> steady = make_input(1.0f, 1), decaying = make_input(0.9f, 980);
  *report = {};
  const int signal = in_a_child(report, [&] { run(stream, steady, decaying, report); });
  bool good = check("a system call: the kernel ended the process", signal == 0);
  good = check("the filter was not installed", report->filtered) && good;
  good = check("allocations, frees or locks", report->counts.all() == 0) && good;
  good = check("the control register changed", report->control_register_kept) && good;
  std::vector<std::uint64_t> even = times(report, 0), odd = times(report, 1);
  std::printf(
      "%-12s H=%-4lld p50 %5.0f ns, p99 %5.0f ns, p99.9 %5.0f ns; decaying to denormals %.2f times that; "
      "%lld steps, %lld allocations, %lld locks\n",
      model.kind().c_str(), static_cast<long long>(model.hidden_size()), quantile(even, 0.5) / per_nanosecond,
      quantile(even, 0.99) / per_nanosecond, quantile(even, 0.999) / per_nanosecond,
      quantile(odd, 0.5) / quantile(even, 0.5), static_cast<long long>(kSteps),
      static_cast<long long>(report->counts.allocations), static_cast<long long>(report->counts.locks));
  return good;
}

// Of some hundred ticks one has several chunks of rows (model/stream_pool.h).
constexpr std::int64_t kSlots = 200, kMostIds = 150, kFewIds = 8;

// Ticks of some of a pool's sequences; now and then some end and others begin.
void run_pool(fastgru::StreamPool& pool, const std::vector<float>& x, Report* report) {
  std::int64_t ids[kSlots];
  static float y[kMostIds * 256];
  std::uint64_t random = 88172645463325252u;
  realtime::watch();
  pool.acquire(kSlots, ids);
  for (std::int64_t t = 0; t < kSteps; ++t) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const auto first = static_cast<std::int64_t>(random % (kSlots - kMostIds));
    const auto count = static_cast<std::int64_t>(1 + random / kSlots % (t % 300 == 0 ? kMostIds : kFewIds));
    const std::uint64_t begin = ticks();
    pool.step(count, ids + first, x.data(), y);
    report->took[t] = ticks() - begin;
    if (t % 10 == 0) {
      pool.release(count, ids + first);
      pool.acquire(count, ids + first);
    }
  }
  report->counts = realtime::stop();
}

bool measure_pool(const std::string& path, Report* report, double per_nanosecond) {
  const fastgru::Model model = fastgru::Model::load(path);
  fastgru::StreamPool pool = model.stream_pool(kSlots);
  const std::vector<float> x = make_input(0.99f, kMostIds);
  *report = {};
  const int signal = in_a_child(report, [&] { run_pool(pool, x, report); });
  bool good = check("a system call in a pool: the kernel ended the process", signal == 0);
  good = check("the filter was not installed", report->filtered) && good;
  good = check("allocations, frees or locks in a pool", report->counts.all() == 0) && good;
  std::vector<std::uint64_t> took = times(report, 0);
  std::printf(
      "pool of %-3s H=%-4lld p50 %5.0f ns, p99 %5.0f ns for 1 to %lld of %lld sequences, at times 150; %lld "
      "ticks, %lld "
      "allocations, %lld locks\n",
      model.kind().c_str(), static_cast<long long>(model.hidden_size()), quantile(took, 0.5) / per_nanosecond,
      quantile(took, 0.99) / per_nanosecond, static_cast<long long>(kFewIds), static_cast<long long>(kSlots),
      static_cast<long long>(kSteps), static_cast<long long>(report->counts.allocations),
      static_cast<long long>(report->counts.locks));
  return good;
}

// Tests the instruments: each must detect what it is for.
bool instruments_work(Report* report) {
  *report = {};
  bool good =
      check("a system call went unnoticed", in_a_child(report, [] { syscall(SYS_getppid); }) == SIGSYS);
  if (!report->filtered) std::printf("this system lets no process filter its system calls\n");
  realtime::watch();
  void* volatile memory = std::malloc(100);  // volatile: must not be optimised away
  std::free(memory);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  const realtime::Counts counts = realtime::stop();
  good = check("an allocation went unnoticed", counts.allocations == 1 && counts.frees == 1) && good;
  return check("a lock went unnoticed", counts.locks == 1) && good;
}

}  // namespace

int main() {
  auto* report = static_cast<Report*>(mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
  if (report == MAP_FAILED) return 1;
  const double per_nanosecond = ticks_per_nanosecond();
  bool good = instruments_work(report);
  for (const bool estimator : {false, true}) {
    for (const int hidden : {16, 64, 128}) {
      const std::string path = make_file(hidden, estimator, 0.5f / std::sqrt(static_cast<float>(hidden)));
      good = measure(path, report, per_nanosecond) && good;
      if (hidden == 16) good = measure_pool(path, report, per_nanosecond) && good;
      std::filesystem::remove(path);
    }
  }
  std::printf(good ? "real-time promises: kept\n" : "real-time promises: BROKEN\n");
  return good ? 0 : 1;
}
