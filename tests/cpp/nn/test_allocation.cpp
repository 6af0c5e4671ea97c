// The training loop and a stream's step allocate nothing after the first mini-batch or step. This file
// replaces the global operator new of the test program with one that counts.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "nn/stream.h"
#include "nn_case.h"

namespace {
std::atomic<long> g_allocations{0};

void* allocate(std::size_t size) noexcept {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
}  // namespace

// GCC inlines some of these forms and not their partners, and then takes std::free() for a mismatch.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

// Replaces all forms except those for over-aligned types, because a sanitizer's forms would not pair with
// them.
void* operator new(std::size_t size) {
  if (void* memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace fastgru {
namespace {

using testing::NetworkCase;

// Allocations of an epoch of `samples` samples, after an epoch that reserved all memory.
long epoch_allocations(const NetworkCase<float>& problem, std::int64_t samples,
                       const TrainerOptions& options) {
  const auto trainer = testing::make_trainer(problem.fresh_network(), options);
  // Ragged mini-batches change shape when they are shuffled. Memory then grows to the largest shape seen.
  TrainingData data = problem.data(true, !options.shuffle);
  testing::run_epoch(*trainer, data);
  data.x.samples = data.y.samples = samples;
  const long before = g_allocations.load();
  testing::run_epoch(*trainer, data);
  return g_allocations.load() - before;
}

// For float only: the float64 engine (the readable reference) makes a few small allocations per call.
TEST_CASE("the steps of an epoch allocate nothing") {
  for (const int threads : {1, 2}) {
    for (const bool bidirectional : {false, true}) {
      NetworkConfig config = testing::network_config(3, 20, 2, bidirectional, 2);
      config.gru.dropout = config.head_dropout = 0.1;
      const NetworkCase<float> problem(config, 101, 6);  // the last mini-batch has 5 rows
      TrainerOptions options;
      options.batch_size = 8;
      options.num_threads = threads;
      for (const bool shuffle : {false, true}) {
        options.shuffle = shuffle;
        CAPTURE(threads);
        CAPTURE(bidirectional);
        CAPTURE(shuffle);
        CHECK(epoch_allocations(problem, 101, options) == epoch_allocations(problem, 8, options));
      }
    }
  }
}

TEST_CASE("the steps of an epoch that aligns labels allocate nothing") {
  NetworkConfig config = testing::network_config(3, 20, 1, true, 4);
  config.sequence = true;
  config.loss = find_loss("ctc");
  const NetworkCase<float> problem(config, 101, 9);
  const std::vector<float> labels(101 * 4, 1.0f);
  const auto trainer = testing::make_trainer(problem.fresh_network(), {});
  TrainingData data = problem.data(true, false);
  data.y = testing::sample_array(labels, 101, 4, 1);
  long allocations[3] = {0, 0, 0};
  for (const std::int64_t samples : {101, 101, 32}) {
    data.x.samples = data.y.samples = samples;
    const long before = g_allocations.load();
    testing::run_epoch(*trainer, data);
    allocations[samples == 32 ? 2 : 1] = g_allocations.load() - before;
  }
  CHECK(allocations[1] == allocations[2]);
}

TEST_CASE("a low-memory training call allocates nothing once its tape has served the same shape") {
  for (const bool lengths : {false, true}) {
    const testing::GruCase<float> problem(testing::two_by_two(), 100, 13, lengths, true);
    const auto weights = problem.weights();
    testing::Results<float> out;
    const ForwardArgs<float> ahead = problem.forward_args(out);
    const BackwardArgs<float> back = problem.backward_args(out);
    Tape<float> tape;
    RunOptions options;
    options.low_memory = true;
    options.num_threads = 2;
    long allocations = 0;
    for (int call = 0; call < 2; ++call) {
      const long before = g_allocations.load();
      const bool ran = forward_train(*weights, ahead, 1, tape, options).ok() &&
                       backward(*weights, tape, back, options).ok();
      allocations = g_allocations.load() - before;
      CHECK(ran);
    }
    CHECK(allocations == 0);
  }
}

TEST_CASE_TEMPLATE("a stream's step allocates nothing", S, float, double) {
  const NetworkCase<S> problem(testing::network_config(3, 20, 2, false, 2), 4, 6);
  std::unique_ptr<NetworkStream<S>> stream;
  REQUIRE(NetworkStream<S>::make(problem.network->version(), 4, stream).ok());
  S y[8];
  const long before = g_allocations.load();
  for (int t = 0; t < 10; ++t) stream->step(problem.x.data(), y);
  CHECK(g_allocations.load() == before);
}

}  // namespace
}  // namespace fastgru
