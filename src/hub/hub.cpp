#include "hub/hub.h"

#include <algorithm>
#include <cstdlib>

#include "base/json.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr size_t kMostAnswer = size_t{32} << 20;  ///< a repository of 100,000 files

bool is_hex(std::string_view text, size_t n) {
  return text.size() == n && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// W/"abc" and "abc" are abc.
std::string plain_etag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() > 1 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return etag.size() <= 256 && is_utf8(etag) ? etag : "";
}

std::optional<uint64_t> natural(const std::string& text) {
  const auto n = parse_int(text);
  return n && *n >= 0 ? std::optional(static_cast<uint64_t>(*n)) : std::nullopt;
}

bool leads_on(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Repository read_repository(const std::string& name, const std::string& text, const std::string& where) {
  const Json json = parse_json(text, where, ErrorKind::internal, {.n_byte = kMostAnswer});
  const JsonValue v(json, where, ErrorKind::internal);
  Repository repo{name, "main", {}};
  if (const auto sha = v.find("sha"); sha && is_hex(sha->text(), 40)) repo.revision = sha->text();
  constexpr size_t kMostFiles = 200 * 1000;
  if (const auto siblings = v.find("siblings"))
    for (const JsonValue& sibling : siblings->list(0, kMostFiles)) {
      RepoFile file{sibling.at("rfilename").text(), {}, ""};
      if (const auto size = sibling.find("size")) file.size = size->natural();
      if (const auto lfs = sibling.find("lfs")) {
        if (const auto sha = lfs->find("sha256"); sha && is_hex(sha->text(), 64)) file.sha256 = sha->text();
        if (const auto size = lfs->find("size")) file.size = size->natural();
      }
      repo.files.push_back(std::move(file));
    }
  return repo;
}

/// What the final answer and those that led to it say of the file.
void describe(FileAnswer& answer, const HttpAnswer& http, bool last) {
  if (const std::string linked = plain_etag(http.header("x-linked-etag")); !linked.empty())
    answer.etag = linked;
  if (const auto size = natural(http.header("x-linked-size"))) answer.size = size;
  if (!last) return;
  if (answer.etag.empty()) answer.etag = plain_etag(http.header("etag"));
  if (is_hex(answer.etag, 64)) answer.sha256 = answer.etag;
  if (http.status == 200 && !answer.size) answer.size = natural(http.header("content-length"));
  const std::string range = http.header("content-range");  // bytes 5-9/10
  const size_t dash = range.find('-'), slash = range.find('/');
  if (http.status != 206 || !range.starts_with("bytes ") || dash == std::string::npos ||
      slash == std::string::npos)
    return;
  answer.begin = natural(range.substr(6, dash - 6));
  if (!answer.size) answer.size = natural(range.substr(slash + 1));
}

}  // namespace

HubOptions hub_from_environment() {
  HubOptions out;
  if (const char* endpoint = std::getenv("HF_ENDPOINT"); endpoint && *endpoint) out.endpoint = endpoint;
  if (const char* token = std::getenv("HF_TOKEN")) out.token = trim(token);
  return out;
}

