// Slots, and the steps of some of them.
#include "model/stream_pool.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "engine/checks.h"
#include "runtime/threads.h"

namespace fastgru {

template <class X>
struct StreamPool::Call {
  const std::int64_t* ids;
  const X* x;
  X* y;
  std::int64_t chunks;
};

Status StreamPool::make(StreamFactory factory, const void* context, const PoolOptions& options,
                        std::unique_ptr<StreamPool>& result) {
  const std::int64_t capacity = options.capacity;
  if (capacity < 1) return Status::invalid("capacity must be at least 1, got " + std::to_string(capacity));
  if (options.num_threads < 0) {
    return Status::invalid("num_threads must be at least 0, got " + std::to_string(options.num_threads));
  }
  const std::int64_t rows = std::min(capacity, kPoolRows), chunks = (capacity - 1) / kPoolRows + 1;
  const std::int64_t threads = std::min<std::int64_t>(usable_threads(options.num_threads), chunks);
  std::unique_ptr<StreamPool> pool(new StreamPool());
  for (std::int64_t i = 0; i < threads; ++i) {
    pool->workers_.emplace_back();
    FASTGRU_RETURN_IF_ERROR(factory(context, rows, pool->workers_.back()));
  }
  FASTGRU_RETURN_IF_ERROR(pool->reserve(options));
  result = std::move(pool);
  return {};
}

Status StreamPool::reserve(const PoolOptions& options) {
  ModelStream& worker = *workers_[0];
  inputs_ = options.input_size;
  outputs_ = options.output_size;
  capacity_ = options.capacity;
  phases_ = worker.has_phases();
  row_bytes_ = worker.row_bytes();
  slot_bytes_ = static_cast<std::int64_t>((row_bytes_ + 63) / 64 * 64);  // no two threads write to one line
  if (!product_fits({capacity_, slot_bytes_ + 64})) {
    return Status::invalid("capacity=" + std::to_string(capacity_) +
                           " needs more memory than can be addressed");
  }
  const auto buffers = static_cast<std::int64_t>(phases_ ? workers_.size() : 0);
  const bool fits = slots_.reserve(capacity_ * slot_bytes_) && fresh_.reserve(slot_bytes_) &&
                    taken_.reserve(capacity_) && free_.reserve(capacity_) && chunks_.reserve(capacity_ + 1) &&
                    seen_.reserve(capacity_) && order_.reserve(phases_ ? capacity_ : 0) &&
                    rows_.reserve(buffers * kPoolRows * (inputs_ + outputs_));
  if (!fits) return out_of_memory("a pool of streams");
  worker.reset();
  worker.save_row(0, fresh_.data());
  std::fill_n(taken_.data(), capacity_, static_cast<unsigned char>(0));
  std::fill_n(seen_.data(), capacity_, std::uint64_t{0});
  for (std::int64_t id = 0; id < capacity_; ++id) free_.data()[id] = id;
  return {};
}

Status LoadedModel::stream_pool(std::int64_t capacity, int num_threads,
                                std::unique_ptr<StreamPool>& result) const {
  const auto stream = [](const void* model, std::int64_t rows, std::unique_ptr<ModelStream>& fresh) {
    return static_cast<const LoadedModel*>(model)->stream(rows, fresh);
  };
  return StreamPool::make(stream, this, {info_.input_size, info_.output_size, capacity, num_threads}, result);
}

void StreamPool::clear(std::int64_t id) noexcept { std::memcpy(slot(id), fresh_.data(), row_bytes_); }

Status StreamPool::check(std::int64_t count, const std::int64_t* ids) {
  if (count < 0) return Status::invalid("count must be at least 0, got " + std::to_string(count));
  ++checks_;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!taken(ids[i]) || std::exchange(seen_.data()[ids[i]], checks_) == checks_) return wrong(ids, i);
  }
  return {};
}

Status StreamPool::wrong(const std::int64_t* ids, std::int64_t i) const {
  const std::string at = "ids[" + std::to_string(i) + "] is " + std::to_string(ids[i]);
  if (ids[i] < 0 || ids[i] >= capacity_) {
    return Status::invalid(at + ", and this pool has the slots 0 to " + std::to_string(capacity_ - 1));
  }
  if (!taken(ids[i])) return Status::invalid(at + ", a slot that is not in use");
  return Status::invalid(at + ", which stands there twice: a call names a sequence once");
}

Status StreamPool::acquire(std::int64_t count, std::int64_t* ids) {
  if (count < 0) return Status::invalid("count must be at least 0, got " + std::to_string(count));
  if (count > capacity_ - size_) {
    return Status::invalid("the pool has " + std::to_string(capacity_ - size_) + " free slots of " +
                           std::to_string(capacity_) + ", wanted " + std::to_string(count));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    ids[i] = free_.data()[first_free_];
    first_free_ = (first_free_ + 1) % capacity_;
    taken_.data()[ids[i]] = 1;
    clear(ids[i]);
  }
  size_ += count;
  return {};
}

