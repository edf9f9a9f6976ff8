# embed_bytes(HEX VARIABLE): a file's bytes, as file(READ ... HEX) gives them, as the elements of an
# array in C++. (A string literal has a limit: 16 KiB on MSVC.)
function(embed_bytes hex variable)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  set(${variable} "${hex}" PARENT_SCOPE)
endfunction()
