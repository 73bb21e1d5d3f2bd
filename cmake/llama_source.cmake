# The pinned llama.cpp source: it comes in the PyPI source distribution of llama-cpp-python and is checked against its
# sha256. The build of ggml and libllama takes all of it (cmake/llama.cmake); some parts that no installed llama.cpp offers
# are used as they are and stay unpacked in ${ROUSE_PARTS}: the Jinja engine, the HTTP library, templates for tests.
set(LLAMA_PYPI_VERSION 0.3.36)
set(LLAMA_SHA256 832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e)

if(DEFINED ENV{ROUSE_CACHE})
  set(ROUSE_CACHE $ENV{ROUSE_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(ROUSE_CACHE $ENV{XDG_CACHE_HOME}/rouse)
else()
  set(ROUSE_CACHE $ENV{HOME}/.cache/rouse)
endif()
set(LLAMA_LOG ${ROUSE_CACHE}/llama-${LLAMA_PYPI_VERSION}.log)

# Runs a command; on failure shows the end of its log and stops with `hint`.
function(rouse_step what hint)
  message(STATUS "llama.cpp: ${what}")
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_FILE ${LLAMA_LOG} ERROR_FILE ${LLAMA_LOG})
  if(NOT status EQUAL 0)
    execute_process(COMMAND tail -n 15 ${LLAMA_LOG} OUTPUT_VARIABLE end)
    message(FATAL_ERROR "llama.cpp: ${what} failed.\n${end}\n${hint}\nThe whole log: ${LLAMA_LOG}")
  endif()
endfunction()

# The path of the archive, downloaded where it is not there.
function(rouse_llama_archive result)
  set(archive ${ROUSE_CACHE}/downloads/llama_cpp_python-${LLAMA_PYPI_VERSION}.tar.gz)
  file(MAKE_DIRECTORY ${ROUSE_CACHE}/downloads)
  if(EXISTS ${archive})
    file(SHA256 ${archive} found)
    if(NOT found STREQUAL LLAMA_SHA256)
      file(REMOVE ${archive})  # a download that was cut off
    endif()
  endif()
  if(NOT EXISTS ${archive})
    find_program(PYTHON3 python3 REQUIRED)
    rouse_step("downloading its source (77 MB)"
               "Is this machine offline? Put llama_cpp_python-${LLAMA_PYPI_VERSION}.tar.gz into ${ROUSE_CACHE}/downloads and run again."
               ${PYTHON3} -m pip download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-python
               --dest ${ROUSE_CACHE}/downloads llama-cpp-python==${LLAMA_PYPI_VERSION})
  endif()
  file(SHA256 ${archive} found)
  if(NOT found STREQUAL LLAMA_SHA256)
    file(REMOVE ${archive})
    message(FATAL_ERROR "llama.cpp: the download has sha256 ${found}, expected ${LLAMA_SHA256}; removed it.")
  endif()
  set(${result} ${archive} PARENT_SCOPE)
endfunction()

set(ROUSE_PARTS ${ROUSE_CACHE}/parts-${LLAMA_PYPI_VERSION})
if(NOT EXISTS ${ROUSE_PARTS})
  rouse_llama_archive(archive)
  message(STATUS "llama.cpp: unpacking its Jinja engine and HTTP library")
  string(RANDOM suffix)  # another build may be doing the same
  set(unpacked ${ROUSE_PARTS}-${suffix})
  set(llama "*/vendor/llama.cpp")
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${unpacked} PATTERNS "${llama}/LICENSE" "${llama}/common/jinja/*"
       "${llama}/common/json.*" "${llama}/common/unicode.*" "${llama}/vendor/cpp-httplib/*" "${llama}/models/templates/*")
  file(RENAME ${unpacked}/llama_cpp_python-${LLAMA_PYPI_VERSION}/vendor/llama.cpp ${ROUSE_PARTS} RESULT taken)
  file(REMOVE_RECURSE ${unpacked})
endif()
