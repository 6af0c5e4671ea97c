// The optimiser's step. Included once per ISA, after tiles.inl.

namespace fastgru {
namespace {

void adam(const AdamArgs& a) {
  for (int64_t i = 0; i < a.count; i += kLanes) {
    const int64_t n = a.count - i;
    const Vec p = load_upto(a.params + i, n);
    const Vec g = fma(set1(a.decay), p, mul(set1(a.clip), load_upto(a.gradient + i, n)));
    const Vec m = fma(set1(a.beta_1), load_upto(a.first + i, n), mul(set1(a.one_minus_beta_1), g));
    const Vec v = fma(set1(a.beta_2), load_upto(a.second + i, n), mul(mul(set1(a.one_minus_beta_2), g), g));
    store_upto(a.first + i, m, n);
    store_upto(a.second + i, v, n);
    const Vec root = fma(sqrt(v), set1(a.inverse_root), set1(a.epsilon));
    store_upto(a.updated + i, sub(p, div(mul(set1(a.step_size), m), root)), n);
  }
}

}  // namespace
}  // namespace fastgru
