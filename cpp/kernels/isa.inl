// The kernels of one ISA and their table. Included by isa_<isa>.cpp after its vec_<isa>.h.

#include "simd/math.inl"
#include "kernels/tiles.inl"
#include "kernels/gemm.inl"
#include "kernels/cell_parts.inl"
#include "kernels/cell_tail.inl"
#include "kernels/cell_forward.inl"
#include "kernels/cell_forward_reset_before.inl"
#include "kernels/cell_backward.inl"
#include "kernels/outer.inl"
#include "kernels/adam.inl"
#include "kernels/dense.inl"
#include "kernels/softmax.inl"

namespace fastgru {
namespace {

template <class F>
FASTGRU_INLINE void map_vectors(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    Vec v[4];
    for_each_of<4>([&](int j) { v[j] = load(x + i + j * kLanes); });
    f(v);
    for_each_of<4>([&](int j) { store(y + i + j * kLanes, v[j]); });
  }
  for (; i < n; i += kLanes) {
    Vec v[1] = {load_upto(x + i, n - i)};
    f(v);
    store_upto(y + i, v[0], n - i);
  }
}

void map_exp(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { exp(v); });
}
void map_sigmoid(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { sigmoid(v); });
}
void map_tanh(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { tanh(v); });
}
void map_log(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { log(v); });
}
void map_log1p(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { log1p(v); });
}
void map_softplus(const float* x, float* y, int64_t n) {
  map_vectors(x, y, n, [](auto& v) { softplus(v); });
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
          dense_pack,
          dense_forward,
          dense_input_gradient,
          dense_weight_gradient,
          exp_sum,
          scale,
          map_exp,
          map_sigmoid,
          map_tanh,
          map_log,
          map_log1p,
          map_softplus};
}

}  // namespace
}  // namespace fastgru
