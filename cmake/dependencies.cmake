# What rouse stands on. An installed package is used; ggml and libllama are otherwise built once from the pinned
# source into the cache (cmake/llama.cmake), outside the build folder.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(ZLIB REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc)
find_path(CSV_INCLUDE csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
find_path(EDIT_INCLUDE histedit.h REQUIRED)
find_library(EDIT_LIBRARY edit REQUIRED)

include(llama_source)
include(llama)
