// Viterbi's path through the lattice of the labels (nn/losses/ctc_lattice.h has its states).
#include "nn/decoding/ctc_align.h"

#include <algorithm>
#include <limits>
#include <string>

#include "nn/data/labels.h"

namespace fastgru {

Status align(const FrameAnswers& answers, const std::vector<std::int64_t>& labels, Alignment& alignment) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const auto count = static_cast<std::int64_t>(labels.size());
  const std::int64_t states = 2 * count + 1, least = least_predictions(labels.data(), count);
  if (answers.frames < least) {
    return Status::invalid("has " + std::to_string(answers.frames) + " frames, too few for its " +
                           std::to_string(count) + " labels: wanted at least " + std::to_string(least));
  }
  const auto label = [&](std::int64_t s) {
    return s % 2 == 0 ? std::int64_t{0} : labels[static_cast<std::size_t>(s / 2)];
  };
  std::vector<double> best(static_cast<std::size_t>(states), kNever), before;
  std::vector<std::uint8_t> from(static_cast<std::size_t>(answers.frames * states));  // states back
  for (std::int64_t t = 0; t < answers.frames; ++t) {
    before = best;
    for (std::int64_t s = 0; s < states; ++s) {
      const auto at = static_cast<std::size_t>(s);
      double most = t == 0 ? (s < 2 ? 0.0 : kNever) : before[at];
      std::uint8_t back = 0;
      for (std::uint8_t step = 1; t > 0 && step <= 2 && step <= s; ++step) {
        if (step == 2 && (s % 2 == 0 || label(s) == label(s - 2))) continue;
        if (before[at - step] > most) {
          most = before[at - step];
          back = step;
        }
      }
      best[at] = most + answers[t][label(s)];
      from[static_cast<std::size_t>(t * states + s)] = back;
    }
  }
  std::int64_t s = states - 1;
  if (count > 0 && answers.frames > 0 &&
      best[static_cast<std::size_t>(s - 1)] >= best[static_cast<std::size_t>(s)])
    --s;
  alignment.first.assign(labels.size(), -1);
  alignment.last.assign(labels.size(), -1);
  alignment.log_proba = answers.frames == 0 ? 0.0 : best[static_cast<std::size_t>(s)];
  if (alignment.log_proba == kNever) return Status::invalid("has no path of a probability above 0");
  for (std::int64_t t = answers.frames - 1; t >= 0; --t) {
    if (s % 2 == 1) {
      const auto at = static_cast<std::size_t>(s / 2);
      alignment.first[at] = t;
      alignment.last[at] = std::max(alignment.last[at], t);
    }
    s -= from[static_cast<std::size_t>(t * states + s)];
  }
  return {};
}

}  // namespace fastgru
