// Seq2SeqConfig: the options of an encoder-decoder network. Seq2SeqLayout: the offsets of its parameters in
// one flat vector.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/params.h"
#include "runtime/fields.h"
#include "runtime/status.h"

namespace fastgru {

// The first symbols of every vocabulary. The end also starts a target.
constexpr std::int64_t kPaddingSymbol = 0;
constexpr std::int64_t kUnknownSymbol = 1;
constexpr std::int64_t kEndSymbol = 2;
constexpr std::int64_t kFewestSymbols = 3;

// The score of a decoder's state q for an encoder's state m (Luong et al. 2015): q m, or q W m.
enum class AttentionKind { none, general, dot };

inline field::Choice attention_kinds() { return {{"none", "general", "dot"}}; }

struct Seq2SeqConfig {
  std::int64_t source_vocabulary = kFewestSymbols;
  std::int64_t target_vocabulary = kFewestSymbols;
  std::int64_t embedding_size = 1;
  std::int64_t hidden_size = 1;  // of the decoder, and of both directions of the encoder together
  std::int64_t num_layers = 1;
  bool bidirectional = false;  // the encoder
  AttentionKind attention = AttentionKind::general;
  bool reset_after = true;
  double dropout = 0.0;  // on embeddings, between layers and on the head's input

  // Visits each option as a field, for files, Python and defaults (runtime/fields.h).
  template <class Self, class Visit>
  static void visit(Self& self, Visit&& visit) {
    using namespace field;
    visit("source_vocabulary", self.source_vocabulary, Whole{kFewestSymbols}, kAlways);
    visit("target_vocabulary", self.target_vocabulary, Whole{kFewestSymbols}, kAlways);
    visit("embedding_size", self.embedding_size, Whole{1}, kAlways);
    visit("hidden_size", self.hidden_size, Whole{1}, kAlways);
    visit("num_layers", self.num_layers, Whole{1}, kAlways);
    visit("bidirectional", self.bidirectional, Flag{}, kAlways);
    visit("attention", self.attention, attention_kinds(), kAlways);
    visit("reset_after", self.reset_after, Flag{}, kAlways);
    visit("dropout", self.dropout, Share{}, kAlways | kTraining);
  }

  bool attends() const { return attention != AttentionKind::none; }
  // With two directions each has half of the units, so that their last states side by side are the decoder's
  // first ones.
  GruConfig encoder() const;
  GruConfig decoder() const;
};

Status validate(const Seq2SeqConfig& config);

// Order: "embedding.source", "embedding.target" (vocabulary, embedding_size); the GRUs' tensors as
// "encoder.gru.…" and "decoder.gru.…"; "attention.weight" (hidden, hidden) if the attention is general;
// "attention.combine.weight" (hidden, 2 hidden) if there is attention; "head.weight", "head.bias".
class Seq2SeqLayout {
 public:
  explicit Seq2SeqLayout(const Seq2SeqConfig& config);  // `config` must have passed validate()

  const Seq2SeqConfig& config() const { return config_; }
  const std::vector<ParamSlot>& slots() const { return slots_; }
  std::int64_t total() const { return total_; }

  // Where each part begins; -1: there is none.
  std::int64_t source_embedding = -1, target_embedding = -1, encoder = -1, decoder = -1, attention = -1,
               combine = -1, head_weight = -1, head_bias = -1;

 private:
  std::int64_t add(std::string_view name, std::int64_t rows, std::int64_t cols);
  std::int64_t add(std::string_view prefix, const GruConfig& gru);

  Seq2SeqConfig config_;
  std::vector<ParamSlot> slots_;
  std::int64_t total_ = 0;
};

}  // namespace fastgru
