# rouse-template: renders chat templates in a process of its own (src/template/main.cpp) with the Jinja engine of the pinned
# llama.cpp, which is the same whichever libllama is used. Limits on memory stand in for sanitizers there.
file(GLOB jinja_sources ${ROUSE_PARTS}/common/jinja/*.cpp)
add_library(rouse_jinja STATIC ${jinja_sources} ${ROUSE_PARTS}/common/json.cpp ${ROUSE_PARTS}/common/unicode.cpp)
target_include_directories(rouse_jinja SYSTEM PUBLIC ${ROUSE_PARTS}/common $<TARGET_PROPERTY:ggml::ggml,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_options(rouse_jinja PRIVATE -w -O1 -fno-sanitize=all)
target_link_libraries(rouse_jinja PUBLIC nlohmann_json::nlohmann_json)

add_executable(rouse-template ${CMAKE_SOURCE_DIR}/src/template/main.cpp)
target_include_directories(rouse-template PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(rouse-template PRIVATE -Wall -Wextra -O1 -fno-sanitize=all)
target_link_libraries(rouse-template PRIVATE rouse_jinja)
target_link_options(rouse-template PRIVATE -static-libstdc++ -static-libgcc -fno-sanitize=all) # it starts for every prompt
install(TARGETS rouse-template RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/rouse)
