// Frames: several time steps read as one, as speech recognisers stack them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// The GRU reads frames of `frame_length` successive time steps, one every `frame_step` time steps. A sequence
// shorter than a frame is one frame; the time steps before its beginning are zeros.
struct FrameOptions {
  std::int64_t frame_length = 1, frame_step = 1;

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    visit("frame_length", self.frame_length, field::Whole{1}, field::kLater);
    visit("frame_step", self.frame_step, field::Whole{1}, field::kLater);
  }

  bool framed() const { return frame_length > 1 || frame_step > 1; }
  // The frames of a sequence of `steps` time steps.
  std::int64_t frames(std::int64_t steps) const {
    return std::min<std::int64_t>(steps, 1) + std::max<std::int64_t>(0, steps - frame_length) / frame_step;
  }
  // The time step with which the first frame begins; below 0 in a sequence shorter than a frame. With one
  // prediction per sequence, frames are counted back from the last time step, which is so never left out.
  // With predictions at every step they are counted from the first one, as a stream does.
  std::int64_t first_frame(std::int64_t steps, bool every_step) const {
    const std::int64_t spare = steps - frame_length;
    return spare > 0 && !every_step ? spare % frame_step : std::min<std::int64_t>(0, spare);
  }
  // The frame whose prediction holds at time step t, where every step has one: the last frame that has ended,
  // and the first frame before any has.
  std::int64_t frame_of(std::int64_t t, std::int64_t steps) const {
    const std::int64_t since = t - first_frame(steps, true) - (frame_length - 1);
    return since < 0 ? 0 : since / frame_step;
  }

  Status check_frames(std::int64_t input_size, std::int64_t vocabulary_size) const;
};

// Where the frames of some samples lie.
struct Framing {
  FrameOptions options;
  bool every_step = false;                // predictions at every step
  bool ends = false;                      // only the last time step of each frame is read: targets
  std::int64_t steps = 0;                 // of every sample
  const std::int64_t* lengths = nullptr;  // of each sample, if not null

  Framing of_targets() const {
    Framing framing = *this;
    framing.ends = true;
    return framing;
  }
  std::int64_t length(std::int64_t sample) const { return lengths == nullptr ? steps : lengths[sample]; }
  // The first time step that is read of a sample, and how many are read of each frame.
  std::int64_t first(std::int64_t sample) const {
    return options.first_frame(length(sample), every_step) + (ends ? options.frame_length - 1 : 0);
  }
  std::int64_t count() const { return ends ? 1 : options.frame_length; }
};

}  // namespace fastgru
