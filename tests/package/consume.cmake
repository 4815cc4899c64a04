# Installs into a temporary folder, then configures, builds and runs a program that knows nothing but
# find_package(mpf COMPONENTS orm), where what only other modules link is not to be found.
set(work ${BUILD}/package-test)
file(REMOVE_RECURSE ${work})
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN} failed (${code}):\n${output}")
  endif()
endfunction()
set(configure ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -DCMAKE_PREFIX_PATH=${work}/prefix
  -DCMAKE_CXX_FLAGS=${LINK_FLAGS})
foreach(library IN ITEMS CLI11 LibXml2 ZLIB yaml-cpp)
  list(APPEND configure -DCMAKE_DISABLE_FIND_PACKAGE_${library}=ON)
endforeach()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${configure} -B ${work}/build)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer ${work}/consumer.db)

# What the package does not have, and what a module needs and is not there, is told by name.
function(refused part words)
  execute_process(COMMAND ${configure} -B ${work}/${part} "-DPARTS=orm;${part}"
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(code EQUAL 0 OR NOT output MATCHES "${words}")
    message(FATAL_ERROR "asked for '${part}', expected to hear of ${words} (${code}):\n${output}")
  endif()
endfunction()
refused(nonsense "there is no module 'nonsense'")
refused(migrate "yaml-cpp")
