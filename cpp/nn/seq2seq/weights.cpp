// Packs the parameters of an encoder-decoder network.
#include "nn/seq2seq/weights.h"

#include <algorithm>
#include <utility>

namespace fastgru {

template <class S>
Seq2SeqWeights<S>::Seq2SeqWeights(const Seq2SeqLayout& layout)
    : hidden_(layout.config().hidden_size),
      encoder_at_(layout.encoder),
      decoder_at_(layout.decoder),
      combine_at_(layout.combine),
      encoder_(layout.config().encoder()),
      decoder_(layout.config().decoder()),
      head_(hidden_, layout.config().target_vocabulary, layout.head_weight, layout.head_bias) {}

template <class S>
Status Seq2SeqWeights<S>::assign(const S* flat) {
  flat_ = flat;
  FASTGRU_RETURN_IF_ERROR(encoder_.assign(flat + encoder_at_));
  FASTGRU_RETURN_IF_ERROR(decoder_.assign(flat + decoder_at_));
  FASTGRU_RETURN_IF_ERROR(head_.assign(flat));
  if (combine_at_ < 0) return {};
  if (!combine_.reserve(products_.packed_size(2 * hidden_, hidden_))) return out_of_memory();
  products_.pack(flat + combine_at_, 2 * hidden_, hidden_, combine_.data());
  return {};
}

template <class S>
Status Seq2SeqParams<S>::make(std::shared_ptr<const Seq2SeqLayout> layout, const S* flat,
                              std::shared_ptr<const Seq2SeqParams>& result) {
  const std::int64_t total = layout->total();
  std::shared_ptr<Seq2SeqParams> fresh(new Seq2SeqParams(std::move(layout)));
  if (!fresh->flat_.reserve(total)) return out_of_memory();
  std::copy_n(flat, total, fresh->flat_.data());
  FASTGRU_RETURN_IF_ERROR(fresh->weights_.assign(fresh->flat_.data()));
  result = std::move(fresh);
  return {};
}

template class Seq2SeqWeights<float>;
template class Seq2SeqParams<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Seq2SeqWeights<double>;
template class Seq2SeqParams<double>;
#endif

}  // namespace fastgru
