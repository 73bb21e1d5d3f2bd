# Installs into an empty folder, builds the examples against that alone, and runs them from elsewhere.
# cmake -DBUILD=... -DEXAMPLES=... -DWORK=... -P install_test.cmake
function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text WORKING_DIRECTORY ${WORK})
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}):\n${text}")
  endif()
  set(text "${text}" PARENT_SCOPE)
endfunction()
function(expect pattern)
  if(NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "expected \"${pattern}\" in:\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
step("installing" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
# A copy, so that nothing of the source tree is near.
file(COPY ${EXAMPLES}/ DESTINATION ${WORK}/examples)
step("configuring the examples" ${CMAKE_COMMAND} -S ${WORK}/examples -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/installed
     -DCMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Werror)
step("building the examples" ${CMAKE_COMMAND} --build ${WORK}/build)

step("two_routings" ${WORK}/build/two_routings)
expect("greedy, topk, [0-9.]+ expert evaluations a token:\n.+scmoe[(]weak=topk:1.*expert evaluations a token:\n.+")
step("experts_used" ${WORK}/build/experts_used "One two.")
expect("qwen3moe: 8 of 64 experts in each of [0-9]+ blocks\n\"\"  .*\"O\" +[0-9]+(,[0-9]+)+ ")
step("compare_answers" ${WORK}/build/compare_answers)
expect("greedy: log p.* = -[0-9.]+ nats\n.*scmoe: log p.* = -[0-9.]+ nats")
step("the installed rouse" ${WORK}/installed/bin/rouse run -n 2 -p "One two")
file(REMOVE_RECURSE ${WORK})
