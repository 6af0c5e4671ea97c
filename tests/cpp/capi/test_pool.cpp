// Pools of streams through the public headers.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "app_case.h"
#include "fastgru/fastgru.hpp"

namespace {

using fastgru::Error;
using fastgru::Model;
using fastgru::Stream;
using fastgru::StreamPool;
using fastgru_test::AppCase;

Model load(const AppCase& c) { return Model::load(c.file.data(), c.file.size()); }

std::int64_t acquired(StreamPool& pool) {
  std::int64_t id = -1;
  pool.acquire(1, &id);
  return id;
}

// The sequences of a case in slots of a pool, beside others, with one step ahead of the other.
template <class X>
void check_pool(const Model& model, const AppCase& c, int threads) {
  StreamPool pool = model.stream_pool(c.rows + 70, threads);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(c.rows + 70));
  pool.acquire(c.rows + 70, ids.data());
  CHECK(pool.size() == pool.capacity());
  std::int64_t wrong = 0;
  for (std::int64_t t = 0; t < c.steps; ++t) {
    std::vector<X> x, y(static_cast<std::size_t>((c.rows + 70) * c.outputs));
    for (std::int64_t b = 0; b < c.rows + 70; ++b) {
      const std::int64_t row = (b % c.rows * c.steps + t) * c.inputs;
      for (std::int64_t i = 0; i < c.inputs; ++i)
        x.push_back(static_cast<X>(c.x[static_cast<std::size_t>(row + i)]));
    }
    pool.step(c.rows + 70, ids.data(), x.data(), y.data());
    for (std::int64_t b = 0; b < c.rows + 70; ++b) {
      for (std::int64_t o = 0; o < c.outputs; ++o) {
        const double wanted =
            c.after[static_cast<std::size_t>(t)][static_cast<std::size_t>(b % c.rows * c.outputs + o)];
        if (y[static_cast<std::size_t>(b * c.outputs + o)] != static_cast<X>(wanted)) ++wrong;
      }
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a pool has the engine's bits, in both precisions of the data") {
  for (const bool is_double : {false, true}) {
    for (const AppCase& c :
         {fastgru_test::layer_case(is_double, false, true), fastgru_test::layer_case(is_double, false, false),
          fastgru_test::estimator_case(is_double, false, true)}) {
      for (const int threads : {0, 1, 2}) {
        check_pool<float>(load(c), c, threads);
        check_pool<double>(load(c), c, threads);
      }
    }
  }
}

TEST_CASE("a state moves between a stream of one row and a slot") {
  const AppCase c = fastgru_test::estimator_case(false, false, true);
  const Model model = load(c);
  StreamPool pool = model.stream_pool(4);
  Stream stream = model.stream();
  std::vector<float> x(static_cast<std::size_t>(c.inputs), 0.5f), y(static_cast<std::size_t>(c.outputs)),
      z(y);
  const std::int64_t id = acquired(pool);
  stream.step(x.data(), y.data());
  stream.step(x.data(), y.data());
  std::vector<unsigned char> state = stream.save();
  REQUIRE(state.size() == pool.state_size());
  CHECK(pool.restore(id, state.data(), state.size()));
  CHECK(pool.answered(id));
  pool.step(1, &id, x.data(), z.data());
  stream.step(x.data(), y.data());
  CHECK(y == z);
  std::vector<unsigned char> saved(state.size());
  CHECK(pool.save(id, saved.data()));
  CHECK(saved == stream.save());
  stream.restore(saved);
  saved[0] ^= 1U;
  CHECK_FALSE(pool.restore(id, saved.data(), saved.size()));
  CHECK_FALSE(pool.restore(id, state.data(), state.size() - 1));
  CHECK_FALSE(pool.restore(3, state.data(), state.size()));
  CHECK_FALSE(pool.save(3, state.data()));
  CHECK_FALSE(pool.answered(3));
}

TEST_CASE("wrong ids and sizes are named") {
  const AppCase c = fastgru_test::layer_case(false, false, true);
  const Model model = load(c);
  CHECK_THROWS_WITH_AS((void)model.stream_pool(0), "capacity must be at least 1, got 0", Error);
  CHECK_THROWS_WITH_AS((void)model.stream_pool(1, -1), "num_threads must be at least 0, got -1", Error);
  CHECK_THROWS_WITH_AS((void)load(fastgru_test::layer_case(false, true, true)).stream_pool(1),
                       "a bidirectional GRU cannot stream: the reverse direction needs the whole sequence",
                       Error);
  StreamPool pool = model.stream_pool(2);
  std::vector<float> x(64), y(64);
  const std::int64_t id = acquired(pool), twice[] = {id, id}, free_slot = 1, below = -3;
  CHECK_THROWS_WITH_AS(pool.step(2, twice, x.data(), y.data()),
                       "ids[1] is 0, which stands there twice: a call names a sequence once", Error);
  CHECK_THROWS_WITH_AS(pool.release(1, &free_slot), "ids[0] is 1, a slot that is not in use", Error);
  CHECK_THROWS_WITH_AS(pool.release(1, &below), "ids[0] is -3, and this pool has the slots 0 to 1", Error);
  std::int64_t more[2];
  CHECK_THROWS_WITH_AS(pool.acquire(2, more), "the pool has 1 free slots of 2, wanted 2", Error);
  pool.release(1, &id);
  CHECK(pool.size() == 0);
}

TEST_CASE("the C functions of pools take NULL where they say so") {
  const AppCase c = fastgru_test::layer_case(false, false, true);
  const Model model = load(c);
  StreamPool pool = model.stream_pool(2);
  fastgru_pool* none = nullptr;
  fastgru_error error;
  const std::int64_t id = acquired(pool);
  float x[64] = {}, y[64];
  CHECK(fastgru_pool_new(nullptr, 2, 1, &none, &error) == FASTGRU_INVALID_ARGUMENT);
  CHECK(std::string(error.message) == "model is NULL");
  CHECK(fastgru_pool_step(nullptr, 1, &id, x, y, nullptr) == FASTGRU_INVALID_ARGUMENT);
  CHECK(fastgru_pool_step(nullptr, 0, nullptr, nullptr, nullptr, &error) == FASTGRU_INVALID_ARGUMENT);
  CHECK(std::string(error.message) == "pool is NULL");
  CHECK(fastgru_pool_answered(nullptr, 0) == -1);
  CHECK(fastgru_pool_save(nullptr, 0, x, 1) == FASTGRU_INVALID_ARGUMENT);
  CHECK(fastgru_pool_restore(nullptr, 0, x, 1) == FASTGRU_INVALID_ARGUMENT);
  fastgru_pool_free(nullptr);
}
