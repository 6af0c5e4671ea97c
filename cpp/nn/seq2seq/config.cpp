// Checks of an encoder-decoder network's options, and the offsets of its parameters.
#include "nn/seq2seq/config.h"

#include <limits>
#include <string>

namespace fastgru {
namespace {

// So that the size of all parameters in bytes does not overflow.
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4096;

Status check_vocabulary(const char* name, std::int64_t size, std::int64_t width) {
  if (size < kFewestSymbols) {
    return Status::invalid(std::string(name) + " must be at least " + std::to_string(kFewestSymbols) +
                           " (padding, unknown, end), got " + std::to_string(size));
  }
  if (size <= kMost / (width + 1)) return {};
  return Status::invalid(std::string(name) + "=" + std::to_string(size) +
                         " needs more parameters than can be counted");
}

}  // namespace

GruConfig Seq2SeqConfig::encoder() const {
  GruConfig gru;
  gru.input_size = embedding_size;
  gru.hidden_size = bidirectional ? hidden_size / 2 : hidden_size;
  gru.num_layers = num_layers;
  gru.bidirectional = bidirectional;
  gru.reset_after = reset_after;
  gru.dropout = dropout;
  return gru;
}

GruConfig Seq2SeqConfig::decoder() const {
  GruConfig gru;
  gru.input_size = embedding_size;
  gru.hidden_size = hidden_size;
  gru.num_layers = num_layers;
  gru.reset_after = reset_after;
  gru.dropout = dropout;
  return gru;
}

Status validate(const Seq2SeqConfig& config) {
  if (config.embedding_size < 1) {
    return Status::invalid("embedding_size must be at least 1, got " + std::to_string(config.embedding_size));
  }
  FASTGRU_RETURN_IF_ERROR(validate(config.decoder()));
  if (config.bidirectional && config.hidden_size % 2 != 0) {
    return Status::invalid(
        "hidden_size must be even with bidirectional, which gives half to each direction; got " +
        std::to_string(config.hidden_size));
  }
  FASTGRU_RETURN_IF_ERROR(validate(config.encoder()));
  if (config.hidden_size > kMost / 2 / config.hidden_size) {
    return Status::invalid("hidden_size=" + std::to_string(config.hidden_size) +
                           " needs more parameters than can be counted");
  }
  FASTGRU_RETURN_IF_ERROR(
      check_vocabulary("source_vocabulary", config.source_vocabulary, config.embedding_size));
  return check_vocabulary(
      "target_vocabulary", config.target_vocabulary,
      config.embedding_size > config.hidden_size ? config.embedding_size : config.hidden_size);
}

Seq2SeqLayout::Seq2SeqLayout(const Seq2SeqConfig& config) : config_(config) {
  const std::int64_t hidden = config.hidden_size, symbols = config.target_vocabulary;
  source_embedding = add("embedding.source", config.source_vocabulary, config.embedding_size);
  target_embedding = add("embedding.target", symbols, config.embedding_size);
  encoder = add("encoder.gru.", config.encoder());
  decoder = add("decoder.gru.", config.decoder());
  if (config.attention == AttentionKind::general) attention = add("attention.weight", hidden, hidden);
  if (config.attends()) combine = add("attention.combine.weight", hidden, 2 * hidden);
  head_weight = add("head.weight", symbols, hidden);
  head_bias = add("head.bias", symbols, 0);
}

std::int64_t Seq2SeqLayout::add(std::string_view name, std::int64_t rows, std::int64_t cols) {
  slots_.push_back({std::string(name), rows, cols, total_});
  const std::int64_t offset = total_;
  total_ += slots_.back().size();
  return offset;
}

std::int64_t Seq2SeqLayout::add(std::string_view prefix, const GruConfig& gru) {
  const std::int64_t offset = total_;
  const ParamLayout layout(gru);
  for (const ParamSlot& slot : layout.slots()) {
    add(std::string(prefix) + slot.name, slot.rows, slot.cols);
  }
  return offset;
}

}  // namespace fastgru
