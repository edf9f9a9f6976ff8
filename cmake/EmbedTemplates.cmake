# cmake -DFOLDER=sdk/templates -DHEADER=templates.hpp -P EmbedTemplates.cmake writes a header with
# all files of that folder: `embedded_templates`, an array of their paths in it and bytes.
include("${CMAKE_CURRENT_LIST_DIR}/EmbedBytes.cmake")

file(GLOB_RECURSE paths RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT paths)
set(arrays "")
set(table "")
foreach(path IN LISTS paths)
  file(READ "${FOLDER}/${path}" bytes HEX)
  embed_bytes("${bytes}" bytes)
  string(MAKE_C_IDENTIFIER "template_${path}" symbol)
  string(APPEND arrays "inline constexpr unsigned char ${symbol}[] = {\n${bytes}\n};\n")
  string(APPEND table "    {\"${path}\", ${symbol}, sizeof ${symbol}},\n")
endforeach()
file(WRITE "${HEADER}" "#pragma once

#include <cstddef>
#include <string_view>

namespace portico::project {

${arrays}
struct EmbeddedTemplate {
    std::string_view path;  // within sdk/templates
    const unsigned char* bytes;
    std::size_t size;
};
inline constexpr EmbeddedTemplate embedded_templates[] = {
${table}};

}  // namespace portico::project
")
