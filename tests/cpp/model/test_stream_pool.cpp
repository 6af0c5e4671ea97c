// Pools of streams: the bits of single streams whatever rows step together, slots, states, refused ids.
#include "model/stream_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "each_isa.h"
#include "model/parts.h"
#include "nn_case.h"
#include "random.h"

namespace {

using fastgru::LoadedModelPtr;
using fastgru::ModelInfo;
using fastgru::ModelStream;
using fastgru::NetworkConfig;
using fastgru::Precision;
using fastgru::Status;
using fastgru::StreamPool;
using fastgru::Weights;
using fastgru::testing::for_each_isa;
using fastgru::testing::network_config;
using fastgru::testing::NetworkCase;
using fastgru::testing::Random;

using Ids = std::vector<std::int64_t>;

std::unique_ptr<StreamPool> pool_of(const LoadedModelPtr& model, std::int64_t capacity, int threads = 1) {
  std::unique_ptr<StreamPool> pool;
  const Status status = model->stream_pool(capacity, threads, pool);
  INFO(status.message());
  REQUIRE(status.ok());
  return pool;
}

std::unique_ptr<ModelStream> stream_of(const LoadedModelPtr& model) {
  std::unique_ptr<ModelStream> stream;
  REQUIRE(model->stream(1, stream).ok());
  return stream;
}

// 0 ... count - 1 in some order, of which a test takes the first ones.
Ids shuffled(Random& random, std::int64_t count) {
  Ids ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  for (std::size_t i = ids.size(); i > 1; --i) {
    std::swap(ids[i - 1],
              ids[static_cast<std::size_t>((random.uniform() + 1) / 2 * static_cast<double>(i)) % i]);
  }
  return ids;
}

template <class X>
bool same_bits(const X* a, const X* b, std::int64_t count) {
  return std::memcmp(a, b, static_cast<std::size_t>(count) * sizeof(X)) == 0;
}

// Some ticks of random subsets of the slots, against one stream for each; sometimes a slot begins anew.
template <class X>
void compare(const LoadedModelPtr& model, std::int64_t capacity, int threads, int ticks) {
  const std::int64_t inputs = model->info().input_size, outputs = model->info().output_size;
  const auto pool = pool_of(model, capacity, threads);
  Ids all(static_cast<std::size_t>(capacity));
  REQUIRE(pool->acquire(capacity, all.data()).ok());
  std::vector<std::unique_ptr<ModelStream>> singles;
  for (std::int64_t i = 0; i < capacity; ++i) singles.push_back(stream_of(model));
  Random random(7);
  std::int64_t wrong = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    Ids ids = shuffled(random, capacity);
    ids.resize(1 + static_cast<std::size_t>(tick * 13) % ids.size());
    const auto count = static_cast<std::int64_t>(ids.size());
    std::vector<X> x(static_cast<std::size_t>(count * inputs)), y(static_cast<std::size_t>(count * outputs));
    for (X& value : x) {
      const double drawn = random.uniform();
      value = static_cast<X>(model->info().vocabulary_size > 0 ? static_cast<int>(drawn * 3 + 4) : 2 * drawn);
    }
    REQUIRE(pool->step(count, ids.data(), x.data(), y.data()).ok());
    std::vector<X> wanted(static_cast<std::size_t>(outputs));
    for (std::int64_t i = 0; i < count; ++i) {
      ModelStream& single = *singles[static_cast<std::size_t>(ids[static_cast<std::size_t>(i)])];
      single.step(x.data() + i * inputs, wanted.data());
      if (!same_bits(wanted.data(), y.data() + i * outputs, outputs)) ++wrong;
      if (single.answered() != pool->answered(ids[static_cast<std::size_t>(i)])) ++wrong;
    }
    if (tick % 5 == 4) {
      REQUIRE(pool->reset(1, ids.data()).ok());
      singles[static_cast<std::size_t>(ids[0])]->reset();
    }
  }
  CHECK(wrong == 0);
}

template <class S>
LoadedModelPtr model_of(const NetworkConfig& config) {
  const NetworkCase<S> made(config, 2, 3);
  return fastgru::as_model(ModelInfo{}, std::shared_ptr<const fastgru::Network<S>>(made.network));
}

template <class S>
LoadedModelPtr layer_of(const fastgru::GruConfig& config) {
  Random random(3);
  auto weights = std::make_shared<Weights<S>>(config);
  const auto params = fastgru::testing::random_vector<S>(random, weights->layout().total(), 0.4);
  REQUIRE(weights->assign(params.data()).ok());
  return fastgru::as_model(ModelInfo{}, std::shared_ptr<const Weights<S>>(weights));
}

