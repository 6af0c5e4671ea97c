# Compiler options: what the whole library gets, and what each instruction set's kernel file gets on top.

include(CheckCXXSourceCompiles)

check_cxx_source_compiles("
#if !(defined(__x86_64__) || defined(_M_X64)) || defined(__aarch64__)
#error not x86-64
#endif
int main() { return 0; }" FASTGRU_X86_64)

add_library(fastgru_options INTERFACE)
target_compile_features(fastgru_options INTERFACE cxx_std_17)

if(MSVC)
  # Untried: written from Microsoft's documentation, not yet run on Windows.
  target_compile_options(fastgru_options INTERFACE /W4 /fp:precise /EHsc /permissive- /Zc:__cplusplus
    $<$<BOOL:${FASTGRU_WERROR}>:/WX>)
  target_compile_definitions(fastgru_options INTERFACE NOMINMAX _CRT_SECURE_NO_WARNINGS)
else()
  # -ffp-contract=off: a fused multiply-add happens where the source says so and nowhere else, so that every
  # instruction set and every inlining decision gives the same bits.
  target_compile_options(fastgru_options INTERFACE
    -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    $<$<BOOL:${FASTGRU_WERROR}>:-Werror>)
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

# The options of one per-ISA kernel file: FASTGRU_ISA_OPTIONS_<AVX2|AVX512>, empty for the baseline. Such a file
# is always optimised, also in a debug build: unoptimised, its inline functions would be emitted out of line.
set(FASTGRU_ISA_OPTIONS_AVX2 -mavx2 -mfma)
set(FASTGRU_ISA_OPTIONS_AVX512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx2 -mfma
  -mprefer-vector-width=512)
if(MSVC)
  set(FASTGRU_ISA_OPTIONS_AVX2 /arch:AVX2)
  set(FASTGRU_ISA_OPTIONS_AVX512 /arch:AVX512)
endif()

function(fastgru_isa_options source isa)
  set(options "")
  if(isa)
    set(options ${FASTGRU_ISA_OPTIONS_${isa}})
  endif()
  if(NOT MSVC)
    list(APPEND options -fno-exceptions)
    if(NOT FASTGRU_SANITIZE)  # with sanitizers, unrolling makes this minutes of compiling for nothing
      list(APPEND options -O3)
    endif()
  endif()
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${options}")
endfunction()
