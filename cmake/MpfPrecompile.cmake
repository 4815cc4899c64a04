# What most sources include, compiled once. Sources include what they use all the same: `./dev lint`
# checks them without this.
option(MPF_PRECOMPILE "Compile what most sources include once" ${PROJECT_IS_TOP_LEVEL})

set(mpf_precompiled_standard
  <algorithm> <array> <atomic> <charconv> <chrono> <concepts> <cstddef> <cstdint> <deque> <exception> <filesystem>
  <functional> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <system_error> <tuple>
  <type_traits> <unordered_map> <utility> <variant> <vector>)
set(mpf_precompiled_models ${mpf_precompiled_standard} <mpf/base/json.hpp> <mpf/orm/model.hpp> <mpf/orm/query.hpp>)
set(mpf_precompiled_application ${mpf_precompiled_models} <mpf/app/application.hpp> <mpf/app/setup.hpp>)
set(mpf_precompiled_standard_test ${mpf_precompiled_standard} <doctest/doctest.h>)
set(mpf_precompiled_models_test ${mpf_precompiled_models} <doctest/doctest.h>)
set(mpf_precompiled_application_test ${mpf_precompiled_application} <doctest/doctest.h>)

# mpf_precompile(TARGET KIND): KIND is one of the lists above.
#   A test has flags of its own, so that it cannot share what libraries use.
function(mpf_precompile target kind)
  if(NOT MPF_PRECOMPILE)
    return()
  endif()
  set(shared mpf_precompiled_${kind})
  if(NOT TARGET ${shared})
    set(empty ${PROJECT_BINARY_DIR}/precompiled/${kind}.cpp)
    if(NOT EXISTS ${empty})
      file(WRITE ${empty} "")
    endif()
    add_library(${shared} OBJECT ${empty})
    target_compile_features(${shared} PUBLIC cxx_std_20)
    target_include_directories(${shared} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(${shared} PRIVATE mpf_warnings)
    if(kind MATCHES "^application")
      target_link_libraries(${shared} PRIVATE fmt::fmt)  # its headers include fmt's
    endif()
    if(kind MATCHES "_test$")
      mpf_flags_of_tests(${shared})
      # As programs are compiled, unlike libraries.
      set_target_properties(${shared} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${shared} PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIE})
    endif()
    target_precompile_headers(${shared} PRIVATE ${${shared}})
    mpf_flags_of_precompiled(${shared})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${shared})
  mpf_flags_of_precompiled(${target})
endfunction()

# -fpch-preprocess: what ccache needs to keep the objects. g++ 12 forgets which parts of a precompiled header
# are the system's, and reports false findings in std::string_view.
function(mpf_flags_of_precompiled target)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess -Wno-stringop-overread>)
endfunction()
