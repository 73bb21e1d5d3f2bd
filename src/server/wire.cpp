#include "server/wire.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace rouse {
namespace {

/// Milliseconds from now, 0 where the time has passed.
int left_ms(Deadline until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Deadline::clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT32_MAX));
}

bool ready(int sock, short events, Deadline until) {
  pollfd p{sock, events, 0};
  int n = 0;
  do n = poll(&p, 1, left_ms(until));
  while (n < 0 && errno == EINTR);
  return n > 0 && (p.revents & events);
}

}  // namespace

TlsContext open_tls(const std::string& certificate, const std::string& key) {
  require_usage(!certificate.empty() && !key.empty(), "--tls-cert and --tls-key go together");
  TlsContext out(SSL_CTX_new(TLS_server_method()));
  require(out != nullptr, "no TLS: ", ERR_reason_error_string(ERR_peek_last_error()));
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(out.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(out.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  const bool good = SSL_CTX_use_certificate_chain_file(out.get(), certificate.c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(out.get(), key.c_str(), SSL_FILETYPE_PEM) == 1 &&
                    SSL_CTX_check_private_key(out.get()) == 1;
  ERR_clear_error();
  require_usage(good, "no certificate and key that belong together are in ", certificate, " and ", key);
  return out;
}

bool is_peer_there(const void* session) {
  auto* tls = static_cast<SSL*>(const_cast<void*>(session));
  char byte = 0;
  ERR_clear_error();
  const int n = SSL_peek(tls, &byte, 1);
  return n > 0 || SSL_get_error(tls, n) == SSL_ERROR_WANT_READ;
}

Wire::Wire(int sock, SSL_CTX* tls) : sock_(sock) {
  if (!tls) return;
  // TLS may want to read where we write: it must never wait by itself.
  fcntl(sock_, F_SETFL, fcntl(sock_, F_GETFL) | O_NONBLOCK);
  session_ = SSL_new(tls);
  if (session_ && SSL_set_fd(session_, sock_) == 1) SSL_set_accept_state(session_);
}

Wire::~Wire() {
  SSL_free(session_);
  close(sock_);
}

bool Wire::wait_for_tls(int result, Deadline until) {
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_WANT_READ:
      return ready(sock_, POLLIN, until);
    case SSL_ERROR_WANT_WRITE:
      return ready(sock_, POLLOUT, until);
    default:
      return false;
  }
}

bool Wire::shake_hands(Deadline until) {
  if (!session_) return true;
  ERR_clear_error();
  int n = 0;
  do n = SSL_accept(session_);
  while (n != 1 && wait_for_tls(n, until));
  return shaken_ = n == 1;
}

bool Wire::wait_for_bytes(Deadline until) {
  return (session_ && SSL_pending(session_) > 0) || ready(sock_, POLLIN, until);
}

ssize_t Wire::read(char* to, size_t size, Deadline until) {
  ssize_t n = 0;
  if (!session_) {
    if (!ready(sock_, POLLIN, until)) return -1;
    do n = recv(sock_, to, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
  }
  ERR_clear_error();
  do n = SSL_read(session_, to, static_cast<int>(std::min<size_t>(size, INT32_MAX)));
  while (n <= 0 && wait_for_tls(static_cast<int>(n), until));
  return n <= 0 && SSL_get_error(session_, static_cast<int>(n)) == SSL_ERROR_ZERO_RETURN ? 0 : n > 0 ? n : -1;
}

ssize_t Wire::write(const char* from, size_t size, Deadline until) {
  ssize_t n = 0;
  if (!session_) {
    if (!ready(sock_, POLLOUT, until)) return -1;
    do n = send(sock_, from, size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
  }
  ERR_clear_error();
  do n = SSL_write(session_, from, static_cast<int>(std::min<size_t>(size, INT32_MAX)));
  while (n <= 0 && wait_for_tls(static_cast<int>(n), until));
  return n > 0 ? n : -1;
}

bool Wire::wait_for_room(Deadline until) const {
  return ready(sock_, POLLOUT, until);
}

bool Wire::is_alive() const {
  if (session_) return is_peer_there(session_);
  char byte = 0;
  const ssize_t n = recv(sock_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

void Wire::close_gently() {
  ERR_clear_error();
  if (shaken_) SSL_shutdown(session_);
  shutdown(sock_, SHUT_WR);
  const Deadline until = Deadline::clock::now() + std::chrono::milliseconds(200);
  char rest[4096];
  while (ready(sock_, POLLIN, until))
    if (recv(sock_, rest, sizeof rest, 0) <= 0 || left_ms(until) == 0) break;
}

}  // namespace rouse
