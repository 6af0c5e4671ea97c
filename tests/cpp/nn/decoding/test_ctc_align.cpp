// Forced alignment against all paths.
#include <doctest/doctest.h>

#include <string>

#include "answers_case.h"
#include "nn/decoding/ctc_align.h"

namespace fastgru {
namespace {

using testing::Labels;

TEST_CASE("the alignment is that of the most probable of all paths") {
  const std::vector<Labels> cases = {{1, 2}, {1, 1}, {2}, {}, {2, 2, 1}, {1, 2, 1, 2, 1, 2}};
  for (const Labels& labels : cases) {
    const testing::AnswersCase one(6, 3, 7, 2.0);
    double most = -1e9;
    Labels best;
    one.for_paths([&](const Labels& path, double log_p) {
      if (testing::spelt(path) != labels || log_p <= most) return;
      most = log_p;
      best = path;
    });
    Alignment found;
    REQUIRE(align(one.view(), labels, found).ok());
    CHECK(found.log_proba == doctest::Approx(most).epsilon(1e-12));
    Labels path(6, 0);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      for (auto t = found.first[i]; t <= found.last[i]; ++t) path[static_cast<std::size_t>(t)] = labels[i];
    }
    CHECK(path == best);
  }
}

TEST_CASE("too few frames for the labels are an error") {
  const testing::AnswersCase one(3, 3, 7, 2.0);
  Alignment found;
  CHECK(align(one.view(), {1, 2, 1}, found).ok());
  const Status status = align(one.view(), {1, 1, 2}, found);
  CHECK(std::string(status.message()) == "has 3 frames, too few for its 3 labels: wanted at least 4");
  CHECK(align({one.log_proba.data(), 0, 3}, {}, found).ok());
}

}  // namespace
}  // namespace fastgru
