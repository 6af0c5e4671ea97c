#include "nn/inputs.h"

#include "nn/data/gather.h"

namespace fastgru {

template <class S>
void gather_inputs(const SampleArray& source, const BlockRows& block, const InputEncoder<S>& encoder, S* out,
                   int threads) {
  gather_steps(source, block, encoder.config.gru.input_size, encoder, out, threads);
}

template void gather_inputs(const SampleArray&, const BlockRows&, const InputEncoder<float>&, float*, int);
template void gather_inputs(const SampleArray&, const BlockRows&, const InputEncoder<double>&, double*, int);

}  // namespace fastgru
