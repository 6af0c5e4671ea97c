// Checks of the frames' sizes.
#include "nn/data/frames.h"

#include <string>

namespace fastgru {

Status FrameOptions::check_frames(std::int64_t input_size, std::int64_t vocabulary_size) const {
  const auto refuse = [this](const std::string& wanted) {
    return Status::invalid("frame_length=" + std::to_string(frame_length) +
                           " and frame_step=" + std::to_string(frame_step) + ", wanted " + wanted);
  };
  if (frame_length < 1 || frame_step < 1) return refuse("both at least 1");
  if (framed() && vocabulary_size > 0) return refuse("1 for tokens, which cannot be stacked");
  if (input_size % frame_length == 0) return {};
  return refuse("a frame_length that divides input_size=" + std::to_string(input_size));
}

}  // namespace fastgru
