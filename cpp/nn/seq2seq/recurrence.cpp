// Symbols through an embedding and a GRU stack, and their gradients.
#include "nn/seq2seq/recurrence.h"

#include "engine/checks.h"
#include "engine/dropout.h"

namespace fastgru {
namespace {

constexpr auto kInputStream = static_cast<std::uint64_t>(RandomStream::dropout_input);

template <class S>
ModuleCall<S> call_of(const S* flat, const TokenBlock& block) {
  ModuleCall<S> call;
  call.params.flat = flat;
  call.steps = block.steps;
  call.rows = block.rows;
  return call;
}

}  // namespace

template <class S>
Status Recurrence<S>::forward(const S* flat, const Weights<S>& weights, const TokenBlock& block, const S* h0,
                              const PassOptions& pass) {
  const std::int64_t steps = block.steps, rows = block.rows, inputs = gru_.input_size;
  FASTGRU_RETURN_IF_ERROR(check_memory(gru_, steps, rows, sizeof(S)));
  FASTGRU_RETURN_IF_ERROR(embedding_.reserve(steps, rows, pass.training));
  const bool drops = pass.drops && gru_.dropout > 0;
  if (!y_.reserve(steps * rows * width()) || !h_n_.reserve(gru_.num_layers * rows * width()) ||
      !dropped_.reserve(drops ? steps * rows * inputs : 0)) {
    return out_of_memory();
  }
  Signal<S> in, out;
  in.tokens = block.tokens.data();
  in.steps = steps;
  in.rows = rows;
  FASTGRU_RETURN_IF_ERROR(embedding_.forward(call_of(flat, block), in, out));
  const S* x = out.values;
  if (drops) {
    dropout(x, dropped_.data(), steps * rows * inputs, 0, gru_.dropout, pass.seed, kInputStream);
    x = dropped_.data();
  }
  ForwardArgs<S> args;
  args.x = dense_view(x, steps, rows, inputs);
  args.h0 = h0;
  args.lengths = block.lengths.data();
  args.y = dense_view(y_.data(), steps, rows, width());
  args.h_n = h_n_.data();
  if (pass.training) return forward_train(weights, args, pass.seed, tape_, pass.options);
  return fastgru::forward(weights, args, workspace_, pass.options);
}

template <class S>
Status Recurrence<S>::backward(const S* flat, const Weights<S>& weights, const TokenBlock& block, const S* dy,
                               const S* dh_n, S* dh0, const PassOptions& pass, S* gradient) {
  const std::int64_t steps = block.steps, rows = block.rows, inputs = gru_.input_size;
  if (!dx_.reserve(steps * rows * inputs)) return out_of_memory();
  BackwardArgs<S> args;
  if (dy != nullptr) args.dy = dense_view(dy, steps, rows, width());
  args.dh_n = dh_n;
  args.dx = dense_view(dx_.data(), steps, rows, inputs);
  args.dh0 = dh0;
  args.dparams = gradient + gru_offset_;
  FASTGRU_RETURN_IF_ERROR(fastgru::backward(weights, tape_, args, pass.options));
  if (pass.drops && gru_.dropout > 0) {
    dropout(dx_.data(), dx_.data(), steps * rows * inputs, 0, gru_.dropout, pass.seed, kInputStream);
  }
  SignalGradient<S> d_x;
  d_x.values = args.dx;
  return embedding_.backward(call_of(flat, block), d_x, nullptr, gradient);
}

template class Recurrence<float>;
#ifdef FASTGRU_SEQ2SEQ_DOUBLE
template class Recurrence<double>;
#endif

}  // namespace fastgru
