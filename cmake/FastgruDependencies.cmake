# What the build looks for. Eigen, pybind11: required. OpenMP: taken when the compiler has it. doctest: tests only.

# Targets that are found here are made known to a project around this one, which links to them through ours.
macro(fastgru_find_global target)
  set(FASTGRU_KNOWN OFF)
  if(TARGET ${target})
    set(FASTGRU_KNOWN ON)
  endif()
  find_package(${ARGN})
  if(TARGET ${target} AND NOT FASTGRU_KNOWN)
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL ON)
  endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
fastgru_find_global(Threads::Threads Threads REQUIRED)

if(FASTGRU_OPENMP)
  fastgru_find_global(OpenMP::OpenMP_CXX OpenMP COMPONENTS CXX QUIET)
  if(NOT OpenMP_CXX_FOUND)
    message(STATUS "fastgru: the compiler has no OpenMP; the library will run on one thread")
  endif()
endif()

if(FASTGRU_BUILD_PYTHON)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
  # The pybind11 of the interpreter that builds, not one that happens to lie on the prefix path: with a virtual
  # environment active, CMake would otherwise find the environment's copy during an isolated build.
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
    OUTPUT_VARIABLE FASTGRU_PYBIND11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE FASTGRU_PYBIND11_RESULT)
  set(PYBIND11_FINDPYTHON ON)
  if(FASTGRU_PYBIND11_RESULT EQUAL 0)
    set(pybind11_DIR "${FASTGRU_PYBIND11_DIR}" CACHE PATH "pybind11's CMake package" FORCE)
  endif()
  find_package(pybind11 3.0 CONFIG REQUIRED)
else()
  find_package(Python 3.10 COMPONENTS Interpreter QUIET)
endif()

# Eigen: no version is asked for, because Eigen 5 refuses a request for 3.x. The system's copy is taken if CMake
# finds one, else that of the cmeel-eigen package, whose prefix is not on CMake's path.
fastgru_find_global(Eigen3::Eigen Eigen3 NO_MODULE QUIET)
if(NOT TARGET Eigen3::Eigen)
  if(Python_EXECUTABLE)
    execute_process(COMMAND "${Python_EXECUTABLE}" -m cmeel cmake
      OUTPUT_VARIABLE FASTGRU_CMEEL_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    fastgru_find_global(Eigen3::Eigen Eigen3 NO_MODULE QUIET PATHS ${FASTGRU_CMEEL_PREFIX})
  endif()
endif()
if(NOT TARGET Eigen3::Eigen)
  message(FATAL_ERROR "fastgru: the Eigen headers were not found. Install them with the system's package manager "
    "(libeigen3-dev, eigen) or with: ${Python_EXECUTABLE} -m pip install cmeel-eigen")
endif()

if(FASTGRU_BUILD_TESTS)
  find_path(FASTGRU_DOCTEST_INCLUDE doctest/doctest.h)
  if(NOT FASTGRU_DOCTEST_INCLUDE)
    message(FATAL_ERROR "fastgru: FASTGRU_BUILD_TESTS needs doctest/doctest.h (Debian: doctest-dev)")
  endif()
  add_library(fastgru_doctest INTERFACE)
  target_include_directories(fastgru_doctest SYSTEM INTERFACE "${FASTGRU_DOCTEST_INCLUDE}")
endif()
