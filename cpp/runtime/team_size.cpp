// Makes as many threads as a growing team needs, to see whether the system has them.
#include "runtime/team_size.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

namespace fastgru {
namespace {

using Clock = std::chrono::steady_clock;

// An answer holds for so long. A caller whose teams change their size all the time is then not slowed.
constexpr std::chrono::milliseconds kAnswerHolds{100};
// The memory that the runtime takes for a large team, apart from the stacks of its threads.
constexpr std::size_t kSpareBytes = std::size_t{1} << 20;

// The teams of the calling thread. Runtimes keep a pool of threads for each thread that starts teams; libgomp
// ends those that the next team does not need.
struct Answer {
  int running = 1;  // threads of the last team
  int granted = 1;  // the last answer
  bool refused = false;
  Clock::time_point time{};
};

// How many of `wanted` threads there are to be had. They are alive at the same time, as in a team.
int make_threads(int wanted) {
  std::mutex gate;
  const auto pass = [&gate] { const std::lock_guard<std::mutex> lock(gate); };
  int made = 0;
  std::unique_ptr<std::thread[]> threads;
  try {
    const std::unique_ptr<char[]> spare(new char[kSpareBytes]);
    threads.reset(new std::thread[static_cast<std::size_t>(wanted)]);
    const std::lock_guard<std::mutex> closed(gate);
    for (; made < wanted; ++made) threads[static_cast<std::size_t>(made)] = std::thread(pass);
  } catch (...) {  // std::system_error: no further thread; std::bad_alloc: no memory for one
  }
  for (int i = 0; i < made; ++i) threads[static_cast<std::size_t>(i)].join();
  return made;
}

std::mutex& growth() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

TeamSize::TeamSize(int team) : size_(team) {
  thread_local Answer answer;
  if (team <= 1) return;
  if (team > answer.running) {
    const Clock::time_point now = Clock::now();
    const bool known = team <= answer.granted || answer.refused;
    if (!known || now - answer.time > kAnswerHolds) {
      growing_ = std::unique_lock<std::mutex>(growth());
      answer.granted = answer.running + make_threads(team - answer.running);
      answer.refused = answer.granted < team;
      answer.time = now;
    }
    if (size_ > answer.granted) size_ = answer.granted;
    if (size_ == 1) started();  // there will be no team
  }
  answer.running = size_;
}

}  // namespace fastgru
