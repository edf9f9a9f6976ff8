# cmake -DFILE=index.html -DSYMBOL=policy -DHEADER=policy.hpp -P EmbedPolicy.cmake
#
# Writes a header with the Content-Security-Policy of a page: of all styles and scripts it allows
# the page's one <style> and its one <script>, by their hashes (https://www.w3.org/TR/CSP3/).
file(READ "${FILE}" page)
string(REPLACE "\r\n" "\n" page "${page}") # so does a browser

# hash_of(ELEMENT RESULT): "'sha256-...'" of the text of the only ELEMENT.
function(hash_of element result)
  string(FIND "${page}" "<${element}>" begin)
  string(FIND "${page}" "<${element}" last REVERSE)
  string(FIND "${page}" "</${element}>" end)
  if(begin EQUAL -1 OR end EQUAL -1 OR NOT begin EQUAL last)
    message(FATAL_ERROR
      "${FILE}: expected exactly one <${element}>, without attributes, and its end")
  endif()
  string(LENGTH "<${element}>" size)
  math(EXPR begin "${begin} + ${size}")
  math(EXPR size "${end} - ${begin}")
  string(SUBSTRING "${page}" ${begin} ${size} text)
  string(SHA256 digest "${text}")
  set(letters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  # 32 bytes: ten times three, and two with four zero bits.
  set(base64 "")
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${digest}00" ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING "${letters}" ${index} 1 letter)
      string(APPEND base64 "${letter}")
    endforeach()
  endforeach()
  string(SUBSTRING "${base64}" 0 43 base64)
  set(${result} "'sha256-${base64}='" PARENT_SCOPE)
endfunction()

hash_of(style style)
hash_of(script script)
file(WRITE "${HEADER}" "#pragma once\n\ninline constexpr char ${SYMBOL}[] =\n    \"default-src 'none'; style-src ${style}; script-src ${script}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\";\n")
