/// tests/server/running.h - a server on a free port, and what a client sees of it.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include "server/server.h"
#include "support.h"

namespace rouse {

inline ServiceOptions small_service() {
  ServiceOptions o;
  o.model.model = ROUSE_MODELS "/rouse-lab.gguf";
  o.model.n_thread = 1;
  o.model.n_ctx = 256;
  o.model.kv_type = "f32";
  o.alias = "lab";
  o.request_seconds = 60;
  return o;
}

inline ServerOptions any_port() {
  ServerOptions o;
  o.port = 0;
  o.stop_seconds = 5;
  return o;
}

/// A socket to a server here; what is read of it comes within 20 seconds.
inline int connected(int port) {
  const int sock = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(sock, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  timeval limit{20, 0};
  setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return sock;
}

/// A request as its bytes.
inline std::string http(const Json& body, const std::string& path = "/v1/chat/completions") {
  const std::string text = body.dump();
  return cat("POST ", path,
             " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ",
             text.size(), "\r\n\r\n", text);
}

struct Running {
  explicit Running(const ServiceOptions& s = small_service(), const ServerOptions& o = any_port())
      : service(s), server(service, o) {}

  httplib::Client client() const {
    httplib::Client c("127.0.0.1", server.port());
    c.set_read_timeout(60);
    return c;
  }
  httplib::Result send(const std::string& path, const Json& body,
                       const httplib::Headers& headers = {}) const {
    return client().Post(path, headers, body.dump(), "application/json");
  }
  /// The reply's object; its status must be as expected.
  Json post(const std::string& path, const Json& body, int status = 200) const {
    const auto reply = send(path, body);
    if (!reply) {
      ADD_FAILURE() << "no reply: " << httplib::to_string(reply.error());
      return nullptr;
    }
    EXPECT_EQ(reply->status, status) << reply->body;
    return Json::parse(reply->body);
  }
  Json get(const std::string& path, int status = 200) const {
    const auto reply = client().Get(path);
    if (!reply) {
      ADD_FAILURE() << "no reply: " << httplib::to_string(reply.error());
      return nullptr;
    }
    EXPECT_EQ(reply->status, status) << reply->body;
    return Json::parse(reply->body);
  }
  /// The events of a stream, without [DONE], which must end it.
  std::vector<Json> events(const std::string& path, Json body) const {
    body["stream"] = true;
    const auto reply = send(path, body);
    std::vector<Json> out;
    if (!reply || reply->status != 200) {
      ADD_FAILURE() << "no stream: " << (reply ? reply->body : httplib::to_string(reply.error()));
      return out;
    }
    std::istringstream lines(reply->body);
    bool done = false;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("data: ")) continue;
      EXPECT_FALSE(done) << "after [DONE]: " << line;
      if (line == "data: [DONE]")
        done = true;
      else
        out.push_back(Json::parse(line.substr(6)));
    }
    EXPECT_TRUE(done);
    return out;
  }
  /// Waits for nobody to be admitted, and all cells to be free.
  bool idle() {
    const Engine& e = *service.session().engine;
    for (int i = 0; i < 500; ++i) {
      bool free = false;
      service.engine().run([&] { free = e.n_free() == e.n_cell(); });
      if (service.n_admitted() == 0 && free) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  Service service;
  Server server;
};

inline Json question(const std::string& text = "What is the capital of France?") {
  return {{"messages", {{{"role", "user"}, {"content", text}}}}, {"max_tokens", 8}};
}

}  // namespace rouse
