# cmake -DLIBRARY=FILE -DNM=nm -DOBJDUMP=objdump -P check_exports.cmake: fails unless FILE exports
# portico_plugin_query and nothing else.
set(names "")
if(LIBRARY MATCHES "\\.dll$")
  execute_process(COMMAND "${OBJDUMP}" -p "${LIBRARY}" OUTPUT_VARIABLE text RESULT_VARIABLE result)
  # The heading is "[Ordinal/Name Pointer] Table". Then each name has a line:
  # "\t[   0] portico_plugin_query"; newer versions have "\t[   0] +base[   1]  0000 ..." instead.
  string(REGEX REPLACE "^.*\\[Ordinal/Name Pointer\\] Table[^\n]*" "" table "${text}")
  string(REGEX MATCHALL "\n\t\\[ *[0-9]+\\][^\n]*" rows "${table}")
  foreach(row IN LISTS rows)
    string(REGEX REPLACE "^.*[] ]([^] ]+)$" "\\1" name "${row}")
    list(APPEND names "${name}")
  endforeach()
else()
  execute_process(COMMAND "${NM}" -D --defined-only --format=posix "${LIBRARY}"
                  OUTPUT_VARIABLE text RESULT_VARIABLE result)
  string(REGEX MATCHALL "[^\n]+" rows "${text}")
  foreach(row IN LISTS rows)
    string(REGEX REPLACE " .*$" "" name "${row}")
    list(APPEND names "${name}")
  endforeach()
endif()
if(NOT result EQUAL 0)
  message(FATAL_ERROR "the exports of ${LIBRARY} could not be read: ${result}")
endif()
if(NOT names STREQUAL "portico_plugin_query")
  message(FATAL_ERROR "${LIBRARY} exports \"${names}\", expected portico_plugin_query alone")
endif()
message(STATUS "${LIBRARY} exports portico_plugin_query alone")
