# librouse: the public interface of include/rouse as a shared library that holds everything of rouse, ggml and libllama, so
# that who uses it needs this library and its one header. find_package(rouse) gives the target rouse::rouse.
include(CMakePackageConfigHelpers)

add_library(librouse SHARED ${CMAKE_SOURCE_DIR}/src/api/model.cpp)
set_target_properties(librouse PROPERTIES OUTPUT_NAME rouse EXPORT_NAME rouse VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
add_dependencies(librouse rouse-template) # which it runs
target_compile_options(librouse PRIVATE -Wall -Wextra)
target_compile_features(librouse PUBLIC cxx_std_20)
target_compile_definitions(librouse PRIVATE ROUSE_VERSION="${PROJECT_VERSION}")
target_include_directories(librouse PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(librouse PRIVATE $<BUILD_INTERFACE:rouse_calibration>)
target_link_options(librouse PRIVATE LINKER:--exclude-libs,ALL LINKER:--gc-sections) # only rouse::api is seen from outside

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/rouse)
install(TARGETS librouse EXPORT rouse)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/rouse DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT rouse NAMESPACE rouse:: FILE rouseConfig.cmake DESTINATION ${package})
write_basic_package_version_file(rouseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rouseConfigVersion.cmake DESTINATION ${package})
