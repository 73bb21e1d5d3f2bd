# Writes OUTPUT, the source of cli/build.h, unless it is the same: the commit of SOURCE ("unknown" where that is no
# checkout of rouse itself) and which LLAMA was linked.
set(commit unknown)
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} rev-parse --show-toplevel WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE top ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(REAL_PATH ${SOURCE} source)
  if(top STREQUAL source) # not a repository that this one's files were unpacked in
    execute_process(COMMAND ${GIT} describe --always --tags --dirty --abbrev=12 WORKING_DIRECTORY ${SOURCE}
                    OUTPUT_VARIABLE described ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(described)
      set(commit ${described})
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[#include "cli/build.h"

namespace rouse {

const char* const kBuildCommit = "@commit@";
const char* const kBuildLlama = "@LLAMA@";

}  // namespace rouse
]])
