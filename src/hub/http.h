/// hub/http.h - one GET over HTTP or TLS whose body is taken as it arrives.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace rouse {

struct Url {
  bool tls = true;
  std::string host;  ///< without the brackets of an IPv6 address
  int port = 443;
  std::string path = "/";  ///< as it is sent: with the query, percent-encoded

  std::string origin() const;  ///< "https://host:port", of who gets what is meant for it alone
  std::string text() const;    ///< without the query, which may hold a signature
};

/// Of "https://HOST[:PORT][/PATH]"; also http. Throws Error (usage).
Url parse_url(const std::string& text);
/// Where the Location header of an answer from `from` leads. Throws Error for what is no such address, and
/// for one without TLS where `from` has it.
Url redirected(const Url& from, const std::string& location);
/// A path for a URL: everything but letters, digits and -._~/ as %XX.
std::string url_path(std::string_view text);

struct HttpAnswer {
  int status = 0;                              ///< 0: none came
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string failure;  ///< why no answer came, or why it broke off; empty: it came whole

  std::string header(const std::string& name) const;  ///< "" if there is none
};

struct HttpRequest {
  Url url;
  std::map<std::string, std::string> headers;
  /// Sees status and headers before the body; false: the body is not wanted, which is no failure.
  std::function<bool(const HttpAnswer& answer)> begin;
  /// A piece of the body; false: enough, which is a failure.
  std::function<bool(std::string_view piece)> piece;
  const std::atomic<bool>* stop = nullptr;  ///< breaks off within a tenth of a second; may be null
};

struct HttpTimeouts {
  int connect_s = 10, read_s = 30;  ///< read: between two bytes
};

/// Redirects are answers like others. A proxy stands between where HTTPS_PROXY or HTTP_PROXY names one and
/// NO_PROXY does not except the host.
HttpAnswer http_get(const HttpRequest& request, const HttpTimeouts& timeouts = {});

}  // namespace rouse
