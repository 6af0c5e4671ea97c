// What one core of this machine can do at most: float32 fused multiply-adds a second, and bytes read a second
// from a buffer of a given size. A shared library with a C interface, compiled when the benchmark starts (see
// bench/native.py) and called in turns with the libraries under test, so that clock changes meet all of them
// alike.
//
// Each function runs for about `seconds`, cut into ten parts, and returns the best part: a limit, not a mean.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

constexpr int kParts = 10;
volatile float g_float_sink;
volatile std::uint64_t g_bits_sink;

double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// The best of kParts: units of work a second. `run(n)` does n times `units`.
template <class Run>
double best_rate(double seconds, double units, Run run) {
  std::int64_t repeats = 1;
  double elapsed = 0.0;
  for (;;) {  // also the warm-up: a core takes a while to reach the clock it keeps
    const double start = now();
    run(repeats);
    elapsed = now() - start;
    if (elapsed >= 0.5 * seconds / kParts) break;
    repeats *= 2;
  }
  double best = 0.0;
  for (int part = 0; part < kParts; ++part) {
    const double start = now();
    run(repeats);
    elapsed = now() - start;
    const double rate = units * static_cast<double>(repeats) / elapsed;
    if (rate > best) best = rate;
  }
  return best;
}

// Independent chains acc = acc * m + c, enough of them to hide the latency of two units.
// One source for every vector type; the macros make a function with the target it needs.
#define DEFINE_FMA_LOOP(NAME, TARGET, VEC, CHAINS, SET1, FMADD, FIRST)      \
  TARGET float NAME(std::int64_t repeats) {                                 \
    VEC acc[CHAINS];                                                        \
    for (int i = 0; i < CHAINS; ++i) acc[i] = SET1(1.0f + 0.01f * i);       \
    const VEC m = SET1(0.99f), c = SET1(0.01f);                             \
    asm volatile("" ::: "memory"); /* no pure function: each call counts */ \
    for (std::int64_t k = 0; k < repeats; ++k) {                            \
      for (int i = 0; i < CHAINS; ++i) acc[i] = FMADD(acc[i], m, c);        \
    }                                                                       \
    float sum = 0.0f;                                                       \
    for (int i = 0; i < CHAINS; ++i) sum += FIRST(acc[i]);                  \
    return sum;                                                             \
  }

// Reads `count` vectors (a multiple of 8) `repeats` times, every second time from the end when `serpentine`.
#define DEFINE_READ_LOOP(NAME, TARGET, VEC, LOAD, XOR, ZERO, FIRST)                                          \
  TARGET std::uint64_t NAME(const char* data, std::ptrdiff_t count, bool serpentine, std::int64_t repeats) { \
    VEC acc[8];                                                                                              \
    for (int i = 0; i < 8; ++i) acc[i] = ZERO();                                                             \
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(sizeof(VEC));                                    \
    for (std::int64_t k = 0; k < repeats; ++k) {                                                             \
      const bool back = serpentine && (k & 1) != 0;                                                          \
      const char* block = back ? data + (count - 8) * size : data;                                           \
      const std::ptrdiff_t stride = back ? -8 * size : 8 * size;                                             \
      for (std::ptrdiff_t b = 0; b < count; b += 8, block += stride) {                                       \
        for (int i = 0; i < 8; ++i) acc[i] = XOR(acc[i], LOAD(block + i * size));                            \
      }                                                                                                      \
    }                                                                                                        \
    for (int i = 1; i < 8; ++i) acc[0] = XOR(acc[0], acc[i]);                                                \
    return FIRST(acc[0]);                                                                                    \
  }

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx2,fma")))
#define AVX2 __attribute__((target("avx2,fma")))
#define LOAD512(p) _mm512_load_si512(p)
#define LOAD256(p) _mm256_load_si256(reinterpret_cast<const __m256i*>(p))
#define LOAD128(p) _mm_load_si128(reinterpret_cast<const __m128i*>(p))
#define BITS512(v) static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm512_castsi512_si128(v)))
#define BITS256(v) static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(v)))
#define BITS128(v) static_cast<std::uint64_t>(_mm_cvtsi128_si64(v))
#define MULTIPLY_ADD128(a, m, c) _mm_add_ps(_mm_mul_ps(a, m), c)
DEFINE_FMA_LOOP(fma512, AVX512, __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32)
DEFINE_FMA_LOOP(fma256, AVX2, __m256, 12, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32)
DEFINE_FMA_LOOP(fma128, , __m128, 12, _mm_set1_ps, MULTIPLY_ADD128, _mm_cvtss_f32)
DEFINE_READ_LOOP(read512, AVX512, __m512i, LOAD512, _mm512_xor_si512, _mm512_setzero_si512, BITS512)
DEFINE_READ_LOOP(read256, AVX2, __m256i, LOAD256, _mm256_xor_si256, _mm256_setzero_si256, BITS256)
DEFINE_READ_LOOP(read128, , __m128i, LOAD128, _mm_xor_si128, _mm_setzero_si128, BITS128)
#elif defined(__aarch64__)
#define FMADD128(a, m, c) vfmaq_f32(c, a, m)
#define FIRST128(v) vgetq_lane_f32(v, 0)
#define LOAD128(p) vld1q_u64(reinterpret_cast<const std::uint64_t*>(p))
#define ZERO128() vdupq_n_u64(0)
#define BITS128(v) vgetq_lane_u64(v, 0)
DEFINE_FMA_LOOP(fma128, , float32x4_t, 24, vdupq_n_f32, FMADD128, FIRST128)
DEFINE_READ_LOOP(read128, , uint64x2_t, LOAD128, veorq_u64, ZERO128, BITS128)
#endif

