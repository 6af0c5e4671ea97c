// Temperature, top-k and nucleus sampling.
#include "nn/decoding/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "runtime/number_text.h"

namespace fastgru {

Status validate(const Sampling& s, std::int64_t classes) {
  if (!(s.temperature >= 0) || !std::isfinite(s.temperature)) {
    return Status::invalid("temperature must be a finite number, at least 0, got " +
                           number_text(s.temperature));
  }
  if (s.top_k < 0) {
    return Status::invalid("top_k must be at least 0 (0: all tokens), got " + std::to_string(s.top_k));
  }
  if (!(s.top_p > 0 && s.top_p <= 1)) {
    return Status::invalid("top_p must be above 0 and at most 1, got " + number_text(s.top_p));
  }
  if (s.first_token >= 0 && s.first_token < classes) return {};
  return Status::invalid("first_token must be from 0 to " + std::to_string(classes - 1) + ", got " +
                         std::to_string(s.first_token));
}

bool legal(const Sampling& s, std::int64_t classes) noexcept {
  return s.temperature >= 0 && std::isfinite(s.temperature) && s.top_k >= 0 && s.top_p > 0 && s.top_p <= 1 &&
         s.first_token >= 0 && s.first_token < classes;
}

void Sampler::reserve(std::int64_t classes) { candidates_.reserve(static_cast<std::size_t>(classes)); }

void Sampler::keep_most_likely(std::int64_t count) noexcept {
  if (count >= static_cast<std::int64_t>(candidates_.size())) return;
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  };
  std::nth_element(candidates_.begin(), candidates_.begin() + (count - 1), candidates_.end(), likelier);
  candidates_.resize(static_cast<std::size_t>(count));
}

void Sampler::keep_nucleus(double share) noexcept {
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  });
  double total = 0, sum = 0;
  for (const Candidate& each : candidates_) total += each.weight;
  std::size_t count = 0;
  while (count < candidates_.size() && (count == 0 || sum < share * total))
    sum += candidates_[count++].weight;
  candidates_.resize(count);
}

template <class S>
double Sampler::choose(const S* logits, std::int64_t classes, const Sampling& sampling) noexcept {
  candidates_.clear();
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t k = sampling.first_token; k < classes; ++k) {
    if (std::isfinite(logits[k])) largest = std::max(largest, static_cast<double>(logits[k]));
  }
  for (std::int64_t k = sampling.first_token; k < classes; ++k) {
    if (!std::isfinite(logits[k])) continue;
    const double below = static_cast<double>(logits[k]) - largest;
    double weight = below == 0 ? 1.0 : 0.0;  // temperature 0
    if (sampling.temperature > 0) weight = std::exp(below / sampling.temperature);
    if (weight > 0) candidates_.push_back({weight, k});
  }
  if (candidates_.empty()) candidates_.push_back({1.0, sampling.first_token});
  if (sampling.temperature == 0) candidates_.resize(1);
  if (sampling.top_k > 0) keep_most_likely(sampling.top_k);
  if (sampling.top_p < 1) keep_nucleus(sampling.top_p);
  if (sampling.top_k > 0 || sampling.top_p < 1) {
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
  }
  double sum = 0;
  for (const Candidate& each : candidates_) sum += each.weight;
  return sum;
}

template <class S>
std::int64_t Sampler::draw(const S* logits, std::int64_t classes, const Sampling& sampling,
                           double uniform) noexcept {
  double left = uniform * choose(logits, classes, sampling);
  for (const Candidate& each : candidates_) {
    if (left < each.weight) return each.token;
    left -= each.weight;
  }
  return candidates_.back().token;  // rounding alone leads here
}

template <class S>
void Sampler::probabilities(const S* logits, std::int64_t classes, const Sampling& sampling,
                            double* p) noexcept {
  const double sum = choose(logits, classes, sampling);
  std::fill_n(p, classes, 0.0);
  for (const Candidate& each : candidates_) p[each.token] = each.weight / sum;
}

template std::int64_t Sampler::draw(const float*, std::int64_t, const Sampling&, double) noexcept;
template std::int64_t Sampler::draw(const double*, std::int64_t, const Sampling&, double) noexcept;
template void Sampler::probabilities(const float*, std::int64_t, const Sampling&, double*) noexcept;
template void Sampler::probabilities(const double*, std::int64_t, const Sampling&, double*) noexcept;

}  // namespace fastgru