// What a pool must hold for each row of its own.
std::vector<std::pair<std::string, NetworkConfig>> kinds_of_networks() {
  std::vector<std::pair<std::string, NetworkConfig>> kinds;
  const auto add = [&kinds](const char* name) -> NetworkConfig& {
    kinds.emplace_back(name, network_config(3, 11, 2, false, 2));
    return kinds.back().second;
  };
  add("two layers");
  add("reset before").gru.reset_after = false;
  add("mean").pooling = fastgru::Pooling::mean;
  add("max").pooling = fastgru::Pooling::max;
  NetworkConfig& masked = add("missing values");
  masked.missing_mask = true;
  masked.gru.input_size = 6;
  NetworkConfig& frames = add("frames");
  frames.gru.input_size = 9;
  frames.frame_length = 3;
  frames.frame_step = 2;
  NetworkConfig& pooled_frames = add("frames, mean");
  pooled_frames = frames;
  pooled_frames.pooling = fastgru::Pooling::mean;
  add("tokens").vocabulary_size = 8;
  add("high").gru.precision = Precision::high;
  add("int8").gru.precision = Precision::int8;
  return kinds;
}

}  // namespace

TEST_CASE("pool: rows that step together have the bits of single streams, in every kind of network") {
  for (const auto& [name, config] : kinds_of_networks()) {
    CAPTURE(name);
    const LoadedModelPtr model = model_of<float>(config);
    compare<float>(model, 9, 1, 40);
    compare<double>(model, 9, 1, 12);
    if (config.gru.precision == Precision::highest) compare<double>(model_of<double>(config), 5, 1, 12);
  }
}

TEST_CASE("pool: the bits of single streams on every instruction set, for 1 to 256 rows and any threads") {
  for_each_isa([](const std::string&) {
    for (const std::int64_t hidden : {8, 64, 131}) {
      CAPTURE(hidden);
      fastgru::GruConfig config;
      config.input_size = 7;
      config.hidden_size = hidden;
      compare<float>(layer_of<float>(config), 256, 1, 24);
      compare<float>(layer_of<float>(config), 200, 3, 12);
      config.num_layers = 2;
      config.reset_after = false;
      compare<float>(layer_of<float>(config), 70, 2, 12);
    }
  });
}

TEST_CASE("pool: slots are given out, taken back and given out again, fresh") {
  const LoadedModelPtr model = layer_of<float>(network_config(2, 5, 1, false, 1).gru);
  const auto pool = pool_of(model, 3);
  CHECK(pool->capacity() == 3);
  CHECK(pool->size() == 0);
  Ids ids(3);
  REQUIRE(pool->acquire(3, ids.data()).ok());
  CHECK(ids == Ids{0, 1, 2});
  CHECK(pool->size() == 3);
  std::int64_t more = -5;
  const Status full = pool->acquire(1, &more);
  CHECK(full.message() == "the pool has 0 free slots of 3, wanted 1");
  CHECK(more == -5);
  const std::vector<float> x(6, 0.5f);
  std::vector<float> first(15), second(15);
  REQUIRE(pool->step(3, ids.data(), x.data(), first.data()).ok());
  const Ids back = {2, 0};
  REQUIRE(pool->release(2, back.data()).ok());
  CHECK(pool->size() == 1);
  CHECK_FALSE(pool->taken(2));
  CHECK(pool->taken(1));
  REQUIRE(pool->acquire(2, ids.data()).ok());
  CHECK(ids[0] == 2);
  CHECK(ids[1] == 0);
  REQUIRE(pool->step(2, ids.data(), x.data(), second.data()).ok());
  CHECK(same_bits(first.data(), second.data(), 10));  // both sequences have begun anew
}

TEST_CASE("pool: a refused call names the id and changes nothing") {
  const LoadedModelPtr model = layer_of<float>(network_config(1, 4, 1, false, 1).gru);
  const auto pool = pool_of(model, 4);
  Ids ids(3);
  REQUIRE(pool->acquire(3, ids.data()).ok());
  const std::vector<float> x(4, 1.0f);
  std::vector<float> y(16, 9.0f);
  std::vector<char> before(3 * pool->state_bytes()), after(before.size());
  REQUIRE(pool->step(3, ids.data(), x.data(), y.data()).ok());
  REQUIRE(pool->save(3, ids.data(), before.data()).ok());
  std::fill(y.begin(), y.end(), 9.0f);
  const std::pair<Ids, const char*> cases[] = {
      {{0, 1, 4}, "ids[2] is 4, and this pool has the slots 0 to 3"},
      {{-1, 1}, "ids[0] is -1, and this pool has the slots 0 to 3"},
      {{0, 3}, "ids[1] is 3, a slot that is not in use"},
      {{2, 1, 2}, "ids[2] is 2, which stands there twice: a call names a sequence once"},
  };
  for (const auto& [bad, message] : cases) {
    const auto count = static_cast<std::int64_t>(bad.size());
    CHECK(pool->step(count, bad.data(), x.data(), y.data()).message() == message);
    CHECK(pool->release(count, bad.data()).message() == message);
    CHECK(pool->reset(count, bad.data()).message() == message);
    CHECK(pool->save(count, bad.data(), after.data()).message() == message);
    CHECK(pool->restore(count, bad.data(), before.data()).message() == message);
  }
  CHECK(pool->step(-1, ids.data(), x.data(), y.data()).message() == "count must be at least 0, got -1");
  CHECK(pool->step(0, ids.data(), x.data(), y.data()).ok());
  REQUIRE(pool->save(3, ids.data(), after.data()).ok());
  CHECK(before == after);
  CHECK(pool->size() == 3);
  CHECK(std::all_of(y.begin(), y.end(), [](float value) { return value == 9.0f; }));
}

