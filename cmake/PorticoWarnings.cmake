# portico_warnings(TARGET): the warnings that all of the project's own code is clean of.
function(portico_warnings target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /permissive- /utf-8 /Zc:__cplusplus)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # Wrongly warns of std::string concatenation (GCC bug 105651).
      target_compile_options(${target} PRIVATE -Wno-restrict)
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      # PORTICO_ASSERT(!"what went wrong") is meant.
      target_compile_options(${target} PRIVATE -Wgnu -Wno-string-conversion)
      # -Wconversion covers signs as well, unlike GCC's. Tests are full of literals such as 1'000.
      if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/tests(/|$)")
        target_compile_options(${target} PRIVATE -Wno-sign-conversion)
      endif()
    endif()
  endif()
endfunction()
