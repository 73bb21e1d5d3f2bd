/// server/page.h - the web page at "/": its files, which the build puts into the binary
/// (cmake/page_files.cmake).
#pragma once

#include <span>
#include <string_view>

#include "server/http_server.h"

namespace rouse {

struct PageFile {
  const char *path, *type;
  const char* etag;  ///< with its quotes: a hash of the bytes
  std::string_view bytes;
};
/// All of them; the build writes their source from src/server/web.
std::span<const PageFile> page_files();

/// Whether a path is one of the page's, which are shown without a key: they hold nothing of the model, and
/// ask for the key themselves.
bool is_page(std::string_view path);
/// Serves them, whole or as 304, with headers that let the page load and reach nothing but this server.
void add_page(httplib::Server& http);

}  // namespace rouse
