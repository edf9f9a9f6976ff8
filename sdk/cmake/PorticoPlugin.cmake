# portico_add_plugin(NAME source...)
#
# Makes a MODULE library NAME.so or NAME.dll, which a Portico host loads as the plugin "NAME". It
# sees the SDK's headers, has no `lib` prefix, and exports portico_plugin_query and nothing else. It
# finds the libraries that it needs beside it: on Linux by an rpath of $ORIGIN, on Windows by the
# way the host loads it. If PORTICO_PLUGIN_OUTPUT_DIRECTORY is set, the build puts the library there
# (for example into a host's plugin folder). Add further sources, definitions and libraries to the
# target NAME as usual.
function(portico_add_plugin name)
  if(NOT ARGN)
    message(FATAL_ERROR "portico_add_plugin(${name} ...): name at least one source file")
  endif()
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE portico::sdk)
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(NOT DEFINED CMAKE_C_STANDARD)
    set_target_properties(${name} PROPERTIES C_STANDARD 11)
  endif()
  if(NOT DEFINED CMAKE_CXX_STANDARD)
    set_target_properties(${name} PROPERTIES CXX_STANDARD 17)
  endif()

  if(MINGW)
    # Exports only what is marked dllexport. Links statically, because the host's restricted search
    # would not find the compiler's runtime DLLs.
    target_link_options(${name} PRIVATE -Wl,--exclude-all-symbols -static)
  elseif(UNIX AND NOT APPLE)
    # Hidden visibility alone would still export libstdc++'s process-wide unique symbols.
    set(map "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/portico_plugin.map")
    target_link_options(${name} PRIVATE "-Wl,--version-script=${map}")
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${map}")
    set_target_properties(${name} PROPERTIES BUILD_RPATH "$ORIGIN" INSTALL_RPATH "$ORIGIN")
  endif()

  if(PORTICO_PLUGIN_OUTPUT_DIRECTORY)
    # Without the generator expression, multi-configuration generators add a folder for each
    # configuration.
    set_target_properties(${name} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY "$<1:${PORTICO_PLUGIN_OUTPUT_DIRECTORY}>")
  endif()
endfunction()

# portico_find_programs()
#
# Sets PORTICO_HOST and PORTICO_CLIENT to the programs that were installed with this package: in
# lib/portico of the same prefix, or, if the SDK was unpacked with them, in the folder above it.
# False if there are none. Each may be set before.
function(portico_find_programs)
  set(prefix "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../..")
  foreach(program host client)
    string(TOUPPER "PORTICO_${program}" variable)
    # Not on the PATH: there `host` is the DNS tool.
    find_program(${variable} NAMES ${program} ${program}.exe
      PATHS "${prefix}/lib/portico" "${prefix}/.." NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
  endforeach()
endfunction()

# portico_verify_plugin(NAME [SCRIPT file] [CONFIG file] [SEEDS count])
#
# Adds the test verify.NAME: `host verify` on the plugin NAME of portico_add_plugin. Its results are
# also in verify-NAME.json of the build folder. PORTICO_HOST names the host program; by default it
# is the one that was installed beside this package. Without one there is no test. Call
# enable_testing() before.
function(portico_verify_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 its "" "SCRIPT;CONFIG;SEEDS" "")
  if(its_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "portico_verify_plugin(${name} ...): ${its_UNPARSED_ARGUMENTS} is unknown")
  endif()
  if(TARGET host AND NOT PORTICO_HOST)
    set(program host)
  else()
    portico_find_programs()
    if(NOT PORTICO_HOST)
      message(STATUS "no Portico host: ${name} is not verified (set PORTICO_HOST)")
      return()
    endif()
    set(program ${CMAKE_CROSSCOMPILING_EMULATOR} "${PORTICO_HOST}")
  endif()
  set(words verify "$<TARGET_FILE:${name}>"
    --json "${CMAKE_CURRENT_BINARY_DIR}/verify-${name}.json")
  foreach(file SCRIPT CONFIG)
    if(its_${file})
      string(TOLOWER "${file}" option)
      get_filename_component(path "${its_${file}}" ABSOLUTE)
      list(APPEND words --${option} "${path}")
    endif()
  endforeach()
  if(its_SEEDS)
    list(APPEND words --seeds ${its_SEEDS})
  endif()
  add_test(NAME verify.${name} COMMAND ${program} ${words})
  set_tests_properties(verify.${name} PROPERTIES TIMEOUT 600)
endfunction()
