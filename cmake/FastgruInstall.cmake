# What `cmake --install` and the wheel carry: headers, both libraries, the CMake package, a pkg-config file.
# Everything is found relative to itself, so that the tree may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# In a wheel everything lies within the package's folder, and a library has one name: wheels have no links.
if(SKBUILD)
  set(FASTGRU_INCLUDE_DIR fastgru/include)
  set(FASTGRU_LIBRARY_DIR fastgru/lib)
else()
  set(FASTGRU_INCLUDE_DIR "${CMAKE_INSTALL_INCLUDEDIR}")
  set(FASTGRU_LIBRARY_DIR "${CMAKE_INSTALL_LIBDIR}")
endif()
set(FASTGRU_CMAKE_DIR "${FASTGRU_LIBRARY_DIR}/cmake/fastgru")

# Who links the static library also links the OpenMP runtime it was compiled for, by name: the compiler of the
# app need not be the one that built fastgru.
set(FASTGRU_STATIC_NEEDS "")
if(FASTGRU_OPENMP AND OpenMP_CXX_FOUND)
  set(FASTGRU_STATIC_NEEDS ${OpenMP_CXX_LIB_NAMES})
  list(REMOVE_ITEM FASTGRU_STATIC_NEEDS pthread)
endif()
target_link_libraries(fastgru_static INTERFACE "$<INSTALL_INTERFACE:${FASTGRU_STATIC_NEEDS}>")

set(FASTGRU_INSTALLED fastgru_static)
if(FASTGRU_BUILD_SHARED)
  list(APPEND FASTGRU_INSTALLED fastgru_shared)
  if(NOT SKBUILD)
    set_target_properties(fastgru_shared PROPERTIES VERSION "${PROJECT_VERSION}" SOVERSION 1)  # FASTGRU_ABI_VERSION
  endif()
endif()
install(TARGETS ${FASTGRU_INSTALLED} EXPORT fastgru-targets
  ARCHIVE DESTINATION "${FASTGRU_LIBRARY_DIR}"
  LIBRARY DESTINATION "${FASTGRU_LIBRARY_DIR}"
  RUNTIME DESTINATION "${FASTGRU_LIBRARY_DIR}"
  INCLUDES DESTINATION "${FASTGRU_INCLUDE_DIR}")
# The wheel has its bound: there the archive is one object.
if(SKBUILD AND CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF" AND CMAKE_LINKER AND CMAKE_STRIP AND CMAKE_NM AND CMAKE_OBJCOPY)
  install(CODE "set(ARCHIVE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${FASTGRU_LIBRARY_DIR}/$<TARGET_FILE_NAME:fastgru_static>\")
    set(LINKER \"${CMAKE_LINKER}\")\nset(STRIP \"${CMAKE_STRIP}\")\nset(AR \"${CMAKE_AR}\")
    set(NM \"${CMAKE_NM}\")\nset(OBJCOPY \"${CMAKE_OBJCOPY}\")
    set(SCRIPT \"${CMAKE_CURRENT_SOURCE_DIR}/cmake/FastgruArchive.ld\")
    include(\"${CMAKE_CURRENT_SOURCE_DIR}/cmake/FastgruArchive.cmake\")")
endif()
install(DIRECTORY cpp/include/fastgru DESTINATION "${FASTGRU_INCLUDE_DIR}")
install(EXPORT fastgru-targets NAMESPACE fastgru:: DESTINATION "${FASTGRU_CMAKE_DIR}")

configure_package_config_file(cmake/fastgru-config.cmake.in fastgru-config.cmake
  INSTALL_DESTINATION "${FASTGRU_CMAKE_DIR}")
write_basic_package_version_file(fastgru-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/fastgru-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/fastgru-config-version.cmake" DESTINATION "${FASTGRU_CMAKE_DIR}")

# Paths in fastgru.pc start from where it lies, unless a folder was given as an absolute path.
if(IS_ABSOLUTE "${FASTGRU_LIBRARY_DIR}")
  set(FASTGRU_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH FASTGRU_PC_PREFIX "/${FASTGRU_LIBRARY_DIR}/pkgconfig" "/")
  string(PREPEND FASTGRU_PC_PREFIX "\${pcfiledir}/")
endif()
foreach(kind IN ITEMS LIBRARY INCLUDE)
  set(FASTGRU_PC_${kind}_DIR "${FASTGRU_${kind}_DIR}")
  if(NOT IS_ABSOLUTE "${FASTGRU_${kind}_DIR}")
    string(PREPEND FASTGRU_PC_${kind}_DIR "\${prefix}/")
  endif()
endforeach()
set(FASTGRU_PC_PRIVATE "-lstdc++ -lpthread -lm ${FASTGRU_STAY_LOADED}")
foreach(name IN LISTS FASTGRU_STATIC_NEEDS)
  string(PREPEND FASTGRU_PC_PRIVATE "-l${name} ")
endforeach()
configure_file(cmake/fastgru.pc.in fastgru.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/fastgru.pc" DESTINATION "${FASTGRU_LIBRARY_DIR}/pkgconfig")
