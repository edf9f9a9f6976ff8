# PORTICO_SANITIZE: "address" (with undefined behaviour), "thread", "fuzz" (address, with
# libFuzzer's instrumentation; Clang only), or empty. Applies to everything that is built.
set(PORTICO_SANITIZE "" CACHE STRING "address (with undefined), thread, fuzz, or empty")
set_property(CACHE PORTICO_SANITIZE PROPERTY STRINGS "" address thread fuzz)
if(PORTICO_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(PORTICO_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(PORTICO_SANITIZE STREQUAL "fuzz")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(NOT PORTICO_SANITIZE STREQUAL "")
  message(FATAL_ERROR "PORTICO_SANITIZE is \"${PORTICO_SANITIZE}\"; expected \"address\", \"thread\", \"fuzz\" or nothing")
endif()

# portico_slow_to_optimise(SOURCE...): sources that consist of CLI11's templates.
# With a sanitizer the optimiser takes many seconds for each, and the tests do not run them often.
# Fuzzers do.
function(portico_slow_to_optimise)
  if(PORTICO_SANITIZE MATCHES "^(address|thread)$")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O0)
  endif()
endfunction()
