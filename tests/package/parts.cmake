# Configures a program that has MPF in its own tree and leaves modules out, where the libraries that only these
# link are not to be found.
file(REMOVE_RECURSE ${WORK})
set(number 0)

# check(OFF modules... MISSING libraries... EXPECTED modules... [FAILS words])
#   MISSING are names of find_package() or of pkg-config.
function(check)
  cmake_parse_arguments(arg "" "FAILS" "OFF;MISSING;EXPECTED" ${ARGN})
  math(EXPR number "${number} + 1")
  set(number ${number} PARENT_SCOPE)
  set(folder ${WORK}/${number})
  set(options "")
  foreach(module IN LISTS arg_OFF)
    list(APPEND options -DMPF_BUILD_${module}=OFF)
  endforeach()
  foreach(library IN LISTS arg_MISSING)
    list(APPEND options -DCMAKE_DISABLE_FIND_PACKAGE_${library}=ON)
    # It needs what nobody has.
    file(WRITE ${folder}/pkgconfig/${library}.pc
      "Name: ${library}\nDescription: taken away\nVersion: 0\nRequires: taken-away-by-a-test\n")
  endforeach()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder}/pkgconfig
            ${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR}/parts -B ${folder}/build
            -DMPF_SOURCE=${MPF_SOURCE} ${options} "-DEXPECTED=${arg_EXPECTED}"
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(DEFINED arg_FAILS)
    if(code EQUAL 0 OR NOT output MATCHES "${arg_FAILS}")
      message(FATAL_ERROR "expected to hear of ${arg_FAILS} (${code}):\n${output}")
    endif()
  elseif(NOT code EQUAL 0)
    message(FATAL_ERROR "without ${arg_OFF}, and without ${arg_MISSING}: failed (${code})\n${output}")
  endif()
endfunction()

check(OFF TELEMETRY
  MISSING SQLite3 spdlog CLI11 LibXml2 ZLIB libpq libpqxx cpp-httplib libsodium prometheus-cpp-core
  EXPECTED base fiber config storage)
check(OFF DB
  MISSING SQLite3 CLI11 libpq libpqxx libsodium
  EXPECTED base fiber config telemetry http storage web)
check(OFF HTTP
  MISSING LibXml2 ZLIB CLI11 cpp-httplib libsodium
  EXPECTED base fiber config telemetry db orm cache storage migrate task)
check(OFF ORM CONFIG
  MISSING yaml-cpp CLI11 libsodium
  EXPECTED base fiber telemetry db http cache storage web)
# That what is taken away is missed where it is needed.
check(MISSING CLI11 FAILS "CLI11")
check(OFF APP MISSING libsodium FAILS "libsodium")