TEST_CASE("pool: a saved state goes on in another slot, another pool, and a stream of one row") {
  for (const auto& [name, config] : kinds_of_networks()) {
    CAPTURE(name);
    const LoadedModelPtr model = model_of<float>(config);
    const auto pool = pool_of(model, 2), other = pool_of(model, 5);
    Ids ids(2), others(5);
    REQUIRE(pool->acquire(2, ids.data()).ok());
    REQUIRE(other->acquire(5, others.data()).ok());
    const std::vector<float> x(static_cast<std::size_t>(2 * model->info().input_size), 2.0f);
    std::vector<float> y(static_cast<std::size_t>(2 * model->info().output_size)), z(y);
    for (int i = 0; i < 5; ++i) REQUIRE(pool->step(2, ids.data(), x.data(), y.data()).ok());
    std::vector<char> state(pool->state_bytes());
    REQUIRE(pool->save(1, &ids[1], state.data()).ok());
    REQUIRE(other->restore(1, &others[4], state.data()).ok());
    const auto single = stream_of(model);
    REQUIRE(single->state_bytes() == state.size());
    single->restore(state.data());
    for (int i = 0; i < 4; ++i) {
      REQUIRE(pool->step(1, &ids[1], x.data(), y.data()).ok());
      REQUIRE(other->step(1, &others[4], x.data(), z.data()).ok());
      CHECK(same_bits(y.data(), z.data(), model->info().output_size));
      single->step(x.data(), z.data());
      CHECK(same_bits(y.data(), z.data(), model->info().output_size));
    }
    std::vector<char> of_single(state.size());
    single->save(of_single.data());
    REQUIRE(pool->save(1, &ids[1], state.data()).ok());
    CHECK(state == of_single);
  }
}

// For ThreadSanitizer, too: the pools share the model's weights.
TEST_CASE("pool: two threads step two pools of one model, with slots taken and given back") {
  const LoadedModelPtr model = model_of<float>(network_config(3, 8, 1, false, 2));
  std::vector<float> sums(2);
  const auto run = [&](std::size_t mine) {
    const auto pool = pool_of(model, 150);
    Random random(11);
    Ids ids(150);
    bool good = pool->acquire(150, ids.data()).ok();
    const std::vector<float> x(450, 0.5f);
    std::vector<float> y(300);
    for (int tick = 0; tick < 1000; ++tick) {
      const auto count = static_cast<std::int64_t>(1 + random.below(150));
      good = good && pool->step(count, ids.data(), x.data(), y.data()).ok();
      sums[mine] += y[0];
      good = good && pool->release(count, ids.data()).ok() && pool->acquire(count, ids.data()).ok();
    }
    if (!good) sums[mine] = -1e9f;
  };
  std::thread other(run, std::size_t{1});
  run(0);
  other.join();
  CHECK(sums[0] == sums[1]);
  CHECK(sums[0] > -1e8f);
}

TEST_CASE("pool: sizes that cannot be are refused") {
  const LoadedModelPtr model = layer_of<float>(network_config(1, 4, 1, false, 1).gru);
  std::unique_ptr<StreamPool> pool;
  CHECK(model->stream_pool(0, 1, pool).message() == "capacity must be at least 1, got 0");
  CHECK(model->stream_pool(2, -1, pool).message() == "num_threads must be at least 0, got -1");
  CHECK(model->stream_pool(std::int64_t{1} << 60, 1, pool).message() ==
        "capacity=1152921504606846976 needs more memory than can be addressed");
  fastgru::GruConfig both;
  both.bidirectional = true;
  CHECK(layer_of<float>(both)->stream_pool(2, 1, pool).message() ==
        "a bidirectional GRU cannot stream: the reverse direction needs the whole sequence");
  CHECK(pool == nullptr);
}
