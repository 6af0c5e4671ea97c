// The lattice of one sequence for connectionist temporal classification (Graves, Fernández, Gomez and
// Schmidhuber, 2006). Its states are the labels with a blank before, between and after them. A path spends
// each step in one state; from one step to the next it stays, goes on by one state, or skips a blank between
// two different labels.
//
// All is in the log domain. The values of a step are relative to the largest of them, and the steps' largest
// values are summed in double: in float32 an error then stays near that of one step, however long the
// sequence is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "nn/losses/vector_math.h"

namespace fastgru {

template <class S>
class CtcLattice {
 public:
  static std::int64_t states(std::int64_t labels) { return 2 * labels + 1; }
  // The values of scratch for a sequence of so many steps and labels.
  static std::int64_t scratch(std::int64_t steps, std::int64_t labels) {
    return steps * states(labels) + kVectors * (states(labels) + 2 * kBorder);
  }

  CtcLattice(const std::int64_t* labels, std::int64_t count, std::int64_t steps, S* scratch)
      : labels_(labels), states_(states(count)), steps_(steps), alphas_(scratch) {
    S* next = scratch + steps * states_;
    for (S** vector : {&skip_, &emission_, &now_, &next_, &high_, &rest_}) {
      *vector = next + kBorder;
      next += states_ + 2 * kBorder;
      if (vector == &rest_) next += states_ + 2 * kBorder;  // two terms for each state
    }
    for (S* vector : {skip_, now_, next_}) std::fill_n(vector - kBorder, states_ + 2 * kBorder, kNever);
    for (std::int64_t s = 3; s < states_; s += 2) {
      if (label(s) != label(s - 2)) skip_[s] = S(0);
    }
  }

  // log of the sum over all paths of exp(sum of the logits on the path).
  template <class Logits>
  double forward(Logits logits) {
    double total = 0;
    std::fill_n(now_, states_, kNever);
    for (std::int64_t t = 0; t < steps_; ++t) {
      load(logits(t));
      if (t == 0) {
        for (std::int64_t s = 0; s < std::min<std::int64_t>(2, states_); ++s) now_[s] = emission_[s];
      } else {
        combine([this](std::int64_t s) { return Terms{now_[s], now_[s - 1], now_[s - 2] + skip_[s]}; });
        for (std::int64_t s = 0; s < states_; ++s) now_[s] = next_[s] + emission_[s];
      }
      total += make_relative();
      std::copy_n(now_, states_, alphas_ + t * states_);
    }
    return total + end();
  }

  // Calls use(t, posterior), for t from the last step to the first: posterior[s] is the probability that the
  // path is in state s. After forward().
  template <class Logits, class Use>
  void backward(Logits logits, Use use) {
    std::fill_n(now_, states_, kNever);
    for (std::int64_t t = steps_ - 1; t >= 0; --t) {
      if (t == steps_ - 1) {
        std::fill_n(next_, states_, kNever);
        for (std::int64_t s = std::max<std::int64_t>(0, states_ - 2); s < states_; ++s) next_[s] = S(0);
      } else {
        combine([this](std::int64_t s) { return Terms{now_[s], now_[s + 1], now_[s + 2] + skip_[s + 2]}; });
      }
      const S* alpha = alphas_ + t * states_;
      for (std::int64_t s = 0; s < states_; ++s) rest_[s] = alpha[s] + next_[s];
      softmax(rest_, states_, rest_);
      use(t, rest_);
      load(logits(t));
      for (std::int64_t s = 0; s < states_; ++s) now_[s] = next_[s] + emission_[s];
      make_relative();
    }
  }

  // The label of a state: the blank, 0, of every other one.
  std::int64_t label(std::int64_t s) const { return s % 2 == 0 ? 0 : labels_[s / 2]; }
  std::int64_t states() const { return states_; }

 private:
  static constexpr S kNever = S(-1e30);  // log of the probability 0: finite, so that no difference is a NaN
  static constexpr std::int64_t kBorder = 2, kVectors = 7;

  struct Terms {
    S a, b, c;
  };

  void load(const S* logits) {
    for (std::int64_t s = 0; s < states_; s += 2) emission_[s] = logits[0];
    for (std::int64_t s = 1; s < states_; s += 2) emission_[s] = logits[labels_[s / 2]];
  }

  // next_[s] = log(exp(a) + exp(b) + exp(c)) of terms(s): the largest plus log(1 + two exponentials).
  template <class TermsOf>
  void combine(TermsOf terms) {
    S* const rest = rest_;
    for (std::int64_t s = 0; s < states_; ++s) {
      const auto [a, b, c] = terms(s);
      const S high = std::max(a, b), low = std::min(a, b), most = std::max(high, c);
      high_[s] = most;
      rest[s] = low - most;
      rest[states_ + s] = std::min(high, c) - most;
    }
    exponential(rest, 2 * states_, rest);
    for (std::int64_t s = 0; s < states_; ++s) rest[s] = S(1) + (rest[s] + rest[states_ + s]);
    logarithm(rest, states_, rest);
    for (std::int64_t s = 0; s < states_; ++s) next_[s] = high_[s] + rest[s];
  }

  // Subtracts the largest value of now_, and returns it.
  double make_relative() {
    const S most = *std::max_element(now_, now_ + states_);
    for (std::int64_t s = 0; s < states_; ++s) now_[s] -= most;
    return static_cast<double>(most);
  }

  // log of the sum of the two states in which a path may end.
  double end() const {
    const double last = static_cast<double>(now_[states_ - 1]);
    const double before = states_ == 1 ? static_cast<double>(kNever) : static_cast<double>(now_[states_ - 2]);
    const double most = std::max(last, before);
    if (most < static_cast<double>(kNever) / 2) return -std::numeric_limits<double>::infinity();
    return most + std::log(std::exp(last - most) + std::exp(before - most));
  }

  const std::int64_t* labels_;
  std::int64_t states_, steps_;
  S* alphas_;                                                                   // (steps, states)
  S *skip_ = nullptr, *emission_ = nullptr, *now_ = nullptr, *next_ = nullptr;  // with a border on each side
  S *high_ = nullptr, *rest_ = nullptr;
};

}  // namespace fastgru
