# The Content-Security-Policy of a page that is one document. For EmbedFile.cmake.

# base64_of_hash(HEX VARIABLE): the base64 form of a SHA-256. CMake has no function for it. Three
# hexadecimal digits are 12 bits, which are two characters; 64 digits need two more, which are zero
# and give the last character, "=".
function(base64_of_hash hex variable)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(APPEND hex "00")
  set(text "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING "${hex}" ${at} 3 digits)
    math(EXPR high "0x${digits} >> 6")
    math(EXPR low "0x${digits} & 63")
    string(SUBSTRING "${alphabet}" ${high} 1 first)
    string(SUBSTRING "${alphabet}" ${low} 1 second)
    string(APPEND text "${first}${second}")
  endforeach()
  string(REGEX REPLACE ".$" "=" text "${text}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

# hash_of_element(TEXT NAME VARIABLE): the source expression of what the page's only <NAME> holds.
function(hash_of_element text name variable)
  string(FIND "${text}" "<${name}>" first)
  string(FIND "${text}" "<${name}>" last REVERSE)
  string(FIND "${text}" "</${name}>" end)
  if(first EQUAL -1 OR NOT first EQUAL last OR end LESS first)
    message(FATAL_ERROR "The page needs exactly one <${name}> without attributes, because its "
      "policy allows one by its hash.")
  endif()
  string(LENGTH "<${name}>" tag)
  math(EXPR begin "${first} + ${tag}")
  math(EXPR size "${end} - ${begin}")
  string(SUBSTRING "${text}" ${begin} ${size} content)
  string(SHA256 hex "${content}")
  base64_of_hash("${hex}" base64)
  set(${variable} "'sha256-${base64}'" PARENT_SCOPE)
endfunction()

# page_policy(TEXT VARIABLE)
function(page_policy text variable)
  hash_of_element("${text}" script script)
  hash_of_element("${text}" style style)
  string(CONCAT policy "default-src 'none'; script-src ${script}; style-src ${style}; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'")
  set(${variable} "${policy}" PARENT_SCOPE)
endfunction()
