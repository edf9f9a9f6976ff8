# cmake -DFILE=report.html -DSYMBOL=report_html -DHEADER=report_html.hpp -P EmbedFile.cmake
#
# Writes a header with the file's bytes as an array. Where the file says /*include NAME*/, the text
# of NAME, which lies beside it, takes its place. The text with its parts is also left beside the
# header, as HEADER.text.
#
# With -DPOLICY=report_policy the header also has the Content-Security-Policy of that page: it may
# run its one script and use its one style, both inline and known by their hashes, and ask the
# server that it came from; nothing else.
include("${CMAKE_CURRENT_LIST_DIR}/EmbedBytes.cmake")

file(READ "${FILE}" text)
cmake_path(GET FILE PARENT_PATH folder)
string(REGEX MATCHALL "/\\*include [a-z_.]+\\*/" includes "${text}")
foreach(include IN LISTS includes)
  string(REGEX MATCH "/\\*include ([a-z_.]+)\\*/" include "${include}")
  file(READ "${folder}/${CMAKE_MATCH_1}" included)
  string(REPLACE "${include}" "${included}" text "${text}")
endforeach()
file(WRITE "${HEADER}.text" "${text}")

file(READ "${HEADER}.text" bytes HEX)
embed_bytes("${bytes}" bytes)
set(header "#pragma once\n\ninline constexpr unsigned char ${SYMBOL}[] = {\n${bytes}\n};\n")

if(DEFINED POLICY)
  include("${CMAKE_CURRENT_LIST_DIR}/PagePolicy.cmake")
  page_policy("${text}" policy)
  string(APPEND header "\ninline constexpr char ${POLICY}[] =\n    \"${policy}\";\n")
endif()
file(WRITE "${HEADER}" "${header}")
