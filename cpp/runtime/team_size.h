// How many threads a team may have. OpenMP's runtime ends the process when the system refuses it a thread, at
// a limit of memory or of processes. So before a team grows, the threads it needs are made and joined here.
#pragma once

#include <mutex>

namespace fastgru {

// The size that the system grants to a team of `team` threads, the calling one among them. Where the caller's
// last team was as large, this compares two numbers.
class TeamSize {
 public:
  explicit TeamSize(int team);
  int size() const { return size_; }  // 1 to `team`

  // To be called by the calling thread within its team, when the threads of the team exist: teams grow one
  // after the other, so that none takes the threads that were granted to another.
  void started() {
    if (growing_.owns_lock()) growing_.unlock();
  }

 private:
  int size_;
  std::unique_lock<std::mutex> growing_;
};

}  // namespace fastgru
