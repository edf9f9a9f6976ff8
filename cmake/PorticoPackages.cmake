# Packages for Linux, by CPack (./dev package calls it): portico and portico-dev for Debian, and a
# tarball. They are made of the components of PorticoInstall.cmake, and of two that only packages
# have:
#   pages   man pages and HTML, which ./dev docs has made in build/docs; programs on the PATH
#   debian  what Debian's policy asks for, and the systemd unit
# packaging/arrange.cmake then puts the configuration into /etc.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR PORTICO_SANITIZE OR PORTICO_COVERAGE)
  return()
endif()

set(docs "${PROJECT_SOURCE_DIR}/build/docs")
install(DIRECTORY "${docs}/html" DESTINATION share/doc/portico
  COMPONENT pages EXCLUDE_FROM_ALL OPTIONAL)
install(DIRECTORY "${docs}/man/" DESTINATION share/man/man1
  COMPONENT pages EXCLUDE_FROM_ALL OPTIONAL)
install(FILES README.md LICENSE DESTINATION share/doc/portico COMPONENT pages EXCLUDE_FROM_ALL)
install(DIRECTORY examples DESTINATION share/doc/portico COMPONENT pages EXCLUDE_FROM_ALL
  PATTERN build EXCLUDE PATTERN target EXCLUDE PATTERN .clang-format EXCLUDE)
install(CODE [[
  set(bin "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/bin")
  file(MAKE_DIRECTORY "${bin}")
  file(CREATE_LINK ../lib/portico/host "${bin}/portico" SYMBOLIC)
  file(CREATE_LINK ../lib/portico/client "${bin}/portico-client" SYMBOLIC)
]] COMPONENT pages EXCLUDE_FROM_ALL)
install(FILES packaging/debian/portico.service DESTINATION lib/systemd/system
  COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES packaging/debian/copyright DESTINATION share/doc/portico
  COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES packaging/debian/copyright DESTINATION share/doc/portico-dev
  COMPONENT debian_dev EXCLUDE_FROM_ALL)

set(CPACK_PACKAGE_NAME portico)
set(CPACK_PACKAGE_VENDOR "the Portico maintainers")
set(CPACK_PACKAGE_CONTACT "Portico maintainers <maintainers@portico.invalid>")
# Each package has a line of its own in its description.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_FILE_NAME "portico-${PROJECT_VERSION}-linux-x64")
set(CPACK_OUTPUT_FILE_PREFIX "${PROJECT_SOURCE_DIR}/dist")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/arrange.cmake")
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL programs pages debian sdk embed debian_dev)
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_SOURCE_DIR}/packaging/by_generator.cmake")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_HOST_PACKAGE_NAME portico)
set(CPACK_DEBIAN_HOST_PACKAGE_SECTION net)
set(CPACK_DEBIAN_HOST_DESCRIPTION "server that hosts network protocols as plugins
Portico owns the I/O completion port, the accept loop and every connection's
life. A protocol is a shared object that gets bytes and answers with bytes
through a small C interface. An operator writes JSON, drops a plugin into a
folder, and runs portico.

portico-client puts load on any TCP server, and checks every reply.")
set(CPACK_DEBIAN_HOST_PACKAGE_CONTROL_EXTRA
  "${PROJECT_SOURCE_DIR}/packaging/debian/conffiles"
  "${PROJECT_SOURCE_DIR}/packaging/debian/prerm"
  "${PROJECT_SOURCE_DIR}/packaging/debian/postrm")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME portico-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
  "portico (= ${PROJECT_VERSION}), cmake, make | ninja-build")
set(CPACK_DEBIAN_DEV_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/debian/triggers")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "gcc | g++ | rustc")
set(CPACK_DEBIAN_DEV_DESCRIPTION "development files for plugins of Portico
Headers in C and C++, a crate for Rust and CMake functions, with which plugins
are written; the test kit; and the host as a library for other programs.

\"portico new-plugin NAME --c\" makes a project to begin with.")

include(CPack)
cpack_add_component_group(host)
cpack_add_component_group(dev)
foreach(component programs pages debian)
  cpack_add_component(${component} GROUP host)
endforeach()
foreach(component sdk embed debian_dev)
  cpack_add_component(${component} GROUP dev)
endforeach()
