// The words that a search may spell, as a trie over labels.
#pragma once

#include <cstdint>
#include <vector>

namespace fastgru {

// With a separator, answers are words with one separator between two; without (0), an answer is one word.
class Lexicon {
 public:
  // The words' labels one after the other; word i has those from ends[i] to ends[i + 1]. No word is empty.
  Lexicon(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& ends,
          std::int64_t separator);

  static constexpr std::int64_t kRoot = 0;

  // The place after `label`, or below 0: no word goes on so.
  std::int64_t after(std::int64_t place, std::int64_t label) const;
  // Whether an answer may end here.
  bool complete(std::int64_t place) const { return place == kRoot || nodes_[at(place)].ends_word; }
  std::int64_t separator() const { return separator_; }

  // Calls visit(label, place) for every label that may follow, in the order in which words brought them.
  template <class Visit>
  void for_next(std::int64_t place, Visit visit) const {
    for (std::int64_t child = nodes_[at(place)].child; child >= 0; child = nodes_[at(child)].sibling) {
      visit(nodes_[at(child)].label, child);
    }
    if (separator_ > 0 && nodes_[at(place)].ends_word) visit(separator_, kRoot);
  }

 private:
  struct Node {
    std::int64_t label = 0, child = -1, sibling = -1;
    bool ends_word = false;
  };
  static std::size_t at(std::int64_t place) { return static_cast<std::size_t>(place); }
  std::int64_t child(std::int64_t place, std::int64_t label) const;

  std::vector<Node> nodes_;
  std::int64_t separator_;
};

}  // namespace fastgru
