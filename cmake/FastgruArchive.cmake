# Makes one object of all in ARCHIVE, with LINKER, STRIP and AR, without the names of functions of one file alone.
# 82 objects carry 82 tables of names, and inline functions once for each: together a third of the archive. An app that
# takes the archive gets 7 % larger by it, 2 % with -Wl,--gc-sections.
set(object "${ARCHIVE}.o")
set(whole "${ARCHIVE}.one")
file(REMOVE "${object}" "${whole}")
foreach(command IN ITEMS
    "${LINKER}|-r|-o|${object}|--whole-archive|${ARCHIVE}|--no-whole-archive"
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
