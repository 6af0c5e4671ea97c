#include "spec/network_summary.h"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace fastgru {
namespace {

using Shape = std::vector<std::string>;

std::string in_thousands(std::int64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string share(const char* what, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s %g", what, value);
  return text.data();
}

Shape with(Shape shape, std::int64_t size) {
  shape.push_back(std::to_string(size));
  return shape;
}

bool ends_with(std::string_view name, std::string_view end) {
  return name.size() >= end.size() && name.substr(name.size() - end.size()) == end;
}

class Lines {
 public:
  Lines(const NetworkLayout& layout, bool standardized) : layout_(layout), config_(layout.config()) {
    add_inputs(standardized);
    add_layers();
    add_head();
  }
  std::vector<SummaryLine> take() { return std::move(lines_); }

 private:
  void add(std::string name, Shape shape, std::int64_t parameters = 0) {
    lines_.push_back({std::move(name), std::move(shape), parameters});
  }

  // Of the tensors whose names begin and end so.
  std::int64_t count(std::string_view begin, std::string_view end = "") const {
    std::int64_t sum = 0;
    for (const ParamSlot& slot : layout_.slots()) {
      if (slot.name.compare(0, begin.size(), begin) == 0 && ends_with(slot.name, end)) sum += slot.size();
    }
    return sum;
  }

  void add_inputs(bool standardized) {
    const Shape read = with(kSteps, config_.gru.input_size), given = with(kSteps, config_.features());
    if (config_.vocabulary_size > 0) {
      add("tokens", kSteps);
      add("embedding of " + in_thousands(config_.vocabulary_size) + " tokens", read, count("embedding."));
    } else {
      add("input", given);
      if (standardized) add("standardization", given);
      if (config_.missing_mask) add("values and mask", read);
    }
    if (config_.input_dropout > 0) add(share("input dropout", config_.input_dropout), read);
  }

  void add_layers() {
    const GruConfig& gru = config_.gru;
    const Shape states = with(kSteps, config_.head_inputs());
    for (std::int64_t i = 0; i < gru.num_layers; ++i) {
      const std::string suffix = "_l" + std::to_string(i);
      const std::string name = gru.num_layers > 1 ? "GRU " + std::to_string(i + 1) : "GRU";
      add(name + (gru.bidirectional ? ", both directions" : ""), states,
          count("gru.", suffix) + count("gru.", suffix + "_reverse"));
      if (gru.dropout > 0 && i + 1 < gru.num_layers) add(share("dropout", gru.dropout), states);
    }
  }

  void add_head() {
    constexpr std::array<const char*, 3> kPooled = {"last state", "mean over time", "largest over time"};
    const Shape every = config_.sequence ? kSteps : Shape{"N"};
    const Shape read = with(every, config_.head_inputs()), given = with(every, config_.output_size);
    const auto quantiles = static_cast<std::int64_t>(config_.quantiles.size());
    if (!config_.sequence) add(kPooled[static_cast<std::size_t>(config_.pooling)], read);
    if (config_.head_dropout > 0) add(share("dropout", config_.head_dropout), read);
    add("dense", with(every, config_.answers()), count("head."));
    if (quantiles > 1) add("rising quantiles", with(given, quantiles));
    if (config_.loss == Loss::cross_entropy) add("softmax", given);
    if (config_.loss == Loss::binary_cross_entropy) add("sigmoid", given);
  }

  const Shape kSteps = {"N", "T"};
  const NetworkLayout& layout_;
  const NetworkConfig& config_;
  std::vector<SummaryLine> lines_;
};

}  // namespace

std::vector<SummaryLine> summary(const NetworkLayout& layout, bool standardized) {
  return Lines(layout, standardized).take();
}

}  // namespace fastgru
