# The libraries that Portico uses, all from the system (or vcpkg), none vendored:
#   portico_json     nlohmann/json        portico_spdlog  spdlog with an external fmt, header-only
#   portico_cli11    CLI11                portico_catch2  Catch2 2 or 3 (tests only)
#   Uring::Uring     liburing             Linux only, and not required: without it there is no io_uring backend
#
# All but the last serve as headers alone, so the Windows cross build can use the headers of the Linux packages. Their folders
# are staged under the build directory as links, because -isystem /usr/include would show the cross compiler the whole
# of the Linux headers.
foreach(name json spdlog cli11 catch2)
  add_library(portico_${name} INTERFACE)
endforeach()

if(CMAKE_CROSSCOMPILING)
  set(staging "${CMAKE_BINARY_DIR}/staged_headers")
  file(MAKE_DIRECTORY "${staging}")
  foreach(folder nlohmann spdlog fmt catch2 CLI)
    if(NOT IS_DIRECTORY "/usr/include/${folder}")
      message(FATAL_ERROR "The headers of ${folder} are missing. Install them (Debian: nlohmann-json3-dev libspdlog-dev libfmt-dev catch2 libcli11-dev), or run ./dev build --windows, which does.")
    endif()
    file(CREATE_LINK "/usr/include/${folder}" "${staging}/${folder}" SYMBOLIC)
  endforeach()
  foreach(name json spdlog cli11 catch2)
    target_include_directories(portico_${name} SYSTEM INTERFACE "${staging}")
  endforeach()
  target_compile_definitions(portico_spdlog INTERFACE FMT_HEADER_ONLY SPDLOG_FMT_EXTERNAL)
else()
  find_package(nlohmann_json 3.10 REQUIRED)
  find_package(spdlog 1.10 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(CLI11 2.1 REQUIRED)
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    find_package(Uring 2.3)
    if(NOT Uring_FOUND)
      message(STATUS "liburing 2.3 or later is missing (Debian: liburing-dev): the host is built without the io_uring backend")
    endif()
  endif()
  target_link_libraries(portico_json INTERFACE nlohmann_json::nlohmann_json)
  target_link_libraries(portico_spdlog INTERFACE spdlog::spdlog_header_only fmt::fmt-header-only)
  target_link_libraries(portico_cli11 INTERFACE CLI11::CLI11)
  if(PORTICO_BUILD_TESTS)
    find_package(Catch2 REQUIRED)
    target_link_libraries(portico_catch2 INTERFACE Catch2::Catch2)
  endif()
endif()
