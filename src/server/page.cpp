#include "server/page.h"

#include <algorithm>

namespace rouse {

static const PageFile* find_page(std::string_view path) {
  const auto files = page_files();
  const auto at = std::ranges::find(files, path, &PageFile::path);
  return at == files.end() ? nullptr : &*at;
}

bool is_page(std::string_view path) {
  return find_page(path) != nullptr;
}

/// Whether an If-None-Match names the tag, in a list or as "*"; a weak one is as good.
static bool names(const std::string& tags, std::string_view etag) {
  return tags == "*" || tags.find(etag) != std::string::npos;
}

void add_page(httplib::Server& http) {
  http.Get("/(web/[a-z_.]+)?", [](const httplib::Request& request, httplib::Response& response) {
    const PageFile* file = find_page(request.path);
    if (!file) {
      response.status = 404;
      return;
    }
    response.set_header(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
        "'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cross-Origin-Opener-Policy", "same-origin");
    response.set_header("Cross-Origin-Resource-Policy", "same-origin");
    response.set_header("Cache-Control", "no-cache");  // kept, but asked about each time
    response.set_header("ETag", file->etag);
    if (names(request.get_header_value("If-None-Match"), file->etag))
      response.status = 304;
    else
      response.set_content(file->bytes.data(), file->bytes.size(), file->type);
  });
}

}  // namespace rouse
