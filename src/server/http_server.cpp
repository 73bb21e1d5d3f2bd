#include "server/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"

namespace rouse {
namespace {

using Clock = std::chrono::steady_clock;

/// Milliseconds from now, 0 where the time has passed.
int left_ms(Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT32_MAX));
}

bool ready(int sock, short events, int ms) {
  pollfd p{sock, events, 0};
  int n = 0;
  do n = poll(&p, 1, ms);
  while (n < 0 && errno == EINTR);
  return n > 0 && (p.revents & events);
}

/// Ip and port of one end.
void name_of(int sock, int (*get)(int, sockaddr*, socklen_t*), std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t n = sizeof address;
  if (get(sock, reinterpret_cast<sockaddr*>(&address), &n) != 0) return;
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    port = ntohs(v6.sin6_port);
  }
  ip = text;
}

/// One request on a socket, which must have arrived by a deadline. Bytes are read ahead, since the library
/// asks for one at a time; what is left over belongs to no later request: pipelining is not for this server.
class RequestStream final : public httplib::Stream {
 public:
  RequestStream(int sock, const ConnectionLimits& limits)
      : sock_(sock),
        write_ms_(limits.write_seconds * 1000),
        begin_(Clock::now()),
        deadline_(begin_ + std::chrono::seconds(limits.request_seconds)) {}

  bool is_readable() const override { return at_ < buffer_.size(); }
  bool wait_readable() const override { return is_readable() || ready(sock_, POLLIN, left_ms(deadline_)); }
  bool wait_writable() const override { return ready(sock_, POLLOUT, write_ms_) && is_alive(); }
  bool is_peer_alive() const override { return is_alive(); }

  ssize_t read(char* to, size_t size) override {
    if (!is_readable()) {
      char bytes[16384];
      if (!wait_readable()) return fail(httplib::Error::Timeout);
      ssize_t n = 0;
      do n = recv(sock_, bytes, sizeof bytes, 0);
      while (n < 0 && errno == EINTR);
      if (n <= 0) return n == 0 ? 0 : fail(httplib::Error::Read);
      buffer_.assign(bytes, static_cast<size_t>(n));
      at_ = 0;
    }
    const size_t n = std::min(size, buffer_.size() - at_);
    buffer_.copy(to, n, at_);
    at_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, size_t size) override {
    if (!ready(sock_, POLLOUT, write_ms_)) return fail(httplib::Error::Timeout);
    ssize_t n = 0;
    do n = send(sock_, from, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
  }

  const char* buffered_data(size_t& size) const override {
    size = buffer_.size() - at_;
    return size > 0 ? buffer_.data() + at_ : nullptr;
  }
  void consume_buffered(size_t size) override { at_ += size; }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    name_of(sock_, getpeername, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    name_of(sock_, getsockname, ip, port);
  }
  socket_t socket() const override { return sock_; }
  time_t duration() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_).count();
  }

 private:
  ssize_t fail(httplib::Error error) {
    error_ = error;
    return -1;
  }
  bool is_alive() const {
    char byte = 0;
    const ssize_t n = recv(sock_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
  }

  int sock_, write_ms_;
  Clock::time_point begin_, deadline_;
  std::string buffer_;
  size_t at_ = 0;
};

/// What a client still sends is read for a moment: closing over it would take the answer from its hands.
void close_gently(int sock) {
  shutdown(sock, SHUT_WR);
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(200);
  char rest[4096];
  while (ready(sock, POLLIN, left_ms(until)))
    if (recv(sock, rest, sizeof rest, 0) <= 0 || left_ms(until) == 0) break;
  close(sock);
}

}  // namespace

static void set_up(httplib::Server& server, const ConnectionLimits& limits) {
  server.set_payload_max_length(limits.body_bytes);
  server.set_tcp_nodelay(true);
  server.set_write_timeout(limits.write_seconds);
  server.set_keep_alive_timeout(limits.idle_seconds);
  server.set_socket_options(
      [](socket_t sock) { httplib::set_socket_opt(sock, SOL_SOCKET, SO_REUSEADDR, 1); });
  const auto n = static_cast<size_t>(limits.n_connection);
  server.new_task_queue = [n] { return new httplib::ThreadPool(std::min<size_t>(n, 8), n + 8, n); };
}

HttpServer::HttpServer(const ConnectionLimits& limits) : limits_(limits) {
  set_up(*this, limits);
}

/// False: the client has gone, has been idle for too long, or the server closes.
bool HttpServer::wait_for_request(socket_t sock) const {
  const Clock::time_point until = Clock::now() + std::chrono::seconds(limits_.idle_seconds);
  constexpr int kLookMs = 250;  // how soon a closing server is noticed
  while (!closing_ && svr_sock_ != INVALID_SOCKET && left_ms(until) > 0)
    if (ready(sock, POLLIN, std::min(kLookMs, left_ms(until)))) return true;
  return false;
}

bool HttpServer::process_and_close_socket(socket_t sock) {
  const bool room = ++n_connection_ <= limits_.n_connection;
  const bool served = room && serve_guarded([&] {
                        std::string remote, local;
                        int remote_port = 0, local_port = 0;
                        name_of(sock, getpeername, remote, remote_port);
                        name_of(sock, getsockname, local, local_port);
                        bool good = false;
                        for (int i = 0; i < limits_.requests && wait_for_request(sock); ++i) {
                          RequestStream stream(sock, limits_);
                          bool closed = false;
                          good = process_request(stream, remote, remote_port, local, local_port,
                                                 i + 1 == limits_.requests, closed, nullptr);
                          if (!good || closed || stream.is_readable()) break;
                        }
                        return good;
                      });
  close_gently(sock);
  --n_connection_;
  return served;
}

std::unique_ptr<httplib::Server> make_http_server(const ConnectionLimits& limits,
                                                  const std::string& certificate, const std::string& key) {
  if (certificate.empty() && key.empty()) return std::make_unique<HttpServer>(limits);
  require_usage(!certificate.empty() && !key.empty(), "--tls-cert and --tls-key go together");
  auto out = std::make_unique<httplib::SSLServer>(certificate.c_str(), key.c_str());
  require_usage(out->is_valid(), "no certificate and key that belong together are in ", certificate, " and ",
                key);
  set_up(*out, limits);
  return out;
}

}  // namespace rouse
