// Best path and prefix beam search.
#include "nn/decoding/ctc_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace fastgru {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double most = std::max(a, b);
  return most == kNever ? kNever : most + std::log1p(std::exp(std::min(a, b) - most));
}

// A prefix of labels: a node of the tree of all prefixes that were in the beam.
struct Prefix {
  std::int64_t parent = -1, label = 0;
  std::int64_t child = -1, sibling = -1;
  std::int64_t place = Lexicon::kRoot;
  std::int64_t state = -1;   // of the scorer; its scores are row `scores` of all
  std::int64_t scores = -1;  // below 0: the scorer has not been asked yet
  double language = 0;       // the scorer's weighted score and the bonuses
  std::int64_t entry = -1;   // its place in the beam
};

// A prefix in the beam, or one that may come into it.
struct Entry {
  std::int64_t prefix = -1;  // below 0: `label` after the prefix `parent`
  std::int64_t parent = -1, label = 0, place = Lexicon::kRoot;
  double blank = kNever, spoken = kNever;  // log of the probability of its paths that end so
  double language = 0;

  double both() const { return log_add(blank, spoken); }
};

class Search {
 public:
  Search(const FrameAnswers& answers, const SearchOptions& options) : answers_(answers), options_(options) {}

  Status run(Interrupt* interrupt, SearchAnswer& answer) {
    FASTGRU_RETURN_IF_ERROR(begin());
    for (std::int64_t t = 0; t < answers_.frames; ++t) {
      if (interrupt != nullptr && interrupt->check()) return Status::interrupted();
      stay(answers_[t]);
      for (std::size_t i = 0; i < beam_.size(); ++i) extend(i, answers_[t]);
      keep_best();
      FASTGRU_RETURN_IF_ERROR(ask_scorer());
    }
    finish(answer);
    return {};
  }

 private:
  Prefix& prefix(std::int64_t i) { return prefixes_[static_cast<std::size_t>(i)]; }

  Status begin() {
    prefixes_.emplace_back();
    prefixes_[0].entry = 0;
    Entry root;
    root.prefix = 0;
    root.blank = 0;
    beam_ = {root};
    if (options_.scorer == nullptr) return {};
    scores_.resize(static_cast<std::size_t>(answers_.classes));
    prefixes_[0].scores = 0;
    return options_.scorer->begin(&prefixes_[0].state, scores_.data());
  }

  // The prefixes of the beam one frame on, with the blank or their last label once more.
  void stay(const double* log_proba) {
    next_ = beam_;
    for (Entry& entry : next_) {
      const std::int64_t label = prefix(entry.prefix).label;
      const double both = entry.both();
      entry.spoken = label == 0 ? kNever : entry.spoken + log_proba[label];
      entry.blank = both + log_proba[0];
    }
  }

  // The prefixes of the beam with one label more.
  void extend(std::size_t i, const double* log_proba) {
    const Prefix& from = prefix(beam_[i].prefix);
    const double both = beam_[i].both(), blank = beam_[i].blank;
    const double* scores = from.scores < 0 ? nullptr : scores_.data() + from.scores * answers_.classes;
    const auto add = [&](std::int64_t label, std::int64_t place) {
      const double spoken = (label == from.label ? blank : both) + log_proba[label];
      if (spoken == kNever) return;
      const std::int64_t known = child(beam_[i].prefix, label);
      if (known >= 0 && prefix(known).entry >= 0) {
        Entry& entry = next_[static_cast<std::size_t>(prefix(known).entry)];
        entry.spoken = log_add(entry.spoken, spoken);
        return;
      }
      Entry entry;
      entry.prefix = known;
      entry.parent = beam_[i].prefix;
      entry.label = label;
      entry.place = place;
      entry.spoken = spoken;
      entry.language = from.language + options_.label_bonus;
      if (scores != nullptr) entry.language += options_.scorer_weight * scores[label];
      next_.push_back(entry);
    };
    if (options_.lexicon != nullptr) {
      options_.lexicon->for_next(from.place, add);
    } else {
      for (std::int64_t label = 1; label < answers_.classes; ++label) add(label, Lexicon::kRoot);
    }
  }

  std::int64_t child(std::int64_t parent, std::int64_t label) {
    std::int64_t found = prefix(parent).child;
    while (found >= 0 && prefix(found).label != label) found = prefix(found).sibling;
    return found;
  }

  // The beam becomes the best of next_; of equal ones those that came first.
  void keep_best() {
    for (const Entry& entry : beam_) prefix(entry.prefix).entry = -1;
    ranks_.clear();
    for (std::size_t i = 0; i < next_.size(); ++i) ranks_.push_back({next_[i].both() + next_[i].language, i});
    const std::size_t kept = std::min(ranks_.size(), static_cast<std::size_t>(options_.beam_width));
    std::partial_sort(ranks_.begin(), ranks_.begin() + static_cast<std::ptrdiff_t>(kept), ranks_.end(),
                      [](const Rank& a, const Rank& b) {
                        return a.score != b.score ? a.score > b.score : a.entry < b.entry;
                      });
    beam_.clear();
    for (std::size_t i = 0; i < kept; ++i) {
      Entry entry = next_[ranks_[i].entry];
      if (entry.prefix < 0) entry.prefix = add_prefix(entry);
      prefix(entry.prefix).entry = static_cast<std::int64_t>(i);
      beam_.push_back(entry);
    }
  }

