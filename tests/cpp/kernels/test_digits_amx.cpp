// The kernels on digits for AMX, with tiles in memory, give the bits of AVX-512 VNNI.
#include <doctest/doctest.h>

#include <cstdint>

#include "digit_check.h"
#include "kernels/dispatch.h"
#include "runs_vnni.h"

namespace fastgru {
extern const DigitTable kDigits_avx512_vnni, kDigits_tiles_in_memory;
}

TEST_CASE("digits, AMX: tiles give the bits of AVX-512 VNNI for every number of rows and every width") {
  if (!fastgru::testing::runs_vnni()) {
    MESSAGE("not run: this machine has no AVX-512 VNNI");
    return;
  }
  using fastgru::kDigits_avx512_vnni;
  using fastgru::kDigits_tiles_in_memory;
  for (const std::int64_t hidden : {1, 16, 50, 64, 65, 100, 130}) {
    for (const std::int64_t input : {1, 5, 63, 64, 70}) {
      for (const std::int64_t rows : {1, 7, 8, 9, 15, 16, 17, 31, 32, 40}) {
        CAPTURE(hidden);
        CAPTURE(input);
        CAPTURE(rows);
        CHECK(fastgru::same_bits(kDigits_tiles_in_memory, kDigits_avx512_vnni, rows, input, hidden));
      }
    }
  }
}
