// Looks at the CPU once and chooses a kernel table.
#include "kernels/dispatch.h"

#include <atomic>
#include <cstdlib>

#ifdef FASTGRU_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define FASTGRU_X86 1
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace fastgru {

extern const KernelTable kTable_baseline;
extern const DigitTable kDigits_baseline;
#ifdef FASTGRU_X86
extern const KernelTable kTable_avx2, kTable_avx512;
extern const DigitTable kDigits_avx2, kDigits_avx512_vnni;
#endif
#ifdef FASTGRU_AMX
extern const DigitTable kDigits_amx;
extern const ThreeDigitTable kThreeDigits_amx;
extern const OuterKernel kOuterDigits_amx;
#endif

namespace {

#ifdef FASTGRU_X86

struct CpuidWords {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidWords cpuid(unsigned leaf, unsigned subleaf) {
  CpuidWords w;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  w.eax = static_cast<unsigned>(out[0]);
  w.ebx = static_cast<unsigned>(out[1]);
  w.ecx = static_cast<unsigned>(out[2]);
  w.edx = static_cast<unsigned>(out[3]);
#else
  __get_cpuid_count(leaf, subleaf, &w.eax, &w.ebx, &w.ecx, &w.edx);
#endif
  return w;
}

// XCR0: which register files the operating system saves.
unsigned saved_state() {
#if defined(_MSC_VER)
  return static_cast<unsigned>(_xgetbv(0));
#else
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

bool bit(unsigned word, int position) { return (word >> position & 1u) != 0; }

bool has_avx2() {
  const CpuidWords one = cpuid(1, 0), seven = cpuid(7, 0);
  const bool os_saves = bit(one.ecx, 27) && (saved_state() & 0x6u) == 0x6u;
  return os_saves && bit(one.ecx, 28) && bit(one.ecx, 12) && bit(seven.ebx, 5);
}

bool has_avx512() {
  const CpuidWords seven = cpuid(7, 0);
  // F, DQ, BW, VL
  return has_avx2() && (saved_state() & 0xe6u) == 0xe6u && bit(seven.ebx, 16) && bit(seven.ebx, 17) &&
         bit(seven.ebx, 30) && bit(seven.ebx, 31);
}

#ifdef FASTGRU_AMX
// Whether the CPU has AMX tiles with products of bytes, and Linux lets this process use them: it is asked
// once, and what it grants holds for all threads.
bool has_amx() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  const CpuidWords seven = cpuid(7, 0);
  return bit(seven.edx, 24) && bit(seven.edx, 25) && (saved_state() & 0x60000u) == 0x60000u &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

const DigitTable* vnni_digits() {
  return has_avx512() && bit(cpuid(7, 0).ecx, 11) ? &kDigits_avx512_vnni : nullptr;
}

#endif

struct Dispatch {
  std::vector<std::string> compiled;
  std::vector<KernelSet> supported;
  std::atomic<const KernelSet*> active{nullptr};
  std::string warning;

  Dispatch() {
    add({kTable_baseline.name, &kTable_baseline, &kDigits_baseline, nullptr, nullptr}, true);
#ifdef FASTGRU_X86
    add({kTable_avx2.name, &kTable_avx2, &kDigits_avx2, nullptr, nullptr}, has_avx2());
    add({kTable_avx512.name, &kTable_avx512, vnni_digits(), nullptr, nullptr}, has_avx512());
#endif
#ifdef FASTGRU_AMX
    add({"amx", &kTable_avx512, &kDigits_amx, &kThreeDigits_amx, kOuterDigits_amx},
        vnni_digits() != nullptr && has_amx());
#endif
    active = &supported.back();
    const char* wanted = std::getenv("FASTGRU_ISA");
    if (wanted != nullptr && *wanted != '\0' && !choose(wanted)) {
      warning = std::string("FASTGRU_ISA=") + wanted + " is not available here, there are: " + list() +
                "; using " + active.load()->name;
    }
  }

  void add(const KernelSet& set, bool runs_here) {
    compiled.push_back(set.name);
    if (runs_here) supported.push_back(set);
  }

  std::string list() const {
    std::string text;
    for (const KernelSet& set : supported) text += (text.empty() ? "" : ", ") + std::string(set.name);
    return text;
  }

  bool choose(const std::string& name) {
    for (const KernelSet& set : supported) {
      if (name != set.name) continue;
      active = &set;
      return true;
    }
    return false;
  }
};

Dispatch& dispatch() {
  static Dispatch instance;
  return instance;
}

}  // namespace

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const KernelSet& set : dispatch().supported) names.emplace_back(set.name);
  return names;
}
std::vector<std::string> compiled_isa_names() { return dispatch().compiled; }
const KernelTable& active_kernels() { return *active_kernel_set().kernels; }
KernelSet active_kernel_set() { return *dispatch().active.load(); }
KernelSet active_digit_set() {
  const KernelSet* set = dispatch().active.load();
  while (set->digits == nullptr) --set;  // the baseline has them
  return *set;
}
std::string active_isa() { return active_kernel_set().name; }
bool set_active_isa(const std::string& name) { return dispatch().choose(name); }
const std::string& isa_warning() { return dispatch().warning; }

}  // namespace fastgru
