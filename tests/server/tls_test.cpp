/// Over TLS: the same answers, the same deadlines, and the same eye on clients that leave.
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "running.h"

namespace rouse {
namespace {

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    const std::string make =
        cat("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout ",
            dir_ / "key.pem", " -out ", dir_ / "cert.pem", " 2>/dev/null");
    if (std::system(make.c_str()) != 0) GTEST_SKIP() << "there is no openssl to make a certificate with";
    options_.certificate = dir_ / "cert.pem";
    options_.key = dir_ / "key.pem";
  }
  std::unique_ptr<httplib::SSLClient> client(const Running& r) const {
    auto out = std::make_unique<httplib::SSLClient>("127.0.0.1", r.server.port());
    out->set_ca_cert_path(dir_ / "cert.pem");
    out->enable_server_hostname_verification(false);
    return out;
  }

  const TempDir dir_;
  ServerOptions options_ = any_port();
};

/// A client's end that speaks TLS, and nothing more of itself.
class TlsClient {
 public:
  explicit TlsClient(int port) : sock_(connected(port)) {}
  ~TlsClient() {
    SSL_free(tls_);
    SSL_CTX_free(context_);
    close(sock_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  void greet() {
    context_ = SSL_CTX_new(TLS_client_method());
    tls_ = SSL_new(context_);
    SSL_set_fd(tls_, sock_);
    EXPECT_EQ(SSL_connect(tls_), 1);
  }
  bool send(const std::string& text) {
    return SSL_write(tls_, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  void say_goodbye() { SSL_shutdown(tls_); }
  /// Seconds until the server closes.
  double seconds_to_end() {
    const double begin = now_seconds();
    char bytes[4096];
    while (tls_ ? SSL_read(tls_, bytes, sizeof bytes) > 0 : recv(sock_, bytes, sizeof bytes, 0) > 0) {
    }
    return now_seconds() - begin;
  }

 private:
  int sock_;
  SSL_CTX* context_ = nullptr;
  SSL* tls_ = nullptr;
};

}  // namespace

TEST_F(Tls, AnswersAreTheSame) {
  Running r(small_service(), options_);
  const auto c = client(r);
  const auto reply = c->Post("/v1/chat/completions", question().dump(), "application/json");
  ASSERT_TRUE(reply) << httplib::to_string(reply.error());
  EXPECT_EQ(reply->status, 200);
  Json body = question();
  body["stream"] = true;
  std::string streamed;
  const auto events = c->Post("/v1/chat/completions", body.dump(), "application/json");
  ASSERT_TRUE(events) << httplib::to_string(events.error());
  std::istringstream lines(events->body);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("data: {"))
      streamed += Json::parse(line.substr(6))["choices"][0]["delta"].value("content", "");
  EXPECT_EQ(Json::parse(reply->body)["choices"][0]["message"]["content"], streamed);
  EXPECT_TRUE(r.idle());
}

TEST_F(Tls, SlownessEndsAtADeadline) {
  options_.limits.request_seconds = 1;
  Running r(small_service(), options_);
  const auto ends_in_time = [&](const char* what, auto&& begin) {
    TlsClient s(r.server.port());
    begin(s);
    EXPECT_LT(s.seconds_to_end(), 4) << what;
  };
  std::vector<std::thread> all;
  all.emplace_back([&] { ends_in_time("no greeting", [](TlsClient&) {}); });
  all.emplace_back([&] {
    ends_in_time("a part of a body", [](TlsClient& s) {
      s.greet();
      const std::string text = http(question());
      s.send(text.substr(0, text.size() - 9));
    });
  });
  all.emplace_back([&] {
    ends_in_time("a byte each 50 ms", [](TlsClient& s) {
      s.greet();
      const std::string text = http(question());
      size_t sent = 0;
      while (sent < text.size() && s.send(text.substr(sent, 1))) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ++sent;
      }
      EXPECT_LT(sent, 60u);
    });
  });
  for (std::thread& one : all) one.join();
  const auto reply = client(r)->Get("/health");
  ASSERT_TRUE(reply) << httplib::to_string(reply.error());
  EXPECT_EQ(reply->status, 200);
}

TEST_F(Tls, WhoSaysGoodbyeIsGone) {
  ServiceOptions slow = small_service();
  slow.model.n_ctx = 2048;
  Running r(slow, options_);
  Json body = question();
  body.update({{"max_tokens", 2000}, {"ignore_eos", true}});
  for (const bool stream : {false, true}) {
    body["stream"] = stream;
    TlsClient s(r.server.port());
    s.greet();
    ASSERT_TRUE(s.send(http(body)));
    for (int i = 0; i < 1000 && r.service.n_admitted() == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(r.service.n_admitted(), 1);
    s.say_goodbye();  // the socket stays open
    EXPECT_LT(s.seconds_to_end(), 2) << "stream: " << stream;
    EXPECT_TRUE(r.idle());
  }
}

TEST_F(Tls, WantsACertificateAndItsKey) {
  Service service(small_service());
  options_.key = dir_ / "cert.pem";
  expect_refusal([&] { Server server(service, options_); }, ErrorKind::usage, "no certificate and key");
  options_.key.clear();
  expect_refusal([&] { Server server(service, options_); }, ErrorKind::usage, "go together");
}

}  // namespace rouse