Hub::Hub(HubOptions options) : options_(std::move(options)) {
  try {
    base_ = parse_url(options_.endpoint);
  } catch (const Error& e) {
    throw e.within("HF_ENDPOINT");
  }
  require_usage(base_.path.find('?') == std::string::npos, "HF_ENDPOINT is ", options_.endpoint,
                ", expected an address without a query");
  while (base_.path.ends_with('/')) base_.path.pop_back();
  const bool ok =
      std::all_of(options_.token.begin(), options_.token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  require_usage(ok, "HF_TOKEN holds blanks or characters that no token has");  // it is not to be shown
}

HttpAnswer Hub::get(Url url, std::map<std::string, std::string> headers, HttpRequest request,
                    const std::function<void(const HttpAnswer&)>& on_redirect) const {
  const auto begin = request.begin;
  request.begin = [&](const HttpAnswer& answer) {
    return !leads_on(answer.status) && (!begin || begin(answer));
  };
  constexpr int kMostRedirects = 8;
  for (int n = 0; n <= kMostRedirects; ++n) {
    request.url = url;
    request.headers = headers;
    if (!options_.token.empty() && url.origin() == base_.origin())
      request.headers["Authorization"] = "Bearer " + options_.token;
    const HttpAnswer answer = http_get(request, options_.timeouts);
    if (!leads_on(answer.status)) return answer;
    if (on_redirect) on_redirect(answer);
    url = redirected(url, answer.header("location"));
  }
  throw Error(cat(base_.host, ": leads from address to address without end"));
}

Repository Hub::repository(const std::string& name, const std::atomic<bool>* stop) const {
  std::string body;
  HttpRequest request;
  request.stop = stop;
  request.piece = [&](std::string_view piece) {
    body += piece;
    return body.size() <= kMostAnswer;
  };
  Url url = base_;
  url.path += "/api/models/" + url_path(name) + "?blobs=true";
  const HttpAnswer answer = get(url, {{"Accept", "application/json"}}, request);
  if (stop && *stop) throw Error("interrupted", ErrorKind::interrupted);
  if (!answer.failure.empty())
    throw HubUnreachable(cat("cannot reach ", options_.endpoint, ": ", answer.failure));
  if (answer.status != 200) throw refusal(answer, name, name);
  return read_repository(name, body, cat(base_.host, "'s answer about ", name));
}

FileAnswer Hub::file(const Repository& repo, const std::string& path, uint64_t from,
                     const std::function<bool(const FileAnswer&)>& begin,
                     const std::function<bool(std::string_view)>& piece,
                     const std::atomic<bool>* stop) const {
  FileAnswer out;
  HttpRequest request;
  request.stop = stop;
  request.piece = piece;
  request.begin = [&](const HttpAnswer& answer) {
    describe(out, answer, true);
    out.http = answer;
    return begin(out);
  };
  Url url = base_;
  url.path += cat('/', url_path(repo.name), "/resolve/", url_path(repo.revision), '/', url_path(path));
  std::map<std::string, std::string> headers;
  if (from > 0) headers["Range"] = cat("bytes=", from, "-");
  out.http = get(url, headers, request, [&](const HttpAnswer& answer) { describe(out, answer, false); });
  return out;
}

Error Hub::refusal(const HttpAnswer& answer, const std::string& repo, const std::string& what) const {
  std::string text = cat(what, ": ", base_.host, " answers ", answer.status);
  const std::string code = answer.header("x-error-code"), page = options_.endpoint + "/" + repo;
  const char* another =
      options_.token.empty() ? "set HF_TOKEN to a token of yours" : "HF_TOKEN is not one that may read it";
  if (answer.status == 404 || code == "RepoNotFound")
    text += what == repo ? ": there is no such repository" : ": there is no such file";
  if (answer.status == 401)
    text +=
        cat(code == "RepoNotFound" ? ", or it is private or gated" : ": it is private or gated, or not there",
            "; ", another);
  if (answer.status == 403)
    text += cat(": it is gated; accept its terms at ", page, ", and ",
                options_.token.empty() ? another : "see that HF_TOKEN is of that account");
  if (answer.status == 429) text += ": too many requests; try again later";
  if (const std::string said = answer.header("x-error-message"); !said.empty())
    text += cat(" (\"", said.substr(0, 300), "\")");
  const bool asked = answer.status == 401 || answer.status == 403 || answer.status == 404;
  return Error(text, asked ? ErrorKind::bad_model : ErrorKind::internal);
}

bool passes(const HttpAnswer& answer) {
  return !answer.failure.empty() || answer.status == 408 || answer.status == 429 || answer.status >= 500;
}

}  // namespace rouse
