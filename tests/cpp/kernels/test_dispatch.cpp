// Dispatch: which kernels are available, and how one is chosen.
#include "kernels/dispatch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "each_isa.h"

TEST_CASE("dispatch: the baseline runs everywhere, and what runs here was compiled in") {
  const std::vector<std::string> here = fastgru::isa_names(), all = fastgru::compiled_isa_names();
  REQUIRE_FALSE(here.empty());
#if defined(__aarch64__)
  CHECK(here.front() == "neon");
#else
  CHECK(here.front() == "baseline");
#endif
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
  for (const std::string& name : here) CHECK(std::find(all.begin(), all.end(), name) != all.end());
}

TEST_CASE("dispatch: a name makes its table the active one; an unknown one changes nothing") {
  std::set<const fastgru::KernelTable*> tables;
  fastgru::testing::for_each_isa([&](const std::string& name) {
    CHECK(fastgru::active_isa() == name);
    const fastgru::KernelTable& table = fastgru::active_kernels();
    CHECK(table.name == (name == "amx" ? "avx512" : name));  // AMX is for digits alone
    CHECK(tables.insert(&table).second == (name != "amx"));
    for (const char* unknown : {"", "AVX2", "avx", "sse9"}) {
      CHECK_FALSE(fastgru::set_active_isa(unknown));
      CHECK(fastgru::active_isa() == name);
    }
  });
}

TEST_CASE("dispatch: better sets have vectors no narrower, of a power of two lanes") {
  int lanes = 1;
  fastgru::testing::for_each_isa([&](const std::string&) {
    const fastgru::KernelTable& table = fastgru::active_kernels();
    CHECK(table.lanes >= lanes);
    CHECK((table.lanes & (table.lanes - 1)) == 0);
    CHECK(table.tile_rows >= 1);
    lanes = table.lanes;
  });
}
