# cmake -DFILE=report.html -DSYMBOL=report_html -DHEADER=report_html.hpp -P EmbedFile.cmake
# Writes a header with the file's bytes as an array. (A string literal has a limit: 16 KiB on MSVC.)
file(READ "${FILE}" bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${HEADER}" "#pragma once\n\ninline constexpr unsigned char ${SYMBOL}[] = {\n${bytes}\n};\n")
