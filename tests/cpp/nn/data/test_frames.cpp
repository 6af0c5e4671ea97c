// Frames: where they begin and end, and the state of a stream that reads them.
#include "nn/data/frames.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "nn/stream.h"
#include "nn_case.h"

namespace fastgru {
namespace {

TEST_CASE("frames lie within their sequence, and the last one ends it") {
  for (const std::int64_t length : {1, 2, 5}) {
    for (const std::int64_t step : {1, 2, 3, 7}) {
      const FrameOptions frames{length, step};
      CHECK(frames.frames(0) == 0);
      for (std::int64_t steps = 1; steps < 20; ++steps) {
        CAPTURE(length);
        CAPTURE(step);
        CAPTURE(steps);
        const std::int64_t count = frames.frames(steps);
        for (const bool every_step : {false, true}) {
          const std::int64_t first = frames.first_frame(steps, every_step);
          const std::int64_t end = first + (count - 1) * step + length;  // of the last frame
          CHECK(end <= steps);
          CHECK(end + step > steps);  // no frame is left out
          if (!every_step || steps <= length) CHECK(end == steps);
          if (steps >= length) CHECK(first >= 0);
          if (steps >= length && every_step) CHECK(first == 0);
        }
        for (std::int64_t t = 0; t < steps; ++t) {
          const std::int64_t frame = frames.frame_of(t, steps);
          const std::int64_t ends = frames.first_frame(steps, true) + frame * step + length - 1;
          CHECK(frame < count);
          CHECK((ends <= t || frame == 0));
          CHECK((ends + step > t || frame == count - 1));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("a stream of frames answers what predict answers, and its state can be kept", S, float,
                   double) {
  NetworkConfig config = testing::network_config(6, 5, 2, false, 2);
  config.frame_length = 3;
  config.frame_step = 2;
  config.pooling = Pooling::mean;
  const testing::NetworkCase<S> problem(config, 1, 12);
  std::unique_ptr<NetworkStream<S>> stream, other;
  REQUIRE(NetworkStream<S>::make(problem.network->version(), 1, stream).ok());
  REQUIRE(NetworkStream<S>::make(problem.network->version(), 1, other).ok());
  CHECK(stream->state_is_more());
  std::vector<S> y(2), wanted(2), again(2);
  for (std::int64_t t = 0; t < 12; ++t) {
    std::vector<char> state(stream->state_bytes());
    stream->save(state.data());
    other->restore(state.data());
    CHECK(other->answered() == stream->answered());
    stream->step(problem.x.data() + 2 * t, y.data());
    other->step(problem.x.data() + 2 * t, again.data());
    const bool answered = t >= 2 && t % 2 == 0;
    CHECK(stream->answered() == answered);
    SampleArray x = problem.inputs();
    x.steps = t + 1;
    if (answered) {
      REQUIRE(problem.network->predict(x, nullptr, false, wanted.data(), RunOptions()).ok());
    }
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(std::isnan(y[i]) == (t < 2));
      if (t < 2) continue;
      CHECK(y[i] == wanted[i]);
      CHECK(y[i] == again[i]);
    }
  }
  stream->reset();
  stream->step(problem.x.data(), y.data());
  CHECK(std::isnan(y[0]));
}

TEST_CASE("frames that fit no network are refused") {
  NetworkConfig config = testing::network_config(6, 5, 1, false, 1);
  config.frame_length = 4;
  CHECK(validate(config).message() ==
        "frame_length=4 and frame_step=1, wanted a frame_length that divides input_size=6");
  config.frame_length = 0;
  CHECK(validate(config).message() == "frame_length=0 and frame_step=1, wanted both at least 1");
  config.frame_length = 2;
  config.missing_mask = true;  // 6 is not 2 steps of values and masks
  CHECK_FALSE(validate(config).ok());
}

}  // namespace
}  // namespace fastgru
