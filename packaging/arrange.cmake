# CPack runs this when everything is installed into its staging folders, before it packs them. For
# Debian the configuration goes to /etc, static libraries lose their debugging information, and man
# pages and the changelog are compressed.
cmake_minimum_required(VERSION 3.25)
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

set(host "${CPACK_TEMPORARY_DIRECTORY}/host")
set(dev "${CPACK_TEMPORARY_DIRECTORY}/dev")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(EXISTS "${host}/usr/lib/portico/config")
  file(MAKE_DIRECTORY "${host}/etc")
  file(RENAME "${host}/usr/lib/portico/config" "${host}/etc/portico")
  file(CREATE_LINK /etc/portico "${host}/usr/lib/portico/config" SYMBOLIC)
endif()
file(REMOVE "${host}/usr/share/doc/portico/LICENSE") # copyright has it

file(GLOB archives "${dev}/usr/lib/*.a")
if(archives)
  run(strip --strip-debug ${archives})
endif()

if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(at "@$ENV{SOURCE_DATE_EPOCH}")
else()
  set(at now)
endif()
execute_process(COMMAND date -R -u -d "${at}" OUTPUT_VARIABLE date
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
foreach(package host dev)
  set(name portico)
  if(package STREQUAL "dev")
    set(name portico-dev)
  endif()
  set(changelog "${${package}}/usr/share/doc/${name}/changelog")
  file(WRITE "${changelog}" "portico (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * See CHANGELOG in /usr/share/doc/portico/html.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  run(gzip -9nf "${changelog}")
endforeach()
file(GLOB pages "${host}/usr/share/man/man1/*.1")
if(pages)
  run(gzip -9nf ${pages})
endif()
