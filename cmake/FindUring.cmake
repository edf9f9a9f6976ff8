# liburing, the library for io_uring, from the system: the target Uring::Uring. 2.3 is the first
# version with all that the backend uses.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(PC_URING QUIET liburing)
endif()
find_path(Uring_INCLUDE_DIR liburing.h HINTS ${PC_URING_INCLUDE_DIRS})
find_library(Uring_LIBRARY uring HINTS ${PC_URING_LIBRARY_DIRS})
mark_as_advanced(Uring_INCLUDE_DIR Uring_LIBRARY)

# Without pkg-config the version shows in what the header declares: io_uring_prep_recv_multishot
# came with 2.3.
set(Uring_VERSION "${PC_URING_VERSION}")
if(Uring_INCLUDE_DIR AND NOT Uring_VERSION)
  file(STRINGS "${Uring_INCLUDE_DIR}/liburing.h" uring_has_2_3 REGEX "io_uring_prep_recv_multishot" LIMIT_COUNT 1)
  if(uring_has_2_3)
    set(Uring_VERSION 2.3)
  else()
    set(Uring_VERSION 2.2)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Uring REQUIRED_VARS Uring_LIBRARY Uring_INCLUDE_DIR VERSION_VAR Uring_VERSION)

if(Uring_FOUND AND NOT TARGET Uring::Uring)
  add_library(Uring::Uring UNKNOWN IMPORTED)
  set_target_properties(Uring::Uring PROPERTIES IMPORTED_LOCATION "${Uring_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${Uring_INCLUDE_DIR}")
endif()
