# Makes one object of all in ARCHIVE that the functions of fastgru.h need, with LINKER, SCRIPT, OBJCOPY, STRIP, AR and NM.
# Training does not get into it, and only the names of fastgru.h stay global, so that the inline functions of an app
# and ours cannot take each other's place. The archive is a third smaller by it than its objects are.
set(object "${ARCHIVE}.o")
set(whole "${ARCHIVE}.one")
file(REMOVE "${object}" "${whole}")

execute_process(COMMAND "${NM}" -g "${ARCHIVE}" OUTPUT_VARIABLE symbols ERROR_QUIET)
string(REGEX MATCHALL " T fastgru_[a-z0-9_]+" public "${symbols}")
list(REMOVE_DUPLICATES public)
list(TRANSFORM public REPLACE " T " "-u|")
string(REPLACE ";" "|" roots "${public}")
if(NOT roots)
  message(STATUS "fastgru: the archive keeps its objects: ${NM} finds no functions of fastgru.h in it")
  return()
endif()

foreach(command IN ITEMS
    "${LINKER}|-r|--gc-sections|--force-group-allocation|-T|${SCRIPT}|${roots}|-o|${object}|${ARCHIVE}"
    "${OBJCOPY}|--wildcard|--keep-global-symbol=fastgru_*|${object}"
    "${STRIP}|-x|${object}"
    "${AR}|qcs|${whole}|${object}")
  string(REPLACE "|" ";" command "${command}")
  execute_process(COMMAND ${command} RESULT_VARIABLE failed ERROR_VARIABLE message OUTPUT_QUIET)
  if(failed)
    message(STATUS "fastgru: the archive keeps its objects: ${message}")
    file(REMOVE "${object}" "${whole}")
    return()
  endif()
endforeach()
file(RENAME "${whole}" "${ARCHIVE}")
file(REMOVE "${object}")
