# Compiler options: what the whole library gets, and what each instruction set's kernel file gets on top.

include(CheckCXXSourceCompiles)

check_cxx_source_compiles("
#if !(defined(__x86_64__) || defined(_M_X64)) || defined(__aarch64__)
#error not x86-64
#endif
int main() { return 0; }" FASTGRU_X86_64)

# AMX: Linux gives a process the permission, and the assembler has to know the instructions.
set(FASTGRU_AMX OFF)
if(FASTGRU_X86_64 AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT MSVC)
  check_cxx_source_compiles("
    int main() { __asm__ volatile(\"tdpbusd %tmm2, %tmm1, %tmm0\"); return 0; }" FASTGRU_ASSEMBLES_AMX)
  set(FASTGRU_AMX ${FASTGRU_ASSEMBLES_AMX})
endif()

# What a project around this one sets for all of its targets, and is not for ours. Unity builds and link-time
# optimisation would merge code of several instruction sets.
set(CMAKE_UNITY_BUILD OFF)
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
if(NOT FASTGRU_MAIN)
  foreach(name IN ITEMS COMPILE_WARNING_AS_ERROR AUTOMOC AUTOUIC AUTORCC
      CXX_CLANG_TIDY CXX_CPPCHECK CXX_CPPLINT CXX_INCLUDE_WHAT_YOU_USE)
    set(CMAKE_${name} "")
  endforeach()
endif()

# Options of a target follow those of its directory and CMAKE_CXX_FLAGS, and the last one counts. So every option that
# our results depend on is named here, the compiler's defaults too.
add_library(fastgru_options INTERFACE)
target_compile_features(fastgru_options INTERFACE cxx_std_17)
# Eigen's functions are inline: the linker would take the copies of an app that compiles them with other options.
target_compile_definitions(fastgru_options INTERFACE Eigen=fastgru_eigen)

# A project that is compiled without a build type (Debug, Release, ...) has our code optimised all the same.
set(FASTGRU_NO_BUILD_TYPE "$<NOT:$<BOOL:$<CONFIG>>>")

if(MSVC)
  # Untried: written from Microsoft's documentation, not yet run on Windows.
  target_compile_options(fastgru_options INTERFACE /W4 /fp:precise /EHsc /permissive- /Zc:__cplusplus
    $<${FASTGRU_NO_BUILD_TYPE}:/O2> $<$<BOOL:${FASTGRU_WERROR}>:/WX>)
  target_compile_definitions(fastgru_options INTERFACE NOMINMAX _CRT_SECURE_NO_WARNINGS)
else()
  # -ffp-contract=off: a fused multiply-add happens where the source says so and nowhere else, so that every
  # instruction set and every inlining decision gives the same bits. cpp/runtime/exact.h checks the outcome.
  set(FASTGRU_EXACT_OPTIONS -fno-fast-math -fno-unsafe-math-optimizations -fno-associative-math
    -fno-reciprocal-math -fno-finite-math-only -fsigned-zeros -ffp-contract=off)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND FASTGRU_EXACT_OPTIONS -fno-single-precision-constant)
  endif()
  if(FASTGRU_X86_64)
    # The oldest CPU (-mno-sse3 takes back all that is newer); kernels of other instruction sets add theirs.
    list(APPEND FASTGRU_EXACT_OPTIONS -march=x86-64 -mtune=generic -mno-sse3 -mfpmath=sse)
  endif()
  # A section for each function: linkers leave out what nothing calls.
  target_compile_options(fastgru_options INTERFACE
    ${FASTGRU_EXACT_OPTIONS} -fexceptions -fno-lto -fvisibility=hidden -fvisibility-inlines-hidden
    -ffunction-sections -fdata-sections
    $<${FASTGRU_NO_BUILD_TYPE}:-O3>)
  target_compile_definitions(fastgru_options INTERFACE $<${FASTGRU_NO_BUILD_TYPE}:NDEBUG>)
  if(FASTGRU_MAIN OR FASTGRU_WERROR)
    target_compile_options(fastgru_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
      -Wno-sign-conversion $<$<BOOL:${FASTGRU_WERROR}>:-Werror>)
  else()
    target_compile_options(fastgru_options INTERFACE -w)  # an app's own set of warnings is for its own code
  endif()
  if(FASTGRU_SANITIZE)
    target_compile_options(fastgru_options INTERFACE -fsanitize=${FASTGRU_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_link_options(fastgru_options INTERFACE -fsanitize=${FASTGRU_SANITIZE})
  endif()
endif()

if(FASTGRU_CLANG_TIDY)
  find_program(FASTGRU_CLANG_TIDY_PROGRAM NAMES clang-tidy clang-tidy-14 REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY "${FASTGRU_CLANG_TIDY_PROGRAM}")
endif()

# The options of one per-ISA kernel file: FASTGRU_ISA_OPTIONS_<AVX2|AVX512|AVX512_VNNI>, empty for the baseline. Such a file
# is always optimised, also in a debug build: unoptimised, its inline functions would be emitted out of line.
set(FASTGRU_ISA_OPTIONS_AVX2 -mavx2 -mfma)
set(FASTGRU_ISA_OPTIONS_AVX512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx2 -mfma
  -mprefer-vector-width=512)
set(FASTGRU_ISA_OPTIONS_AVX512_VNNI ${FASTGRU_ISA_OPTIONS_AVX512} -mavx512vnni)
if(MSVC)
  set(FASTGRU_ISA_OPTIONS_AVX2 /arch:AVX2)
  set(FASTGRU_ISA_OPTIONS_AVX512 /arch:AVX512)
  set(FASTGRU_ISA_OPTIONS_AVX512_VNNI /arch:AVX512)
endif()

function(fastgru_isa_options source isa level)
  set(options "")
  if(isa)
    set(options ${FASTGRU_ISA_OPTIONS_${isa}})
  endif()
  if(NOT MSVC)
    list(APPEND options -fno-exceptions)
    if(NOT FASTGRU_SANITIZE)  # with sanitizers, unrolling makes this minutes of compiling for nothing
      list(APPEND options ${level})
    endif()
  endif()
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${options}")
endfunction()
