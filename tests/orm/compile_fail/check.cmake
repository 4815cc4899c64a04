# Compiles SOURCE, which must fail with each text of its "// expect:" lines, in a short message.
#   cmake -DCOMPILER=... -DINCLUDE=... -DSOURCE=... -P check.cmake
file(STRINGS ${SOURCE} lines REGEX "^// expect: ")
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${INCLUDE} ${SOURCE}
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles: ${SOURCE}")
endif()
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^// expect: " "" text "${line}")
  string(FIND "${output}" "${text}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the message lacks '${text}':\n${output}")
  endif()
endforeach()
string(REGEX MATCHALL "(^|\n)[^\n]* error: " errors "${output}")
list(LENGTH errors count)
if(count GREATER 1)
  message(FATAL_ERROR "${count} errors for one mistake:\n${output}")
endif()
string(LENGTH "${output}" size)
if(size GREATER 3500)
  message(FATAL_ERROR "a message of ${size} characters for one mistake:\n${output}")
endif()