Status StreamPool::release(std::int64_t count, const std::int64_t* ids) {
  FASTGRU_RETURN_IF_ERROR(check(count, ids));
  for (std::int64_t i = 0; i < count; ++i) {
    taken_.data()[ids[i]] = 0;
    free_.data()[(first_free_ + capacity_ - size_) % capacity_] = ids[i];
    --size_;
  }
  return {};
}

Status StreamPool::reset(std::int64_t count, const std::int64_t* ids) {
  FASTGRU_RETURN_IF_ERROR(check(count, ids));
  for (std::int64_t i = 0; i < count; ++i) clear(ids[i]);
  return {};
}

Status StreamPool::save(std::int64_t count, const std::int64_t* ids, void* to) {
  FASTGRU_RETURN_IF_ERROR(check(count, ids));
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(static_cast<char*>(to) + static_cast<std::size_t>(i) * row_bytes_, slot(ids[i]), row_bytes_);
  }
  return {};
}

Status StreamPool::restore(std::int64_t count, const std::int64_t* ids, const void* from) {
  FASTGRU_RETURN_IF_ERROR(check(count, ids));
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(slot(ids[i]), static_cast<const char*>(from) + static_cast<std::size_t>(i) * row_bytes_,
                row_bytes_);
  }
  return {};
}

// Cuts the rows of a call into chunks of even size, with frames into chunks of one phase each; returns how
// many there are.
std::int64_t StreamPool::group(std::int64_t count, const std::int64_t* ids) noexcept {
  const auto phase = [&](std::int64_t i) { return workers_[0]->phase(slot(ids[i])); };
  std::int64_t chunks = 0;
  const auto cut = [&](std::int64_t first, std::int64_t last) {
    const std::int64_t parts = (last - first + kPoolRows - 1) / kPoolRows;
    for (std::int64_t k = 0; k < parts; ++k) chunks_.data()[chunks++] = first + (last - first) * k / parts;
  };
  if (!phases_) {
    cut(0, count);
  } else {
    std::int64_t* const order = order_.data();
    for (std::int64_t i = 0; i < count; ++i) order[i] = i;
    std::sort(order, order + count, [&](std::int64_t a, std::int64_t b) {
      const std::int64_t of_a = phase(a), of_b = phase(b);
      return of_a != of_b ? of_a < of_b : a < b;
    });
    for (std::int64_t first = 0, last = 0; first < count; first = last) {
      while (last < count && phase(order[last]) == phase(order[first])) ++last;
      cut(first, last);
    }
  }
  chunks_.data()[chunks] = count;
  return chunks;
}

template <class X>
void StreamPool::run(const Call<X>& call, std::int64_t chunk, int worker) noexcept {
  const std::int64_t first = chunks_.data()[chunk], rows = chunks_.data()[chunk + 1] - first;
  if (phases_) return run_gathered(call, first, rows, worker);
  ModelStream& stream = *workers_[static_cast<std::size_t>(worker)];
  for (std::int64_t b = 0; b < rows; ++b) stream.restore_row(b, slot(call.ids[first + b]));
  stream.step_rows(call.x + first * inputs_, call.y + first * outputs_, rows);
  for (std::int64_t b = 0; b < rows; ++b) stream.save_row(b, slot(call.ids[first + b]));
}

// Rows of one phase do not lie side by side.
template <class X>
void StreamPool::run_gathered(const Call<X>& call, std::int64_t first, std::int64_t rows,
                              int worker) noexcept {
  ModelStream& stream = *workers_[static_cast<std::size_t>(worker)];
  X* const x = reinterpret_cast<X*>(rows_.data() + worker * kPoolRows * (inputs_ + outputs_));
  X* const y = x + kPoolRows * inputs_;
  const std::int64_t* order = order_.data() + first;
  for (std::int64_t b = 0; b < rows; ++b) {
    stream.restore_row(b, slot(call.ids[order[b]]));
    std::copy_n(call.x + order[b] * inputs_, inputs_, x + b * inputs_);
  }
  stream.step_rows(x, y, rows);
  for (std::int64_t b = 0; b < rows; ++b) {
    stream.save_row(b, slot(call.ids[order[b]]));
    std::copy_n(y + b * outputs_, outputs_, call.y + order[b] * outputs_);
  }
}

template <class X>
void StreamPool::run_all(const Call<X>& call) noexcept {
  const int threads = static_cast<int>(workers_.size());
  if (threads == 1 || call.chunks == 1) {
    for (std::int64_t chunk = 0; chunk < call.chunks; ++chunk) run(call, chunk, 0);
    return;
  }
  parallel_for(call.chunks, threads, [&](std::int64_t chunk, int worker) { run(call, chunk, worker); });
}

template <class X>
Status StreamPool::step(std::int64_t count, const std::int64_t* ids, const X* x, X* y) {
  FASTGRU_RETURN_IF_ERROR(check(count, ids));
  run_all(Call<X>{ids, x, y, group(count, ids)});
  return {};
}

template Status StreamPool::step(std::int64_t, const std::int64_t*, const float*, float*);
template Status StreamPool::step(std::int64_t, const std::int64_t*, const double*, double*);

}  // namespace fastgru
