# PORTICO_COVERAGE: count lines and branches with gcov (GCC alone). Applies to everything that is built, the tests too, since an inline function
# of a header may be linked from any of them. Nothing is optimised: gcovr merges the branches of a header's line by their number, and that
# is the same in every file only when every file is compiled alike. Counters are atomic, for threads.
option(PORTICO_COVERAGE "Count executed lines and branches" OFF)
if(PORTICO_COVERAGE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "PORTICO_COVERAGE needs GCC; this is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
