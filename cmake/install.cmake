# SPDX-License-Identifier: BSD-3-Clause
# What is installed: headers, both libraries, vcol.pc, a CMake package with vcol::vcol and vcol::vcol_static.
# The commands' own CMakeLists.txt install themselves. The installed tree may be moved as a whole.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vcol)

install(DIRECTORY include/vcol DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
  PATTERN "mpi.h" EXCLUDE)
install(TARGETS vcol EXPORT vcol-shared)
if(TARGET vcol_mpi)
  install(FILES include/vcol/mpi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vcol)
  install(TARGETS vcol_mpi EXPORT vcol-mpi)
  install(EXPORT vcol-mpi NAMESPACE vcol:: DESTINATION ${package_dir})
endif()
install(TARGETS vcol_static EXPORT vcol-static)
install(EXPORT vcol-shared NAMESPACE vcol:: DESTINATION ${package_dir})
# Apart, since only those who link it need the codecs' development files.
install(EXPORT vcol-static NAMESPACE vcol:: DESTINATION ${package_dir})

# pkg-config: the prefix is found from where the file lies, unless the folders were given as absolute paths.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
  set(PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(PC_PREFIX "\${pcfiledir}/${up}")
  set(PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(vcol.pc.in vcol.pc @ONLY)
if(TARGET vcol_mpi)
  configure_file(vcol-mpi.pc.in vcol-mpi.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/vcol-mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
install(FILES ${PROJECT_BINARY_DIR}/vcol.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(cmake/vcolConfig.cmake.in vcolConfig.cmake INSTALL_DESTINATION ${package_dir})
# While the version is 0.x every minor version may break programs.
write_basic_package_version_file(vcolConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vcolConfig.cmake ${PROJECT_BINARY_DIR}/vcolConfigVersion.cmake
  DESTINATION ${package_dir})
