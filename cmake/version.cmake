# What `rouse --version` says of the build: a source file of its own that is written again only when the commit changes, so
# that nothing else is compiled for it.
set(ROUSE_BUILD_SOURCE ${CMAKE_BINARY_DIR}/generated/build.cpp)
set(llama "of llama-cpp-python ${LLAMA_PYPI_VERSION}")
if(NOT LLAMA_PREFIX)
  set(llama "${LLAMA_VERSION}, installed")
endif()
set(write_build ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${ROUSE_BUILD_SOURCE} -DLLAMA=${llama}
    -P ${CMAKE_SOURCE_DIR}/cmake/write_build.cmake)
execute_process(COMMAND ${write_build})
add_custom_target(rouse-commit COMMAND ${write_build} BYPRODUCTS ${ROUSE_BUILD_SOURCE} VERBATIM)
add_library(rouse_build STATIC ${ROUSE_BUILD_SOURCE})
add_dependencies(rouse_build rouse-commit)
target_include_directories(rouse_build PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(rouse_cli PRIVATE rouse_build)
