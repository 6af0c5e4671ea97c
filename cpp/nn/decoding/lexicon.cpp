// Building and walking a trie of words.
#include "nn/decoding/lexicon.h"

namespace fastgru {

std::int64_t Lexicon::child(std::int64_t place, std::int64_t label) const {
  std::int64_t found = nodes_[at(place)].child;
  while (found >= 0 && nodes_[at(found)].label != label) found = nodes_[at(found)].sibling;
  return found;
}

Lexicon::Lexicon(const std::vector<std::int64_t>& labels, const std::vector<std::int64_t>& ends,
                 std::int64_t separator)
    : nodes_(1), separator_(separator) {
  for (std::size_t word = 0; word + 1 < ends.size(); ++word) {
    std::int64_t place = kRoot;
    for (std::int64_t i = ends[word]; i < ends[word + 1]; ++i) {
      const std::int64_t label = labels[at(i)];
      std::int64_t next = child(place, label);
      if (next < 0) {
        next = static_cast<std::int64_t>(nodes_.size());
        nodes_.push_back({label, -1, nodes_[at(place)].child, false});
        nodes_[at(place)].child = next;
      }
      place = next;
    }
    nodes_[at(place)].ends_word = true;
  }
}

std::int64_t Lexicon::after(std::int64_t place, std::int64_t label) const {
  const std::int64_t next = child(place, label);
  if (next >= 0) return next;
  return separator_ > 0 && label == separator_ && nodes_[at(place)].ends_word ? kRoot : -1;
}

}  // namespace fastgru
