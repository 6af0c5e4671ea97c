// Runs a test on every instruction set of this machine.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "kernels/dispatch.h"

namespace fastgru::testing {

// Runs body(name) with each instruction set of this machine active, then restores the active one.
template <class Body>
void for_each_isa(Body body) {
  const std::string before = active_isa();
  for (const std::string& name : isa_names()) {
    REQUIRE(set_active_isa(name));
    CAPTURE(name);
    body(name);
  }
  REQUIRE(set_active_isa(before));
}

}  // namespace fastgru::testing
