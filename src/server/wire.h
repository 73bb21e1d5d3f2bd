/// server/wire.h - the bytes of a connection, plain or by TLS, with an end to every wait.
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>

namespace rouse {

using Deadline = std::chrono::steady_clock::time_point;

struct TlsContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsContextFree>;
/// Of a certificate chain and its key (PEM files). Throws Error (usage) where they cannot be used.
TlsContext open_tls(const std::string& certificate, const std::string& key);

/// Whether the other end of a TLS session is there: false once it has said goodbye, too.
bool is_peer_there(const void* session);

class Wire {
 public:
  /// Owns the socket from here on. tls: null for a plain one.
  Wire(int sock, SSL_CTX* tls);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  int socket() const { return sock_; }
  /// Null for a plain one.
  SSL* session() const { return session_; }
  /// True at once for a plain one.
  bool shake_hands(Deadline until);
  /// Something can be read: bytes, or the end.
  bool wait_for_bytes(Deadline until);
  /// Bytes; 0 at the end; below 0: none came in time, or the connection broke.
  ssize_t read(char* to, size_t size, Deadline until);
  ssize_t write(const char* from, size_t size, Deadline until);
  bool wait_for_room(Deadline until) const;
  bool is_alive() const;
  /// Says goodbye, and reads for a moment what the client still sends: closing over it would take the answer
  /// from its hands.
  void close_gently();

 private:
  /// What a call of TLS waits for. False: it failed, or not in time.
  bool wait_for_tls(int result, Deadline until);

  int sock_;
  SSL* session_ = nullptr;
  bool shaken_ = false;
};

}  // namespace rouse
