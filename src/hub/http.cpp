#include "hub/http.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text.h"

namespace rouse {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Ends a request when the user wants it, whatever it waits for.
class Watch {
 public:
  Watch(httplib::Client& client, const std::atomic<bool>* stop) {
    if (!stop) return;
    thread_ = std::thread([this, &client, stop] {
      std::unique_lock lock(mutex_);
      while (!done_.wait_for(lock, std::chrono::milliseconds(50), [this] { return over_; }))
        if (*stop) client.stop();
    });
  }
  ~Watch() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    done_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;
};

std::string variable(const char* name) {
  for (const std::string& spelled : {lower(name), std::string(name)})
    if (const char* value = std::getenv(spelled.c_str()); value && *value) return value;
  return "";
}

void use_proxy(httplib::Client& client, const Url& url) {
  const bool loopback = url.host == "localhost" || url.host == "::1" || url.host.starts_with("127.");
  std::string proxy = variable(url.tls ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (loopback || proxy.empty()) return;
  if (proxy.find("://") == std::string::npos) proxy = "http://" + proxy;
  std::string user;
  const size_t begin = proxy.find("://") + 3, at = proxy.rfind('@');
  if (at != std::string::npos) {
    user = proxy.substr(begin, at - begin);
    proxy.erase(begin, at + 1 - begin);
  }
  const Url to = parse_url(proxy);
  client.set_proxy(to.host, to.port);
  if (const size_t colon = user.find(':'); !user.empty())
    client.set_proxy_basic_auth(user.substr(0, colon),
                                colon == std::string::npos ? "" : user.substr(colon + 1));
  std::vector<std::string> direct;
  for (const std::string& entry : split(variable("NO_PROXY"), ','))
    if (const auto host = trim(entry); !host.empty()) direct.emplace_back(host);
  client.set_no_proxy(direct);
}

std::string failure_text(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "no connection";
    case httplib::Error::ConnectionTimeout:
      return "no connection in time";
    case httplib::Error::ProxyConnection:
      return "no connection through the proxy";
    case httplib::Error::Read:
    case httplib::Error::ConnectionClosed:
      return "the connection was cut";
    case httplib::Error::Timeout:
      return "no answer in time";
    case httplib::Error::SSLConnection:
      return "no TLS connection";
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return "its certificate cannot be verified (are ca-certificates installed? SSL_CERT_FILE names others)";
    case httplib::Error::SSLServerHostnameVerification:
      return "its certificate is another host's";
    default:
      return httplib::to_string(error);
  }
}

}  // namespace

std::string Url::origin() const {
  const bool v6 = host.find(':') != std::string::npos;
  return cat(tls ? "https://" : "http://", v6 ? "[" : "", host, v6 ? "]" : "", ":", port);
}

std::string Url::text() const {
  return origin() + path.substr(0, path.find('?'));
}

Url parse_url(const std::string& text) {
  const auto check = [&](bool ok) {
    require_usage(ok, "\"", text.substr(0, text.find('?')),
                  "\" is no address, expected https://HOST[:PORT][/PATH]");
  };
  Url url;
  url.tls = text.starts_with("https://");
  check(url.tls || text.starts_with("http://"));
  check(std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; }));
  const size_t begin = url.tls ? 8 : 7, slash = text.find_first_of("/?#", begin);
  std::string host = text.substr(begin, slash == std::string::npos ? slash : slash - begin);
  if (slash != std::string::npos) url.path = text.substr(slash, text.find('#') - slash);
  if (!url.path.starts_with('/')) url.path = "/" + url.path;
  check(host.find('@') == std::string::npos);  // a password does not belong here
  url.port = url.tls ? 443 : 80;
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    const auto port = parse_int(host.substr(colon + 1));
    check(port && *port > 0 && *port < 65536);
    url.port = static_cast<int>(*port);
    host.resize(colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  check(!host.empty());
  url.host = lower(host);
  return url;
}

Url redirected(const Url& from, const std::string& location) {
  const bool same = location.starts_with('/') && !location.starts_with("//");
  const Url to =
      parse_url(same ? from.origin() + location
                     : (location.starts_with("//") ? (from.tls ? "https:" : "http:") : "") + location);
  require(to.tls || !from.tls, from.text(), " leads to ", to.text(), ", which is not encrypted");
  return to;
}

std::string url_path(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 128 && (std::isalnum(byte) || std::string_view("-._~/").find(c) != std::string_view::npos))
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

std::string HttpAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpAnswer http_get(const HttpRequest& request, const HttpTimeouts& timeouts) {
  httplib::Client client(request.url.origin());
  client.set_connection_timeout(timeouts.connect_s);
  client.set_read_timeout(timeouts.read_s);
  client.set_follow_location(false);
  client.set_path_encode(false);  // a signed address is valid as it is
  client.set_decompress(false);
  use_proxy(client, request.url);
  httplib::Headers headers{{"User-Agent", "rouse"}, {"Accept-Encoding", "identity"}};
  for (const auto& [name, value] : request.headers) headers.emplace(name, value);
  HttpAnswer answer;
  bool unwanted = false;
  const Watch watch(client, request.stop);
  const auto result = client.Get(
      request.url.path, headers,
      [&](const httplib::Response& response) {
        answer.status = response.status;
        for (const auto& [name, value] : response.headers) answer.headers.emplace(lower(name), value);
        unwanted = request.begin && !request.begin(answer);
        return !unwanted;
      },
      [&](const char* data, size_t size) {
        return !(request.stop && *request.stop) && request.piece({data, size});
      });
  if (!result && !unwanted) answer.failure = failure_text(result.error());
  return answer;
}

}  // namespace rouse
