# Writes the page's files as a C++ source: cmake -DWEB=src/server/web -DOUT=page_files.cpp -P cmake/page_files.cmake
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
file(GLOB files RELATIVE ${WEB} ${WEB}/*.html ${WEB}/*.css ${WEB}/*.js)
list(SORT files)
set(arrays "")
set(table "")
set(n 0)
foreach(file ${files})
  file(READ ${WEB}/${file} hex HEX)
  file(SHA256 ${WEB}/${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  get_filename_component(extension ${file} LAST_EXT)
  string(SUBSTRING ${extension} 1 -1 extension)
  set(content "${type_${extension}}")
  set(path "/web/${file}")
  if(file STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND arrays "const unsigned char bytes_${n}[] = {\n${bytes}\n};\n")
  string(APPEND table "    {\"${path}\", \"${content}\", \"\\\"${hash}\\\"\", "
                      "{reinterpret_cast<const char*>(bytes_${n}), sizeof bytes_${n}}},\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "// Written by cmake/page_files.cmake.
#include \"server/page.h\"

namespace rouse {
namespace {
${arrays}
const PageFile kFiles[] = {
${table}};
}  // namespace
std::span<const PageFile> page_files() {
  return kFiles;
}
}  // namespace rouse
")
