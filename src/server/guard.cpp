#include "server/guard.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/lines.h"
#include "base/text.h"

namespace rouse {
namespace {

std::string sha256(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return {out.begin(), out.end()};
}

/// Without the port: "[::1]:8080" is "[::1]".
std::string_view host_of(std::string_view host) {
  const size_t bracket = host.rfind(']'), colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    host = host.substr(0, colon);
  return host;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Guard::Refusal refusal(int status, const std::string& text, const char* subject = "") {
  return {status, Error(text, ErrorKind::usage, subject)};
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

Guard::Guard(const GuardOptions& options, const std::string& address) : options_(options) {
  hosts_ = {"localhost", "127.0.0.1", "[::1]", lower(address), "[" + lower(address) + "]"};
  for (const std::string& host : options.hosts) hosts_.push_back(lower(host));
  read_keys();
}

void Guard::read_keys() {
  if (options_.key_file.empty()) return;
  std::vector<std::string> keys;
  for (LineReader in(options_.key_file, "file of keys"); in.next();) {
    const std::string key(trim(in.line()));
    if (!key.empty() && key[0] != '#') keys.push_back(sha256(key));
  }
  require_usage(!keys.empty(), options_.key_file, " holds no key");
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

bool Guard::known_host(std::string_view host) const {
  return std::find(hosts_.begin(), hosts_.end(), lower(host_of(host))) != hosts_.end();
}

/// In the same time whichever key it is, if any.
bool Guard::known_key(const std::string& key) const {
  const std::string hash = sha256(key);
  const std::lock_guard lock(mutex_);
  int equal = 0;
  for (const std::string& known : keys_) equal |= CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0;
  return equal != 0;
}

std::string Guard::allowed_origin(const httplib::Request& request) const {
  const std::string origin = request.get_header_value("Origin");
  const auto& list = options_.cors_origins;
  return std::find(list.begin(), list.end(), origin) != list.end() ? origin : "";
}

std::optional<Guard::Refusal> Guard::refuse(const httplib::Request& request, bool open_route) const {
  const std::string host = request.get_header_value("Host"), origin = request.get_header_value("Origin");
  if (request.get_header_value_count("Host") > 1 || !known_host(host))
    return refusal(403,
                   cat("host ", json_text(host), " is not one of this server's; allow it with --allow-host"));
  if (!origin.empty() && allowed_origin(request).empty() && origin != "http://" + host &&
      origin != "https://" + host)
    return refusal(403, cat("origin ", json_text(origin), " is not allowed; allow it with --cors-origin"));
  if (request.method == "OPTIONS") return std::nullopt;
  if (keyed() && !open_route) {
    constexpr std::string_view kBearer = "Bearer ";
    std::string key = request.get_header_value("Authorization");
    key = key.starts_with(kBearer) ? key.substr(kBearer.size()) : request.get_header_value("X-API-Key");
    if (!known_key(key)) return refusal(401, "this server wants a key: Authorization: Bearer KEY");
  }
  if (request.method == "POST") {
    const std::string type = lower(request.get_header_value("Content-Type"));
    if (trim(type.substr(0, type.find(';'))) != "application/json")
      return refusal(415, cat("the body's type is ", json_text(type), ", expected application/json"));
  }
  return std::nullopt;
}

}  // namespace rouse
