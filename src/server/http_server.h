/// server/http_server.h - cpp-httplib's server, with an end to what a slow client may take.
///
/// A connection has a thread. The library bounds the time between two bytes; here a request, from its first
/// byte to its last, has a deadline as well, so that nobody holds a thread by sending a byte a second.
#pragma once

#include <httplib.h>

#include <atomic>
#include <memory>
#include <string>

namespace rouse {

struct ConnectionLimits {
  int n_connection = 512;    ///< that are open at once; more are closed
  int request_seconds = 30;  ///< for a request to arrive, headers and body
  int write_seconds = 10;    ///< for a client to take what is written
  int idle_seconds = 5;      ///< between two requests of a connection
  int requests = 1000;       ///< of one connection
  size_t body_bytes = size_t{4} << 20;
};

class HttpServer final : public httplib::Server {
 public:
  explicit HttpServer(const ConnectionLimits& limits);
  /// Connections that wait for a next request are closed; those that have one end with its answer.
  void close_idle() { closing_ = true; }

 private:
  bool process_and_close_socket(socket_t sock) override;
  bool wait_for_request(socket_t sock) const;

  const ConnectionLimits limits_;
  std::atomic<int> n_connection_ = 0;
  std::atomic<bool> closing_ = false;
};

/// Over TLS with this certificate and key (PEM), where they are not empty. There the library's own loop
/// serves, so a request has no deadline: 5 s between two bytes is all that bounds it. Throws Error (usage)
/// for files that cannot be used.
std::unique_ptr<httplib::Server> make_http_server(const ConnectionLimits& limits,
                                                  const std::string& certificate, const std::string& key);

}  // namespace rouse
