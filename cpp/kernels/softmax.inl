// Sums of exponentials, for softmax and cross entropy. Included once per ISA, after tiles.inl.
//
// The sum's order is the same on every ISA: lane i of sixteen adds up the elements i, i + 16, i + 32, ... of
// a block of kSumBlock; then the lanes are added in double, and the blocks' sums in order. A vector of fewer
// lanes holds some of the sixteen.

namespace fastgru {
namespace {

constexpr int kSumLanes = 16;
constexpr int64_t kSumBlock = 2048;  // float sums of 128 terms: their rounding stays near that of the terms
constexpr int kSumVectors = kSumLanes / kLanes;
constexpr int kAtOnce = 4;  // vectors; a multiple of kSumVectors

// Where there are NaNs, some number or a NaN: exp finds them again.
inline float largest_of(const float* x, int64_t n) {
  Vec acc[kAtOnce];
  for_each_of<kAtOnce>([&](int i) { acc[i] = set1(x[0]); });
  int64_t i = 0;
  for (; i + kAtOnce * kLanes <= n; i += kAtOnce * kLanes) {
    for_each_of<kAtOnce>([&](int j) { acc[j] = max(load(x + i + j * kLanes), acc[j]); });
  }
  for (; i < n; i += kLanes) {
    Vec v = load_upto(x + i, n - i);
    if (n - i < kLanes) v = first_of(v, acc[0], static_cast<int>(n - i));
    acc[0] = max(v, acc[0]);
  }
  float lanes[kLanes];
  store(lanes, max(max(acc[0], acc[1]), max(acc[2], acc[3])));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int j = 0; j < half; ++j) lanes[j] = lanes[j + half] > lanes[j] ? lanes[j + half] : lanes[j];
  }
  return lanes[0];
}

inline double sum_lanes(const Vec (&acc)[kSumVectors]) {
  float lanes[kSumLanes];
  for_each_of<kSumVectors>([&](int i) { store(lanes + i * kLanes, acc[i]); });
  double sums[4];
  for (int i = 0; i < 4; ++i) {
    sums[i] = (static_cast<double>(lanes[i]) + static_cast<double>(lanes[i + 4])) +
              (static_cast<double>(lanes[i + 8]) + static_cast<double>(lanes[i + 12]));
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// The last vectors of a block, one by one; the first of them belongs to lane 0.
inline void exp_sum_rest(const float* x, float* e, int64_t n, Vec largest, Vec (&acc)[kSumVectors]) {
  for (int64_t i = 0, v = 0; i < n; i += kLanes, v = (v + 1) % kSumVectors) {
    const int64_t left = n - i;
    Vec value[1] = {sub(load_upto(x + i, left), largest)};
    exp(value);
    if (e != nullptr) store_upto(e + i, value[0], left);
    if (left < kLanes) value[0] = first_of(value[0], zero(), static_cast<int>(left));
    acc[v] = add(acc[v], value[0]);
  }
}

inline double exp_sum_block(const float* x, float* e, int64_t n, Vec largest) {
  Vec acc[kSumVectors];
  for_each_of<kSumVectors>([&](int i) { acc[i] = zero(); });
  int64_t i = 0;
  for (; i + kAtOnce * kLanes <= n; i += kAtOnce * kLanes) {
    Vec v[kAtOnce];
    for_each_of<kAtOnce>([&](int j) { v[j] = sub(load(x + i + j * kLanes), largest); });
    exp(v);
    if (e != nullptr) for_each_of<kAtOnce>([&](int j) { store(e + i + j * kLanes, v[j]); });
    for_each_of<kAtOnce>([&](int j) { acc[j % kSumVectors] = add(acc[j % kSumVectors], v[j]); });
  }
  exp_sum_rest(x + i, e == nullptr ? nullptr : e + i, n - i, largest, acc);
  return sum_lanes(acc);
}

void exp_sum(ExpSumArgs& g) {
  g.largest = largest_of(g.x, g.n);
  const Vec largest = set1(g.largest);
  g.sum = 0;
  for (int64_t i = 0; i < g.n; i += kSumBlock) {
    const int64_t count = g.n - i < kSumBlock ? g.n - i : kSumBlock;
    g.sum += exp_sum_block(g.x + i, g.e == nullptr ? nullptr : g.e + i, count, largest);
  }
}

void scale(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    store_upto(x + i, mul(set1(factor), load_upto(x + i, n - i)), n - i);
  }
}

}  // namespace
}  // namespace fastgru
