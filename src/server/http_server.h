/// server/http_server.h - cpp-httplib's server, with an end to what a slow client may take.
///
/// A connection has a thread. The library bounds the time between two bytes; here a request, from its first
/// byte to its last, has a deadline, and so has TLS's greeting, so that nobody holds a thread by sending a
/// byte a second.
#pragma once

#include <httplib.h>

#include <atomic>

#include "server/wire.h"

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
  explicit HttpServer(const ConnectionLimits& limits, TlsContext tls = nullptr);
  /// Connections that wait for a next request are closed; those that have one end with its answer.
  void close_idle() { closing_ = true; }

 private:
  bool process_and_close_socket(socket_t sock) override;
  bool serve_requests(Wire& wire);
  bool wait_for_request(Wire& wire) const;

  const ConnectionLimits limits_;
  const TlsContext tls_;  ///< null: plain
  std::atomic<bool> closing_ = false;
};

}  // namespace rouse
