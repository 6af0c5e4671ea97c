// Which kernels this CPU runs. Chosen once, from CPUID feature bits and what the operating system saves
// (XGETBV), never from family or model numbers; FASTGRU_ISA forces one by name.
#pragma once

#include <string>
#include <vector>

#include "kernels/digit_table.h"
#include "kernels/kernel_table.h"
#include "kernels/three_digits_table.h"

namespace fastgru {

// The instruction sets compiled in that this machine runs, the best last.
std::vector<std::string> isa_names();

// All compiled in, whether they run here or not.
std::vector<std::string> compiled_isa_names();

// The table new weights are packed for. Weights packed earlier keep theirs.
const KernelTable& active_kernels();
std::string active_isa();

struct KernelSet {
  const char* name = nullptr;  // of the instruction set
  const KernelTable* kernels = nullptr;
  const DigitTable* digits = nullptr;             // for the same layouts; null: this instruction set has none
  const ThreeDigitTable* three_digits = nullptr;  // null: this instruction set has none
  OuterKernel outer_digits = nullptr;             // weight gradients in three digits; null: as above
};
KernelSet active_kernel_set();
// Where the active instruction set has no kernels on digits, the one below it.
KernelSet active_digit_set();

// Chooses by name; false when this machine has no such ISA.
bool set_active_isa(const std::string& name);

// Empty, or what was wrong with FASTGRU_ISA (the best ISA is in use then).
const std::string& isa_warning();

}  // namespace fastgru
