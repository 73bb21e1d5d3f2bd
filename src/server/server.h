/// server/server.h - the service behind HTTP: listening, the table of routes, and the end.
#pragma once

#include <thread>

#include "server/guard.h"

namespace rouse {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;               ///< 0: any that is free
  std::string certificate, key;  ///< PEM files, for TLS; empty: none
  GuardOptions guard;
  ConnectionLimits limits;
  int stop_seconds = 10;      ///< what runs may take so long to end once the server is to stop
  bool log_requests = false;  ///< a line a request on standard error, without what was asked
};

class Server {
 public:
  /// Listens. Throws Error (usage) where the address is taken or wants keys.
  Server(Service& service, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }
  std::string url() const;
  /// Admits nobody more, waits for what runs, cancels what takes too long.
  void stop();
  Guard& guard() { return guard_; }

 private:
  void add(const Route& route);
  void serve(const Route& route, const httplib::Request& request, httplib::Response& response);
  void refuse(const Guard::Refusal& refusal, httplib::Response& response) const;

  Service& service_;
  ServerOptions options_;
  Guard guard_;
  std::unique_ptr<HttpServer> http_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace rouse
