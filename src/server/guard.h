/// server/guard.h - who may ask: keys, hosts, origins, content types.
///
/// A loopback address is no shield by itself: any page in a browser can post to it, and a name that resolves
/// to it can read the answers. So a request must name a host of the list, say that its body is JSON, and come
/// from no other origin than the server's own or one of those allowed.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "server/exchange.h"

namespace rouse {

struct GuardOptions {
  std::string key_file;                   ///< a key a line; empty: none is asked for
  std::vector<std::string> hosts;         ///< beside the address that is listened on, and loopback's names
  std::vector<std::string> cors_origins;  ///< exact: "https://chat.example.org"
};

class Guard {
 public:
  /// Throws Error (usage) for a file of keys that cannot be read or holds none.
  Guard(const GuardOptions& options, const std::string& address);
  /// Reads the keys again; where that fails the old ones stay, and Error is thrown.
  void read_keys();
  bool keyed() const { return !options_.key_file.empty(); }

  struct Refusal {
    int status;
    Error error;
  };
  /// Why a request may not pass, before its body is read; nothing: it may.
  std::optional<Refusal> refuse(const httplib::Request& request, bool open_route) const;
  /// The header that lets an allowed origin read the reply; empty: none.
  std::string allowed_origin(const httplib::Request& request) const;

 private:
  bool known_host(std::string_view host) const;
  bool known_key(const std::string& key) const;

  GuardOptions options_;
  std::vector<std::string> hosts_;
  mutable std::mutex mutex_;
  std::vector<std::string> keys_;  ///< sha256 of each
};

/// Whether an address is this machine alone.
bool is_loopback(const std::string& address);

}  // namespace rouse
