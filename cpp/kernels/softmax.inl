// Softmax of a row of logits. Included once per ISA, after gemm.inl.

namespace fastgru {
namespace {

constexpr int64_t kSumLanes = 16;  // whatever the ISA has: part of the order of the sum
constexpr int kSumVectors = static_cast<int>(kSumLanes / kLanes);
constexpr int64_t kSumStretch = 1024;

// The larger of two numbers; a NaN on either side may get lost, and turns up in the exponentials.
inline float larger(float a, float b) { return a > b ? a : b; }

inline float largest_of(const float* x, int64_t count) {
  Vec most = set1(x[0]);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) most = max(most, load(x + i));
  float lanes[kLanes];
  store(lanes, most);
  float largest = lanes[0];
  for (int lane = 1; lane < kLanes; ++lane) largest = larger(largest, lanes[lane]);
  for (; i < count; ++i) largest = larger(largest, x[i]);
  return largest;
}

// exp(x - largest) of up to kSumLanes values, added to the lanes' sums. shares null: not kept.
inline void add_shares(const float* x, Vec largest, int64_t count, float* shares, Vec (&sums)[kSumVectors]) {
  if (count >= kSumLanes) {
    Vec v[kSumVectors];
    FASTGRU_UNROLL
    for (int i = 0; i < kSumVectors; ++i) v[i] = sub(load(x + i * kLanes), largest);
    exp(v);
    FASTGRU_UNROLL
    for (int i = 0; i < kSumVectors; ++i) {
      if (shares != nullptr) store(shares + i * kLanes, v[i]);
      sums[i] = add(sums[i], v[i]);
    }
    return;
  }
  for (int i = 0; i < kSumVectors && i * kLanes < count; ++i) {
    const int64_t n = count - i * kLanes;
    Vec v[1] = {sub(load_upto(x + i * kLanes, n), largest)};
    exp(v);
    if (shares != nullptr) store_upto(shares + i * kLanes, v[0], n);
    if (n < kLanes) v[0] = first_of(v[0], zero(), static_cast<int>(n));
    sums[i] = add(sums[i], v[0]);
  }
}

void softmax(SoftmaxArgs& a) {
  a.largest = largest_of(a.x, a.count);
  a.sum = 0;
  const Vec largest = set1(a.largest);
  for (int64_t start = 0; start < a.count; start += kSumStretch) {
    const int64_t end = a.count - start < kSumStretch ? a.count : start + kSumStretch;
    Vec sums[kSumVectors];
    FASTGRU_UNROLL
    for (int i = 0; i < kSumVectors; ++i) sums[i] = zero();
    for (int64_t i = start; i < end; i += kSumLanes) {
      add_shares(a.x + i, largest, end - i, a.shares == nullptr ? nullptr : a.shares + i, sums);
    }
    float lanes[kSumLanes];
    for (int i = 0; i < kSumVectors; ++i) store(lanes + i * kLanes, sums[i]);
    for (int64_t lane = 0; lane < kSumLanes; ++lane) a.sum += static_cast<double>(lanes[lane]);
  }
}

void scale(const float* x, float factor, float* y, int64_t n) {
  const Vec by = set1(factor);
  for (int64_t i = 0; i < n; i += kLanes) store_upto(y + i, mul(load_upto(x + i, n - i), by), n - i);
}

}  // namespace
}  // namespace fastgru
