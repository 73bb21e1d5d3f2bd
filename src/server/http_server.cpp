#include "server/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
namespace rouse {
namespace {

using Clock = Deadline::clock;

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

/// One request, which must have arrived by a deadline. Bytes are read ahead, since the library asks for one
/// at a time; what is left over belongs to no later request: pipelining is not for this server.
class RequestStream final : public httplib::Stream {
 public:
  RequestStream(Wire& wire, const ConnectionLimits& limits)
      : wire_(wire),
        write_time_(limits.write_seconds),
        begin_(Clock::now()),
        deadline_(begin_ + std::chrono::seconds(limits.request_seconds)) {}

  /// The library answers headers that do not come with 400, and would go on to a next request.
  bool failed() const { return error_ != httplib::Error::Success; }
  bool is_readable() const override { return at_ < buffer_.size(); }
  bool wait_readable() const override { return is_readable() || wire_.wait_for_bytes(deadline_); }
  bool wait_writable() const override {
    return wire_.wait_for_room(Clock::now() + write_time_) && wire_.is_alive();
  }
  bool is_peer_alive() const override { return wire_.is_alive(); }

  ssize_t read(char* to, size_t size) override {
    if (!is_readable()) {
      char bytes[16384];
      const ssize_t n = wire_.read(bytes, sizeof bytes, deadline_);
      if (n < 0) error_ = Clock::now() >= deadline_ ? httplib::Error::Timeout : httplib::Error::Read;
      if (n <= 0) return n;
      buffer_.assign(bytes, static_cast<size_t>(n));
      at_ = 0;
    }
    const size_t n = std::min(size, buffer_.size() - at_);
    buffer_.copy(to, n, at_);
    at_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, size_t size) override {
    const ssize_t n = wire_.write(from, size, Clock::now() + write_time_);
    if (n < 0) error_ = httplib::Error::Write;
    return n;
  }

  const char* buffered_data(size_t& size) const override {
    size = buffer_.size() - at_;
    return size > 0 ? buffer_.data() + at_ : nullptr;
  }
  void consume_buffered(size_t size) override { at_ += size; }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    name_of(wire_.socket(), getpeername, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    name_of(wire_.socket(), getsockname, ip, port);
  }
  socket_t socket() const override { return wire_.socket(); }
  time_t duration() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_).count();
  }

 private:
  Wire& wire_;
  std::chrono::seconds write_time_;
  Deadline begin_, deadline_;
  std::string buffer_;
  size_t at_ = 0;
};

/// A thread for each connection, made when it comes. (The library's own pool takes threads that are about to
/// wake for free ones: of a burst of connections some wait until others end.)
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(int most) : most_(most) {}

  bool enqueue(std::function<void()> serve) override {
    const std::lock_guard lock(mutex_);
    if (n_thread_ == most_) return false;
    try {
      std::thread([this, serve = std::move(serve)] {
        serve();
        const std::lock_guard end(mutex_);
        --n_thread_;
        ended_.notify_all();
      }).detach();
    } catch (const std::system_error&) {  // the machine has no more
      return false;
    }
    ++n_thread_;
    return true;
  }
  void shutdown() override {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return n_thread_ == 0; });
  }

 private:
  const int most_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int n_thread_ = 0;
};

}  // namespace

HttpServer::HttpServer(const ConnectionLimits& limits, TlsContext tls)
    : limits_(limits), tls_(std::move(tls)) {
  set_payload_max_length(limits.body_bytes);
  set_tcp_nodelay(true);
  set_socket_options([](socket_t sock) { httplib::set_socket_opt(sock, SOL_SOCKET, SO_REUSEADDR, 1); });
  new_task_queue = [n = limits.n_connection] { return new ConnectionThreads(n); };
}

/// False: the client has gone, has been idle for too long, or the server closes.
bool HttpServer::wait_for_request(Wire& wire) const {
  const Deadline until = Clock::now() + std::chrono::seconds(limits_.idle_seconds);
  constexpr std::chrono::milliseconds kLook(250);  // how soon a closing server is noticed
  while (!closing_ && svr_sock_ != INVALID_SOCKET && wire.is_alive() && Clock::now() < until)
    if (wire.wait_for_bytes(std::min(until, Clock::now() + kLook))) return true;
  return false;
}

bool HttpServer::serve_requests(Wire& wire) {
  std::string remote, local;
  int remote_port = 0, local_port = 0;
  name_of(wire.socket(), getpeername, remote, remote_port);
  name_of(wire.socket(), getsockname, local, local_port);
  const auto set_up = [&](httplib::Request& request) { request.ssl = wire.session(); };
  bool good = false;
  for (int i = 0; i < limits_.requests && wait_for_request(wire); ++i) {
    RequestStream stream(wire, limits_);
    bool closed = false;
    good = process_request(stream, remote, remote_port, local, local_port, i + 1 == limits_.requests, closed,
                           set_up);
    if (!good || closed || stream.is_readable() || stream.failed()) break;
  }
  return good;
}

bool HttpServer::process_and_close_socket(socket_t sock) {
  Wire wire(sock, tls_.get());
  const bool served = serve_guarded([&] {
    return wire.shake_hands(Clock::now() + std::chrono::seconds(limits_.request_seconds)) &&
           serve_requests(wire);
  });
  wire.close_gently();
  return served;
}

}  // namespace rouse
