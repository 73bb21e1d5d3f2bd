# ggml and libllama: a system-wide installation if it is recent enough, else the pinned llama.cpp source.
#
# The source (cmake/llama_source.cmake) is built without a patch into ${ROUSE_CACHE}/llama-<version>-<options>, where every
# build folder finds it.

# Whether the llama and ggml that were found have what rouse calls.
function(rouse_llama_is_recent result)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_LIBRARIES llama ggml::ggml)
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("
    #include <ggml-cpp.h>
    #include <llama.h>
    int main() { ggml_prec_set_acc(ggml_set_rows(nullptr, nullptr, nullptr, nullptr), GGML_PREC_F32);
                 gguf_init_from_buffer(nullptr, 0, {}); return llama_vocab_n_tokens(nullptr); }" ROUSE_LLAMA_RECENT)
  set(${result} ${ROUSE_LLAMA_RECENT} PARENT_SCOPE)
endfunction()

if(NOT ROUSE_CUDA AND NOT "${llama_DIR}" MATCHES "^${ROUSE_CACHE}/")
  find_package(llama CONFIG QUIET)
  if(llama_FOUND)
    rouse_llama_is_recent(recent)
    if(recent)
      message(STATUS "llama.cpp: the installed one, ${llama_DIR}")
      return()
    endif()
    message(FATAL_ERROR "The llama.cpp installed at ${llama_DIR} is older than rouse needs (ggml 0.25). "
                        "Remove it, upgrade it, or hide it with -DCMAKE_DISABLE_FIND_PACKAGE_llama=ON.")
  endif()
endif()

set(key cpu)
set(llama_options -DGGML_NATIVE=ON)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # Older g++ tells its optimiser that _tile_loadconfig reads 8 of the 64 bytes of the tile configuration; the rest is
  # never written, and the first AMX product faults. Without AMX ggml takes its AVX-512 kernels.
  set(no_amx "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16")
  list(APPEND llama_options "-DCMAKE_C_FLAGS=${no_amx}" "-DCMAKE_CXX_FLAGS=${no_amx}")
endif()
# OpenBLAS multiplies long prompts by weights that are not repacked about twice as fast as ggml. Of its variants only
# the one built with OpenMP shares ggml's threads.
find_library(BLAS_openblas_LIBRARY openblas PATH_SUFFIXES openblas-openmp)
find_path(ROUSE_CBLAS cblas.h PATH_SUFFIXES openblas-openmp)
if(NOT ROUSE_CUDA AND BLAS_openblas_LIBRARY MATCHES "openmp" AND ROUSE_CBLAS)
  set(key cpu-openblas)
  set(BLA_VENDOR OpenBLAS)
  list(APPEND llama_options -DGGML_BLAS=ON -DGGML_BLAS_VENDOR=OpenBLAS -DBLAS_INCLUDE_DIRS=${ROUSE_CBLAS}
       -DBLAS_openblas_LIBRARY=${BLAS_openblas_LIBRARY})
endif()
if(ROUSE_CUDA)
  set(key cuda-${ROUSE_CUDA_ARCH})
  list(APPEND llama_options -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=${ROUSE_CUDA_ARCH})
endif()
set(LLAMA_PREFIX ${ROUSE_CACHE}/llama-${LLAMA_PYPI_VERSION}-${key})

set(LLAMA_LOG ${ROUSE_CACHE}/llama-${LLAMA_PYPI_VERSION}-${key}.log)
if(NOT EXISTS ${LLAMA_PREFIX}/rouse-complete)
  rouse_llama_archive(archive)
  set(source ${ROUSE_CACHE}/source-${LLAMA_PYPI_VERSION})
  message(STATUS "llama.cpp: unpacking")
  file(REMOVE_RECURSE ${source})
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${source} PATTERNS "*/vendor/llama.cpp/*")

  set(build ${ROUSE_CACHE}/build-${LLAMA_PYPI_VERSION}-${key})
  find_program(CCACHE ccache)
  if(CCACHE)
    list(APPEND llama_options -DCMAKE_C_COMPILER_LAUNCHER=${CCACHE} -DCMAKE_CXX_COMPILER_LAUNCHER=${CCACHE})
  endif()
  rouse_step("configuring" "" ${CMAKE_COMMAND} -G ${CMAKE_GENERATOR} -B ${build}
             -S ${source}/llama_cpp_python-${LLAMA_PYPI_VERSION}/vendor/llama.cpp -DCMAKE_BUILD_TYPE=Release
             -DCMAKE_INSTALL_PREFIX=${LLAMA_PREFIX} -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF
             -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF
             -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF
             -DLLAMA_OPENSSL=OFF ${llama_options})
  include(ProcessorCount)
  ProcessorCount(cores)
  rouse_step("building (about 3 minutes on two cores)" "" ${CMAKE_COMMAND} --build ${build} --parallel ${cores})
  rouse_step("installing" "" ${CMAKE_COMMAND} --install ${build})
  file(REMOVE_RECURSE ${build} ${source})
  file(TOUCH ${LLAMA_PREFIX}/rouse-complete)
endif()
message(STATUS "llama.cpp: ${LLAMA_PREFIX}")
foreach(name ggml llama)  # a build folder may remember another one
  if(NOT "${${name}_DIR}" MATCHES "^${LLAMA_PREFIX}/")
    unset(${name}_DIR CACHE)
  endif()
endforeach()
find_package(ggml REQUIRED CONFIG PATHS ${LLAMA_PREFIX} NO_DEFAULT_PATH)
find_package(llama REQUIRED CONFIG PATHS ${LLAMA_PREFIX} NO_DEFAULT_PATH)
