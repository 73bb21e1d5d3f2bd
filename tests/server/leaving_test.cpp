/// Clients that go away, that are too many, that are slow or hostile; and a server that stops.
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/random.h"
#include "running.h"

namespace rouse {
namespace {

/// A socket that speaks no HTTP of itself.
class Raw {
 public:
  explicit Raw(int port) : sock_(connected(port)) {}
  ~Raw() { close(sock_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  bool send(const std::string& text) {
    return ::send(sock_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// To the end, or until it holds `until`.
  std::string read(const std::string& until = "\n\n\n\n") {
    std::string out;
    char bytes[4096];
    for (ssize_t n = 0;
         out.find(until) == std::string::npos && (n = recv(sock_, bytes, sizeof bytes, 0)) > 0;)
      out.append(bytes, static_cast<size_t>(n));
    return out;
  }
  void shut() { shutdown(sock_, SHUT_WR); }

 private:
  int sock_;
};

Json endless(bool stream) {
  Json body = question();
  body.update({{"max_tokens", 200}, {"ignore_eos", true}, {"stream", stream}});
  return body;
}

std::string told(const Running& r, const Json& body) {
  return r.post("/v1/chat/completions", body)["choices"][0]["message"]["content"];
}

}  // namespace

TEST(Leaving, EndsWhatNobodyWaitsForAndDisturbsNobody) {
  ServiceOptions o = small_service();
  o.n_parallel = 1;  // so that some wait
  Running r(o);
  Json others = question("Who wrote Hamlet?");
  others["max_tokens"] = 40;
  others["ignore_eos"] = true;
  const std::string expected = told(r, others);
  std::atomic<bool> done = false;
  std::thread neighbour([&] {
    while (!done) EXPECT_EQ(told(r, others), expected);
  });
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<Raw>> clients;
    for (const bool stream : {true, false, true, false}) {
      clients.push_back(std::make_unique<Raw>(r.server.port()));
      ASSERT_TRUE(clients.back()->send(http(endless(stream))));
    }
    if (round % 2 == 0) {
      EXPECT_NE(clients[0]->read("data: ").find("data: "), std::string::npos);
    }
    if (round == 4) clients[1]->shut();  // half closed is gone
    if (round == 4) {
      EXPECT_EQ(clients[1]->read().find("\"choices\""), std::string::npos);
    }
    clients.clear();
  }
  done = true;
  neighbour.join();
  EXPECT_TRUE(r.idle());
}

TEST(Leaving, InStormsLeaksNothing) {
  Running r;
  std::vector<std::thread> clients;
  for (int c = 0; c < 16; ++c)
    clients.emplace_back([&, c] {
      Random random(static_cast<uint64_t>(c));
      for (int round = 0; round < 8; ++round) {
        Raw raw(r.server.port());
        Json body = endless(random.below(2) == 0);
        body["method"] = random.below(2) ? "scmoe" : "greedy";
        const std::string text = http(body);
        raw.send(
            text.substr(0, random.below(4) ? text.size() : random.below(static_cast<uint32_t>(text.size()))));
        std::this_thread::sleep_for(std::chrono::milliseconds(random.below(30)));
      }
    });
  for (std::thread& c : clients) c.join();
  EXPECT_TRUE(r.idle());
  EXPECT_EQ(r.get("/health")["status"], "ok");
}

TEST(Leaving, IsAnsweredWithPatienceWhereManyWait) {
  ServiceOptions o = small_service();
  o.model.n_ctx = 2048;
  o.n_parallel = 1;
  o.n_queue = 1;
  Running r(o);
  Json slow = endless(true);
  slow["max_tokens"] = 2000;
  Raw one(r.server.port()), two(r.server.port());
  one.send(http(slow));
  one.read("data: ");
  two.send(http(slow));
  for (int i = 0; i < 1000 && r.service.n_admitted() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto reply = r.send("/v1/chat/completions", question());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->get_header_value("Retry-After"), "1");
  EXPECT_EQ(Json::parse(reply->body)["error"]["code"], "queue_full");
  Json many = question();
  many["n"] = 3;
  EXPECT_EQ(r.post("/v1/chat/completions", many, 400)["error"]["message"],
            "the request holds 3 texts, there is room for 2");
}

TEST(Hostile, RequestsAreRefusedAndTheServerLives) {
  ServerOptions o = any_port();
  o.limits.body_bytes = 1 << 20;
  o.limits.request_seconds = 5;
  Running r(small_service(), o);
  const std::string good = http(question());
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    std::string text = good;
    for (uint32_t edits = 1 + random.below(6); edits > 0; --edits) {
      const size_t at = random.below(static_cast<uint32_t>(text.size()));
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, 1 + random.below(20));
          break;
        case 2:
          text.insert(at, text.substr(random.below(static_cast<uint32_t>(text.size())), 30));
          break;
        default:
          text.insert(at, 1, "\r\n\0\x80{[\":"[random.below(8)]);
      }
      if (text.empty()) text = "x";
    }
    Raw raw(r.server.port());
    raw.send(text);
    raw.shut();
    const std::string reply = raw.read();
    EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.1 ")) << reply;
    EXPECT_FALSE(reply.starts_with("HTTP/1.1 5") && !reply.starts_with("HTTP/1.1 503") &&
                 !reply.starts_with("HTTP/1.1 505"))
        << text << "\n"
        << reply;
  }
  const auto first = [&](const std::string& text) {
    Raw raw(r.server.port());
    raw.send(text);
    return raw.read("\r\n").substr(0, 12);
  };
  const std::string head =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  EXPECT_EQ(first(head + "Content-Length: 2000000\r\n\r\n" + std::string(2000000, 'x')), "HTTP/1.1 413");
  EXPECT_EQ(first(head + "Content-Length: -1\r\n\r\n{}"), "HTTP/1.1 400");
  EXPECT_EQ(first(head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"), "HTTP/1.1 400");
  EXPECT_EQ(first("GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(first("GET " + std::string(20000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 414");
  EXPECT_EQ(r.post("/v1/completions", {{"prompt", std::string(900000, 'x')}}, 400)["error"]["code"],
            "context_length_exceeded");
  std::string deep(100000, '[');
  const auto refused = r.client().Post("/v1/completions", "{\"prompt\":" + deep + "}", "application/json");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
  EXPECT_TRUE(r.idle());
  EXPECT_EQ(r.get("/health")["status"], "ok");
}

TEST(Hostile, SlownessEndsAtADeadline) {
  ServerOptions o = any_port();
  o.limits.request_seconds = 1;
  Running r(small_service(), o);
  std::vector<std::unique_ptr<Raw>> idle;
  for (int i = 0; i < 200; ++i) idle.push_back(std::make_unique<Raw>(r.server.port()));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(r.get("/health")["status"], "ok");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2))
      << "waits for idle connections";
  Raw headers(r.server.port()), body(r.server.port());
  const std::string text = http(question());
  body.send(text.substr(0, text.size() - 40));
  size_t sent = 0;
  while (sent < text.size() && headers.send(text.substr(sent, 1))) {  // a byte each 20 ms: 4 s in all
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (++sent % 50 == 0) {
      EXPECT_EQ(r.get("/health")["status"], "ok");
    }
  }
  EXPECT_LT(sent, 100u);  // also the connection ends, not the request alone
  EXPECT_EQ(body.read().find("200 OK"), std::string::npos);
}

TEST(Stopping, LetsWhatRunsEndAndAdmitsNobody) {
  auto r = std::make_unique<Running>();
  const Json whole = r->post("/v1/chat/completions", endless(false));
  Raw raw(r->server.port());
  ASSERT_TRUE(raw.send(http(endless(true))));
  std::string text = raw.read("data: ");
  std::thread stops([&] { r->server.stop(); });
  while (!r->service.closing()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  text += raw.read("data: [DONE]");
  stops.join();
  EXPECT_NE(text.find("\"finish_reason\":\"length\""), std::string::npos) << text.substr(0, 300);
  EXPECT_NE(text.find("[DONE]"), std::string::npos);
  EXPECT_FALSE(r->client().Get("/health"));
}

TEST(Stopping, CancelsWhatTakesTooLong) {
  ServerOptions o = any_port();
  o.stop_seconds = 0;
  ServiceOptions slow = small_service();
  slow.model.n_ctx = 2048;
  auto r = std::make_unique<Running>(slow, o);
  Raw raw(r->server.port());
  Json body = endless(true);
  body["max_tokens"] = 2000;
  ASSERT_TRUE(raw.send(http(body)));
  std::string text = raw.read("data: ");
  r->server.stop();
  text += raw.read();
  EXPECT_NE(text.find("the server has stopped"), std::string::npos) << text;
}

}  // namespace rouse
