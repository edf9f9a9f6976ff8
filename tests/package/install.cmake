# cmake -DBUILD=DIR -DPREFIX=DIR -DCOMPONENTS="sdk;programs" -P install.cmake: installs into one
# folder and moves all of it to PREFIX. So if a path of the first folder got into the package, it
# would be missing.
set(first "${PREFIX} as installed")
file(REMOVE_RECURSE "${PREFIX}" "${first}")
foreach(component IN LISTS COMPONENTS)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --component "${component}" --prefix "${first}"
    RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "the component \"${component}\" could not be installed")
  endif()
endforeach()
file(RENAME "${first}" "${PREFIX}")
