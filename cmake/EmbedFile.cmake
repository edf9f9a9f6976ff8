# cmake -DFILE=report.html -DSYMBOL=report_html -DHEADER=report_html.hpp -P EmbedFile.cmake writes a
# header with the file's bytes as an array. Where the file says /*include NAME*/, the bytes of NAME,
# which lies beside it, are in the place of that.
include("${CMAKE_CURRENT_LIST_DIR}/EmbedBytes.cmake")

file(READ "${FILE}" bytes HEX)
file(STRINGS "${FILE}" includes REGEX "/\\*include [a-z_.]+\\*/")
cmake_path(GET FILE PARENT_PATH folder)
foreach(line IN LISTS includes)
  string(REGEX MATCH "/\\*include ([a-z_.]+)\\*/" include "${line}")
  file(READ "${folder}/${CMAKE_MATCH_1}" included HEX)
  string(HEX "${include}" place)
  string(REPLACE "${place}" "${included}" bytes "${bytes}")
endforeach()
embed_bytes("${bytes}" bytes)
file(WRITE "${HEADER}"
  "#pragma once\n\ninline constexpr unsigned char ${SYMBOL}[] = {\n${bytes}\n};\n")
