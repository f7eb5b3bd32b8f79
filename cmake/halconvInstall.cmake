# The package: what a project needs that knows only the prefix, the generator of further kernels included.
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/halconv)
set(private_dir ${CMAKE_INSTALL_LIBDIR}/halconv)  # programs and a library that only halconv_add_kernels runs
set(tables_dir ${CMAKE_INSTALL_DATADIR}/halconv/tuned)

set_target_properties(halconv PROPERTIES EXPORT_NAME kernels)
foreach(library IN LISTS libraries)
  string(REPLACE halconv_ "" target ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${target})
endforeach()
install(TARGETS halconv_runtime halconv_halide_runtime halconv ${libraries} EXPORT halconvTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY runtime/include/halconv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

if(TARGET halconv_cli)
  install(TARGETS halconv_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(PROGRAMS $<TARGET_FILE:halconv::generate> ${HALCONV_KERNEL_LIST} DESTINATION ${private_dir})
install(FILES $<TARGET_FILE:Halide::Halide> DESTINATION ${private_dir})
install(DIRECTORY schedules/tuned/ DESTINATION ${tables_dir} FILES_MATCHING PATTERN *.txt)

configure_package_config_file(cmake/halconvConfig.cmake.in halconvConfig.cmake
  INSTALL_DESTINATION ${config_dir} PATH_VARS private_dir tables_dir)
write_basic_package_version_file(halconvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/halconvConfig.cmake ${PROJECT_BINARY_DIR}/halconvConfigVersion.cmake
              cmake/halconvAddKernels.cmake
        DESTINATION ${config_dir})
install(EXPORT halconvTargets NAMESPACE halconv:: DESTINATION ${config_dir})