  std::int64_t add_prefix(const Entry& entry) {
    const auto made = static_cast<std::int64_t>(prefixes_.size());
    Prefix one;
    one.parent = entry.parent;
    one.label = entry.label;
    one.place = entry.place;
    one.language = entry.language;
    one.sibling = prefix(entry.parent).child;
    prefixes_.push_back(one);
    prefix(entry.parent).child = made;
    return made;
  }

  // Asks the scorer about the prefixes that are new in the beam, all at once.
  Status ask_scorer() {
    if (options_.scorer == nullptr) return {};
    asked_.clear();
    states_.clear();
    labels_.clear();
    for (const Entry& entry : beam_) {
      const Prefix& one = prefix(entry.prefix);
      if (one.scores >= 0) continue;
      asked_.push_back(entry.prefix);
      states_.push_back(prefix(one.parent).state);
      labels_.push_back(one.label);
    }
    if (asked_.empty()) return {};
    const auto count = static_cast<std::int64_t>(asked_.size());
    const auto rows = static_cast<std::int64_t>(scores_.size()) / answers_.classes;
    scores_.resize(static_cast<std::size_t>((rows + count) * answers_.classes));
    given_.resize(asked_.size());
    FASTGRU_RETURN_IF_ERROR(options_.scorer->advance(count, states_.data(), labels_.data(), given_.data(),
                                                     scores_.data() + rows * answers_.classes));
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      prefix(asked_[i]).state = given_[i];
      prefix(asked_[i]).scores = rows + static_cast<std::int64_t>(i);
    }
    return {};
  }

  void finish(SearchAnswer& answer) {
    const Entry* best = nullptr;
    double most = kNever;
    for (const Entry& entry : beam_) {
      const Prefix& one = prefix(entry.prefix);
      if (options_.lexicon != nullptr && !options_.lexicon->complete(one.place)) continue;
      double score = entry.both() + one.language;
      if (one.scores >= 0) {
        score += options_.scorer_weight * scores_[static_cast<std::size_t>(one.scores * answers_.classes)];
      }
      if (best != nullptr && !(score > most)) continue;
      best = &entry;
      most = score;
    }
    const bool whole = best != nullptr;
    if (!whole) best = &beam_.front();
    answer = {};
    answer.log_proba = best->both();
    answer.score = whole ? most : answer.log_proba + prefix(best->prefix).language;
    for (std::int64_t i = best->prefix; prefix(i).parent >= 0; i = prefix(i).parent) {
      answer.labels.push_back(prefix(i).label);
    }
    std::reverse(answer.labels.begin(), answer.labels.end());
    if (options_.lexicon != nullptr) cut_last_word(answer.labels, whole);
  }

  // Leaves out an unfinished last word and the separator at the end.
  void cut_last_word(std::vector<std::int64_t>& labels, bool whole) const {
    const std::int64_t separator = options_.lexicon->separator();
    if (!whole) {
      while (!labels.empty() && (separator == 0 || labels.back() != separator)) labels.pop_back();
    }
    while (!labels.empty() && separator > 0 && labels.back() == separator) labels.pop_back();
  }

  struct Rank {
    double score;
    std::size_t entry;
  };

  const FrameAnswers& answers_;
  const SearchOptions& options_;
  std::vector<Prefix> prefixes_;
  std::vector<Entry> beam_, next_;
  std::vector<Rank> ranks_;
  std::vector<double> scores_;  // (rows, classes), of the scorer
  std::vector<std::int64_t> asked_, states_, labels_, given_;
};

}  // namespace

std::vector<std::int64_t> best_path(const FrameAnswers& answers) {
  std::vector<std::int64_t> labels;
  std::int64_t last = 0;
  for (std::int64_t t = 0; t < answers.frames; ++t) {
    const double* log_proba = answers[t];
    const std::int64_t best = std::max_element(log_proba, log_proba + answers.classes) - log_proba;
    if (best != 0 && best != last) labels.push_back(best);
    last = best;
  }
  return labels;
}

Status beam_search(const FrameAnswers& answers, const SearchOptions& options, Interrupt* interrupt,
                   SearchAnswer& answer) {
  if (options.beam_width < 1) {
    return Status::invalid("beam_width must be at least 1, got " + std::to_string(options.beam_width));
  }
  SearchOptions used = options;
  if (used.scorer_weight == 0) used.scorer = nullptr;  // 0 times a score of -infinity is no number
  return Search(answers, used).run(interrupt, answer);
}

}  // namespace fastgru
