// The kernels of one ISA and their table. Included by isa_<isa>.cpp after its vec_<isa>.h.

#include "simd/math.inl"
#include "kernels/gemm.inl"
#include "kernels/cell_parts.inl"
#include "kernels/cell_tail.inl"
#include "kernels/cell_forward.inl"
#include "kernels/cell_forward_reset_before.inl"
#include "kernels/cell_backward.inl"
#include "kernels/outer.inl"
#include "kernels/adam.inl"
#include "kernels/softmax.inl"

namespace fastgru {
namespace {

template <class F>
FASTGRU_INLINE void map_vectors(const float* x, float* y, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += kLanes) {
    Vec v[1] = {load_upto(x + i, n - i)};
    f(v);
    store_upto(y + i, v[0], n - i);
  }
}

void map_exp(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](Vec(&v)[1]) { exp(v); });
}
void map_sigmoid(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](Vec(&v)[1]) { sigmoid(v); });
}
void map_tanh(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](Vec(&v)[1]) { tanh(v); });
}

void map_log1p(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](Vec(&v)[1]) { log1p(v); });
}
void map_softplus(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](Vec(&v)[1]) { softplus(v); });
}

constexpr KernelTable make_table(const char* name) {
  return {name,
          kLanes,
          kTileRows,
          cell_forward,
          reset_before_rz,
          reset_before_n,
          input_gemm,
          gemm,
          backward_reset_after,
          backward_reset_before,
          backward_reset_before_pass2,
          outer,
          adam,
          softmax,
          scale,
          map_exp,
          map_sigmoid,
          map_tanh,
          map_log1p,
          map_softplus};
}

}  // namespace
}  // namespace fastgru
