// What one core of this machine can do at most: float32 fused multiply-adds a second, products of int8 a
// second, and bytes read a second from a buffer of a given size. A shared library with a C interface,
// compiled when the benchmark starts (see bench/native.py) and called in turns with the libraries under test,
// so that clock changes meet all of them alike.
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

// AMX needs a compiler that knows it, and a kernel that grants it.
#if defined(__x86_64__) && defined(__linux__) &&            \
    ((defined(__clang_major__) && __clang_major__ >= 12) || \
     (!defined(__clang_major__) && defined(__GNUC__) && __GNUC__ >= 11))
#define WITH_AMX 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
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
#define VNNI512 __attribute__((target("avx512f,avx512vnni")))
#define SET_INTS512(value) _mm512_set1_epi32(static_cast<int>(100 * (value)))
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
DEFINE_FMA_LOOP(dot512, VNNI512, __m512i, 16, SET_INTS512, _mm512_dpbusd_epi32, _mm512_cvtsi512_si32)
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

#if defined(WITH_AMX)
// Each process has to ask Linux for the tiles before it uses them. False where the core, the kernel or a
// supervisor has none to give: no instruction of AMX may run then.
bool amx_granted() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const bool has_tiles = (d >> 24 & 1) != 0, has_int8 = (d >> 25 & 1) != 0;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return has_tiles && has_int8 && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

constexpr int kTileRows = 16, kTileBytes = 64;  // of a row

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64, "what ldtilecfg reads");

// Six independent sums of 16 by 16, each of 64 products of signed bytes an instruction.
__attribute__((target("amx-tile,amx-int8"))) void dot_tiles(std::int64_t repeats) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kTileBytes;
    config.rows[tile] = kTileRows;
  }
  alignas(64) std::uint8_t values[kTileRows * kTileBytes];
  std::memset(values, 0x35, sizeof values);
  // GCC's intrinsics do not say how much memory they read.
  asm volatile("" ::"r"(&config), "r"(values) : "memory");
  _tile_loadconfig(&config);
  _tile_loadd(6, values, kTileBytes);
  _tile_loadd(7, values, kTileBytes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (std::int64_t k = 0; k < repeats; ++k) {
    _tile_dpbssd(0, 6, 7);
    _tile_dpbssd(1, 6, 7);
    _tile_dpbssd(2, 6, 7);
    _tile_dpbssd(3, 6, 7);
    _tile_dpbssd(4, 6, 7);
    _tile_dpbssd(5, 6, 7);
  }
  _tile_release();
}
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

// GOP/s of int8 products summed in int32, a product and its sum being two operations, by the instruction
// vpdpbusd on 512 bits; 0 where the core has none.
double machine_vnni_gops(double seconds) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") != 0) {
    return 1e-9 * best_rate(seconds, 2.0 * 16 * 64, [](std::int64_t n) { g_float_sink = dot512(n); });
  }
#endif
  (void)seconds;
  return 0.0;
}

// The same by AMX' tdpbssd; 0 where the core, the kernel or the compiler has none.
double machine_amx_gops(double seconds) {
#if defined(WITH_AMX)
  if (amx_granted()) return 1e-9 * best_rate(seconds, 2.0 * 6 * 16 * kTileRows * kTileBytes, dot_tiles);
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
