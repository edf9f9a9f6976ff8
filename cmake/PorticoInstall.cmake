# What an installation is made of. Three components:
#   programs  <prefix>/lib/portico: host, client, plugins/, config/ (not bin/: a `host` on the PATH would hide the DNS tool)
#   sdk       <prefix>/include and <prefix>/lib/cmake/portico (sdk/CMakeLists.txt)
#   embed     <prefix>/lib, include/portico and lib/cmake/portico-host (host/embed/CMakeLists.txt)
# Everything is found relative to itself, so a prefix can be moved.
foreach(program host client)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION lib/portico COMPONENT programs)
  endif()
endforeach()
if(EXISTS "${PROJECT_SOURCE_DIR}/config/host.json")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/config/" DESTINATION lib/portico/config COMPONENT programs FILES_MATCHING PATTERN "*.json")
endif()
