include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(modules GLOBAL PROPERTY MPF_MODULES)
list(TRANSFORM modules PREPEND mpf_ OUTPUT_VARIABLE targets)
install(TARGETS ${targets} EXPORT mpf_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT mpf_targets NAMESPACE mpf:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mpf FILE mpf-targets.cmake)
foreach(module IN LISTS modules)
  if(EXISTS ${PROJECT_SOURCE_DIR}/include/mpf/${module})
    install(DIRECTORY include/mpf/${module} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mpf FILES_MATCHING PATTERN "*.hpp")
  endif()
endforeach()
configure_package_config_file(cmake/mpf-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/mpf-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mpf)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/mpf-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mpf-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/mpf-config-version.cmake
  cmake/MpfEmbed.cmake cmake/embed_files.cmake cmake/MpfDependencies.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mpf)