// One buffer, grown when a larger one is asked for. Huge pages, so that address translation is not what is
// measured.
char* buffer_of(std::size_t bytes) {
  static char* data = nullptr;
  static std::size_t held = 0;
  if (bytes > held) {
    std::free(data);
    const std::size_t page = std::size_t{2} << 20;
    held = (bytes + page - 1) / page * page;
    data = static_cast<char*>(std::aligned_alloc(page, held));
    if (data == nullptr) {
      held = 0;
      return nullptr;
    }
#if defined(__linux__)
    madvise(data, held, MADV_HUGEPAGE);
#endif
    std::memset(data, 1, held);
  }
  return data;
}

}  // namespace

extern "C" {

// Bits of the widest vectors this core has: 512, 256, 128, or 0 where this program knows none.
int machine_vector_bits() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return 512;
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return 256;
  return 128;
#elif defined(__aarch64__)
  return 128;
#else
  return 0;
#endif
}

// GFLOP/s of float32 multiply-adds on vectors of `bits`; 0 where the core has no such vectors. (On x86
// without FMA, and for 128 bits there, multiplication and addition are separate instructions.)
double machine_fma_gflops(int bits, double seconds) {
  if (bits > machine_vector_bits()) return 0.0;
#if defined(__x86_64__)
  if (bits == 512) {
    return 1e-9 * best_rate(seconds, 2.0 * 16 * 16, [](std::int64_t n) { g_float_sink = fma512(n); });
  }
  if (bits == 256) {
    return 1e-9 * best_rate(seconds, 2.0 * 12 * 8, [](std::int64_t n) { g_float_sink = fma256(n); });
  }
  if (bits == 128) {
    return 1e-9 * best_rate(seconds, 2.0 * 12 * 4, [](std::int64_t n) { g_float_sink = fma128(n); });
  }
#elif defined(__aarch64__)
  if (bits == 128) {
    return 1e-9 * best_rate(seconds, 2.0 * 24 * 4, [](std::int64_t n) { g_float_sink = fma128(n); });
  }
#endif
  (void)seconds;
  return 0.0;
}

// GB/s of reading the same `bytes` over and over with the widest vectors; 0 if that cannot be measured.
double machine_read_gbs(std::size_t bytes, int serpentine, double seconds) {
  const int bits = machine_vector_bits();
  if (bits == 0) return 0.0;
  const std::size_t unit = static_cast<std::size_t>(bits);  // eight vectors of bits/8 bytes
  const std::size_t blocks = bytes < unit ? 1 : bytes / unit;
  const char* data = buffer_of(blocks * unit);
  if (data == nullptr) return 0.0;
  const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(blocks * 8);
  const bool turn = serpentine != 0;
  const auto rate = [&](auto read) {
    return 1e-9 * best_rate(seconds, static_cast<double>(blocks * unit),
                            [&](std::int64_t n) { g_bits_sink = read(data, count, turn, n); });
  };
#if defined(__x86_64__)
  if (bits == 512) return rate(read512);
  if (bits == 256) return rate(read256);
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  return rate(read128);
#else
  return 0.0;
#endif
}
}
