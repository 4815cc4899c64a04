include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(modules GLOBAL PROPERTY MPF_MODULES)
# A set of targets for each module, so that who finds the package may take some of them.
set(needs "")
foreach(module IN LISTS modules)
  install(TARGETS mpf_${module} EXPORT mpf_${module} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT mpf_${module} NAMESPACE mpf:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/mpf
    FILE mpf-${module}-targets.cmake)
  get_property(depends GLOBAL PROPERTY MPF_DEPENDS_OF_${module})
  string(APPEND needs "set(mpf_needs_of_${module} ${depends})\n")
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
