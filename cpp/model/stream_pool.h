// Many streams of one model, each at its own pace: a step advances those that are named, together.
//
// A slot holds the state of one sequence, as bytes. A step copies the states of some rows into a stream,
// steps them as a batch in full tiles, and copies them back: a row's bits do not depend on the rows beside
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/model.h"
#include "runtime/aligned.h"

namespace fastgru {

// Rows of a stream that a pool steps at once. More rows read the weights less often, but their states leave
// the cache (docs/decisions.md).
constexpr std::int64_t kPoolRows = 64;

struct PoolOptions {
  std::int64_t input_size = 0, output_size = 0;  // of the model
  std::int64_t capacity = 0;
  int num_threads = 1;  // of a step; 0: the process-wide setting
};

// After make(), nothing here allocates, locks, throws or calls the system, but in the text of an error; with
// more than one worker the threads of a step meet at its end. One caller at a time.
class StreamPool {
 public:
  // Makes a stream of one model with so many rows; a pool makes one for each thread of a step.
  using StreamFactory = Status (*)(const void* context, std::int64_t rows,
                                   std::unique_ptr<ModelStream>& result);
  static Status make(StreamFactory factory, const void* context, const PoolOptions& options,
                     std::unique_ptr<StreamPool>& result);

  std::int64_t capacity() const noexcept { return capacity_; }
  std::int64_t size() const noexcept { return size_; }  // slots taken
  bool taken(std::int64_t id) const noexcept { return id >= 0 && id < capacity_ && taken_.data()[id] != 0; }
  std::int64_t input_size() const noexcept { return inputs_; }
  std::int64_t output_size() const noexcept { return outputs_; }

  // An error changes nothing. Slots are given out in the order of their return, each with the state of a
  // sequence that has not begun.
  Status acquire(std::int64_t count, std::int64_t* ids);
  Status release(std::int64_t count, const std::int64_t* ids);
  Status reset(std::int64_t count, const std::int64_t* ids);
  // One step of these sequences. x (count, input_size), y (count, output_size), both dense.
  template <class X>
  Status step(std::int64_t count, const std::int64_t* ids, const X* x, X* y);
  // Whether a sequence's last step gave a new answer: see ModelStream.
  bool answered(std::int64_t id) const noexcept { return workers_[0]->answered_row(slot(id)); }
  // Whether all ids are slots in use, none twice; else an error that names the first that is not.
  Status check(std::int64_t count, const std::int64_t* ids);

  // States as bytes, (count, state_bytes), in this machine's byte order; those of a stream of one row.
  std::size_t state_bytes() const noexcept { return row_bytes_; }
  Status save(std::int64_t count, const std::int64_t* ids, void* to);
  Status restore(std::int64_t count, const std::int64_t* ids, const void* from);

 private:
  StreamPool() = default;
  Status reserve(const PoolOptions& options);
  Status wrong(const std::int64_t* ids, std::int64_t i) const;
  char* slot(std::int64_t id) noexcept { return slots_.data() + id * slot_bytes_; }
  const char* slot(std::int64_t id) const noexcept { return slots_.data() + id * slot_bytes_; }
  void clear(std::int64_t id) noexcept;
  template <class X>
  struct Call;
  template <class X>
  void run_all(const Call<X>& call) noexcept;
  std::int64_t group(std::int64_t count, const std::int64_t* ids) noexcept;
  template <class X>
  void run(const Call<X>& call, std::int64_t chunk, int worker) noexcept;
  template <class X>
  void run_gathered(const Call<X>& call, std::int64_t first, std::int64_t rows, int worker) noexcept;

  std::vector<std::unique_ptr<ModelStream>> workers_;
  std::int64_t inputs_ = 0, outputs_ = 0, capacity_ = 0, size_ = 0;
  bool phases_ = false;  // the model reads frames
  std::size_t row_bytes_ = 0;
  std::int64_t slot_bytes_ = 0;
  AlignedBuffer<char> slots_, fresh_;
  AlignedBuffer<unsigned char> taken_;
  AlignedBuffer<std::int64_t> free_;    // a ring of the ids of free slots
  AlignedBuffer<std::int64_t> order_;   // of a call with frames: its rows by phase
  AlignedBuffer<std::int64_t> chunks_;  // first row of each chunk of a call, and the end
  AlignedBuffer<std::uint64_t> seen_;   // the last check() that met a slot
  AlignedBuffer<double> rows_;          // with frames: inputs and answers of the chunk of each worker
  std::int64_t first_free_ = 0;
  std::uint64_t checks_ = 0;
};

}  // namespace fastgru
