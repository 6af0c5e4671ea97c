// The C functions of fastgru.h that step many sequences of one model.
#include <cstdint>
#include <cstring>
#include <memory>

#include "capi/guard.h"
#include "fastgru/fastgru.h"
#include "model/stream_pool.h"

struct fastgru_pool {
  std::unique_ptr<fastgru::StreamPool> pool;
};

namespace {

using fastgru::Status;
using fastgru::StreamPool;
using fastgru::capi::guarded;
using fastgru::capi::missing;
using fastgru::capi::StateHeader;

// Calls `function(pool)` where there is a pool, and an array of ids or none wanted.
template <class Function>
fastgru_status with_pool(fastgru_pool* pool, std::int64_t count, const std::int64_t* ids,
                         fastgru_error* error, Function function) noexcept {
  return guarded(error, [&]() -> Status {
    if (pool == nullptr) return missing("pool");
    if (ids == nullptr && count > 0) return missing("ids");
    return function(*pool->pool);
  });
}

template <class X>
fastgru_status step(fastgru_pool* pool, std::int64_t count, const std::int64_t* ids, const X* x, X* y,
                    fastgru_error* error) noexcept {
  return with_pool(pool, count, ids, error, [&](StreamPool& streams) -> Status {
    if (x == nullptr && count > 0) return missing("x");
    if (y == nullptr && count > 0) return missing("y");
    return streams.step(count, ids, x, y);
  });
}

// One slot as an object that save_state() and restore_state() know; an id that is not in use is refused
// first.
struct Slot {
  StreamPool& pool;
  const std::int64_t id;

  std::size_t state_bytes() const noexcept { return pool.state_bytes(); }
  void save(void* to) const { (void)pool.save(1, &id, to).ok(); }
  void restore(const void* from) { (void)pool.restore(1, &id, from).ok(); }
  // That of a stream of one row.
  StateHeader header() const noexcept {
    return {{'f', 'g', 'r', 'u', 's', 't', '0', '1'}, 1, pool.state_bytes()};
  }
};

}  // namespace

fastgru_status fastgru_pool_new(const fastgru_model* model, int64_t capacity, int32_t num_threads,
                                fastgru_pool** result, fastgru_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    if (model == nullptr) return missing("model");
    if (result == nullptr) return missing("result");
    auto fresh = std::make_unique<fastgru_pool>();
    FASTGRU_RETURN_IF_ERROR(model->model->stream_pool(capacity, num_threads, fresh->pool));
    *result = fresh.release();
    return {};
  });
}

void fastgru_pool_free(fastgru_pool* pool) noexcept { delete pool; }
int64_t fastgru_pool_capacity(const fastgru_pool* pool) noexcept { return pool->pool->capacity(); }
int64_t fastgru_pool_size(const fastgru_pool* pool) noexcept { return pool->pool->size(); }

fastgru_status fastgru_pool_acquire(fastgru_pool* pool, int64_t count, int64_t* ids,
                                    fastgru_error* error) noexcept {
  return with_pool(pool, count, ids, error, [&](StreamPool& streams) { return streams.acquire(count, ids); });
}

fastgru_status fastgru_pool_release(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                    fastgru_error* error) noexcept {
  return with_pool(pool, count, ids, error, [&](StreamPool& streams) { return streams.release(count, ids); });
}

fastgru_status fastgru_pool_reset(fastgru_pool* pool, int64_t count, const int64_t* ids,
                                  fastgru_error* error) noexcept {
  return with_pool(pool, count, ids, error, [&](StreamPool& streams) { return streams.reset(count, ids); });
}

fastgru_status fastgru_pool_step(fastgru_pool* pool, int64_t count, const int64_t* ids, const float* x,
                                 float* y, fastgru_error* error) noexcept {
  return step(pool, count, ids, x, y, error);
}

fastgru_status fastgru_pool_step_f64(fastgru_pool* pool, int64_t count, const int64_t* ids, const double* x,
                                     double* y, fastgru_error* error) noexcept {
  return step(pool, count, ids, x, y, error);
}

int32_t fastgru_pool_answered(const fastgru_pool* pool, int64_t id) noexcept {
  if (pool == nullptr || !pool->pool->taken(id)) return -1;
  return pool->pool->answered(id) ? 1 : 0;
}

size_t fastgru_pool_state_size(const fastgru_pool* pool) noexcept {
  return fastgru::capi::state_size(*pool->pool);
}

fastgru_status fastgru_pool_save(fastgru_pool* pool, int64_t id, void* to, size_t size) noexcept {
  if (pool == nullptr || !pool->pool->taken(id)) return FASTGRU_INVALID_ARGUMENT;
  const Slot slot{*pool->pool, id};
  return fastgru::capi::save_state(slot, slot.header(), to, size);
}

fastgru_status fastgru_pool_restore(fastgru_pool* pool, int64_t id, const void* from, size_t size) noexcept {
  if (pool == nullptr || !pool->pool->taken(id)) return FASTGRU_INVALID_ARGUMENT;
  Slot slot{*pool->pool, id};
  return fastgru::capi::restore_state(slot, slot.header(), from, size);
}
