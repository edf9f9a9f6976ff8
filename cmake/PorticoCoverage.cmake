# PORTICO_COVERAGE: count lines and branches with gcov (GCC alone). Applies to everything that is
# built, the tests too, since an inline function of a header may be linked from any of them. Nothing
# is optimised: gcovr merges the branches of a header's line by their number, and that is the same
# in every file only when every file is compiled alike. Counters are atomic, for threads. Not what
# is loaded while a program runs (MODULE: the plugins, nothing of which is in the table): gcov
# writes the counts of a library that is unloaded, allocates for it, and does not survive an
# allocation that fails, which is what the torture tests make of it.
option(PORTICO_COVERAGE "Count executed lines and branches" OFF)
if(PORTICO_COVERAGE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "PORTICO_COVERAGE needs GCC; this is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  set(is_loaded "$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>")
  add_compile_options("$<$<NOT:${is_loaded}>:--coverage;-fprofile-update=atomic>")
  add_link_options("$<$<NOT:${is_loaded}>:--coverage>")
endif()
