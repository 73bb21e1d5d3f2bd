# cpp-httplib of the pinned llama.cpp: Debian 12's has known holes.
set(httplib ${ROUSE_PARTS}/vendor/cpp-httplib)
add_library(rouse_httplib STATIC ${httplib}/httplib.cpp)
target_include_directories(rouse_httplib SYSTEM PUBLIC ${httplib})
target_compile_options(rouse_httplib PRIVATE -w -O1)
target_compile_definitions(rouse_httplib PUBLIC CPPHTTPLIB_OPENSSL_SUPPORT)
target_link_libraries(rouse_httplib PUBLIC Threads::Threads OpenSSL::SSL OpenSSL::Crypto)
