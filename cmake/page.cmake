# The web page of `rouse serve`, put into the binary: a source of its files is written again when one of them changes.
file(GLOB page_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/server/web/*)
set(page_source ${CMAKE_BINARY_DIR}/page_files.cpp)
add_custom_command(OUTPUT ${page_source}
  COMMAND ${CMAKE_COMMAND} -DWEB=${CMAKE_SOURCE_DIR}/src/server/web -DOUT=${page_source} -P ${CMAKE_SOURCE_DIR}/cmake/page_files.cmake
  DEPENDS ${page_files} ${CMAKE_SOURCE_DIR}/cmake/page_files.cmake)
target_sources(rouse_server PRIVATE ${page_source})
