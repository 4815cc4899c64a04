# Warnings of our own code; never exported to those who link MPF.
add_library(mpf_warnings INTERFACE)
target_compile_options(mpf_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wno-missing-field-initializers
  $<$<BOOL:${MPF_WARNINGS_AS_ERRORS}>:-Werror>)
if(MPF_SANITIZE)
  # g++ 12 reports false maybe-uninitialized and tsan-fence warnings under sanitizers.
  target_compile_options(mpf_warnings INTERFACE -Wno-maybe-uninitialized $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()

# mpf_add_module(NAME SOURCES file... [DEPENDS module...] [PRIVATE library...])
#   Adds the library mpf::NAME, or leaves it out when MPF_BUILD_<NAME> is OFF or a module that it
#   depends on was left out. DEPENDS are modules of MPF and public; PRIVATE are libraries that no
#   public header mentions.
function(mpf_add_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  string(TOUPPER ${name} upper)
  option(MPF_BUILD_${upper} "Build the module ${name}" ON)
  if(NOT MPF_BUILD_${upper})
    return()
  endif()
  foreach(dependency IN LISTS arg_DEPENDS)
    if(NOT TARGET mpf::${dependency})
      message(STATUS "mpf::${name} is left out: it needs mpf::${dependency}")
      return()
    endif()
  endforeach()
  add_library(mpf_${name} STATIC ${arg_SOURCES})
  add_library(mpf::${name} ALIAS mpf_${name})
  set_target_properties(mpf_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(mpf_${name} PUBLIC cxx_std_20)
  target_include_directories(mpf_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPENDS PREPEND mpf::)
  target_link_libraries(mpf_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:mpf_warnings>)
  set_property(GLOBAL APPEND PROPERTY MPF_MODULES ${name})
endfunction()

# mpf_add_test(MODULE SOURCES x_test.cpp... [DEPENDS module...] [PRIVATE library...] [SERIAL])
#   One executable a module, one ctest entry a source file (so that they run in parallel).
function(mpf_add_test module)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "SOURCES;DEPENDS;PRIVATE;POSTGRES" ${ARGN})
  foreach(dependency IN LISTS arg_DEPENDS)
    if(NOT TARGET mpf::${dependency})
      return()
    endif()
  endforeach()
  set(target mpf_${module}_test)
  add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp ${arg_SOURCES})
  list(TRANSFORM arg_DEPENDS PREPEND mpf::)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE ${arg_DEPENDS} ${arg_PRIVATE} mpf_warnings)
  # What tests measure is the library; unoptimised, they compile in little more than half the time.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O0>)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(stem ${source} NAME_WE)
    if(NOT stem MATCHES "_test$")
      continue()
    endif()
    string(REGEX REPLACE "_test$" "" case ${stem})
    add_test(NAME ${module}.${case} COMMAND ${target} --source-file=*/${stem}.cpp)
    set_tests_properties(${module}.${case} PROPERTIES TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL})
    if(case IN_LIST arg_POSTGRES)
      add_test(NAME ${module}.${case}.postgres COMMAND ${target} --source-file=*/${stem}.cpp)
      set_tests_properties(${module}.${case}.postgres PROPERTIES
        TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL} ENVIRONMENT MPF_TEST_DATABASE=postgres)
    endif()
  endforeach()
endfunction()
