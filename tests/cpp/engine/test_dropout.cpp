// Dropout masks: which positions are kept. Only seed, stream and position decide it.
#include "engine/dropout.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace {

constexpr std::int64_t kCount = 20000;

template <class S>
std::vector<S> dropped(double p, std::uint64_t seed, std::uint64_t stream, std::int64_t first = 0,
                       std::int64_t count = kCount) {
  std::vector<S> in, out(static_cast<std::size_t>(count), S(-7));
  for (std::int64_t i = 0; i < count; ++i) in.push_back(static_cast<S>(first + i + 1));
  fastgru::dropout(in.data(), out.data(), count, first, p, seed, stream);
  return out;
}

template <class S>
double share_kept(const std::vector<S>& values) {
  double kept = 0;
  for (const S value : values) kept += value != 0 ? 1 : 0;
  return kept / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE_TEMPLATE("dropout: a share of 1 - p is kept and scaled by 1 / (1 - p), the rest is zero", S, float,
                   double) {
  for (const double p : {0.0, 0.1, 0.5, 0.9}) {
    CAPTURE(p);
    const std::vector<S> out = dropped<S>(p, 5, 1);
    // Six standard deviations of the share of kept values.
    CHECK(std::fabs(share_kept(out) - (1 - p)) <= 6 * std::sqrt(p * (1 - p) / kCount));
    const S scale = static_cast<S>(1 / (1 - p));
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] != 0) CHECK(out[i] == static_cast<S>(i + 1) * scale);
    }
  }
}

TEST_CASE("dropout: position i is kept where its Philox word is at least p") {
  const std::uint64_t seed = 0x123456789abcdef0u, stream = 0x301;
  const std::vector<double> out = dropped<double>(0.25, seed, stream);
  for (std::size_t i = 0; i < 1000; ++i) {
    const fastgru::PhiloxBlock block = fastgru::philox(seed, i / 4, stream);
    CHECK((out[i] != 0) == (block[i % 4] >= std::uint32_t{1} << 30));
  }
}

TEST_CASE("dropout: pieces of any size, begun anywhere, make the whole") {
  const std::vector<float> whole = dropped<float>(0.4, 9, 2, 0, 500);
  for (const std::int64_t piece : {1, 2, 3, 4, 5, 7, 64, 499}) {
    CAPTURE(piece);
    for (std::int64_t first = 0; first < 500; first += piece) {
      const std::int64_t count = first + piece < 500 ? piece : 500 - first;
      const std::vector<float> part = dropped<float>(0.4, 9, 2, first, count);
      CHECK(part == std::vector<float>(whole.begin() + first, whole.begin() + first + count));
    }
  }
}

TEST_CASE("dropout: in place as from elsewhere, and both types lose the same positions") {
  const std::vector<float> apart = dropped<float>(0.4, 9, 2);
  const std::vector<double> wide = dropped<double>(0.4, 9, 2);
  std::vector<float> place;
  for (std::int64_t i = 0; i < kCount; ++i) place.push_back(static_cast<float>(i + 1));
  fastgru::dropout(place.data(), place.data(), kCount, 0, 0.4, 9, 2);
  CHECK(place == apart);
  for (std::size_t i = 0; i < apart.size(); ++i) CHECK((apart[i] == 0) == (wide[i] == 0));
}

TEST_CASE("dropout: seeds and streams have masks of their own") {
  const std::vector<float> one = dropped<float>(0.5, 1, 1);
  for (const std::vector<float>& other : {dropped<float>(0.5, 2, 1), dropped<float>(0.5, 1, 2),
                                          dropped<float>(0.5, 1, 1 | std::uint64_t{1} << 40)}) {
    double both = 0;
    for (std::size_t i = 0; i < one.size(); ++i) both += one[i] != 0 && other[i] != 0 ? 1 : 0;
    CHECK(std::fabs(both / kCount - 0.25) <= 6 * std::sqrt(0.25 * 0.75 / kCount));
  }
}

TEST_CASE("dropout: no layer's stream is another's, nor any other purpose's") {
  std::set<std::uint64_t> streams;
  for (std::int64_t layer = 1; layer <= 65536; layer += 13) {
    CHECK(streams.insert(fastgru::layer_dropout_stream(layer)).second);
  }
  for (const auto purpose :
       {fastgru::RandomStream::dropout_layer, fastgru::RandomStream::dropout_head,
        fastgru::RandomStream::shuffle, fastgru::RandomStream::shuffle_batches,
        fastgru::RandomStream::dropout_input, fastgru::RandomStream::dropout_recurrent}) {
    CHECK(streams.insert(static_cast<std::uint64_t>(purpose)).second);
  }
}
