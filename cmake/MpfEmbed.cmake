# mpf_embed(TARGET FOLDER dir SYMBOL ns::name [FILES glob...])
#   Compiles the files of a folder into TARGET and declares, in a generated header
#   <mpf_embedded/NAME.hpp>, `const mpf::EmbeddedFiles& ns::name();` (see mpf/base/embedded.hpp).
#   The portal's pages, templates and migrations travel inside the one binary this way.
set(MPF_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_files.cmake)
function(mpf_embed target)
  cmake_parse_arguments(arg "" "FOLDER;SYMBOL" "FILES" ${ARGN})
  get_filename_component(folder ${arg_FOLDER} ABSOLUTE)
  if(NOT arg_FILES)
    set(arg_FILES "*")
  endif()
  list(TRANSFORM arg_FILES PREPEND ${folder}/ OUTPUT_VARIABLE globs)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${globs})
  string(REPLACE "::" "_" flat ${arg_SYMBOL})
  set(base ${CMAKE_CURRENT_BINARY_DIR}/embedded/mpf_embedded/${flat})
  set(list_file ${base}.list)
  string(REPLACE ";" "\n" lines "${files}")
  file(CONFIGURE OUTPUT ${list_file} CONTENT "@lines@" @ONLY)
  add_custom_command(
    OUTPUT ${base}.cpp ${base}.hpp
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DLIST=${list_file} -DSYMBOL=${arg_SYMBOL} -DOUTPUT=${base}
            -P ${MPF_EMBED_SCRIPT}
    DEPENDS ${files} ${list_file} ${MPF_EMBED_SCRIPT}
    COMMENT "Embedding ${arg_SYMBOL}"
    VERBATIM)
  # A target without dependencies: as one of ${target}'s alone, the command would wait for the libraries that
  # ${target} links.
  add_custom_target(${flat}_files DEPENDS ${base}.cpp ${base}.hpp)
  set_property(GLOBAL APPEND PROPERTY MPF_GENERATED ${base}.hpp)
  target_sources(${target} PRIVATE ${base}.cpp)
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  target_link_libraries(${target} PRIVATE mpf::base)
endfunction()
