/// Who may ask.
#include "running.h"

namespace rouse {
namespace {

int status(const httplib::Result& reply) {
  return reply ? reply->status : -1;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST(Guard, WantsAHostOfItsOwn) {
  ServerOptions o = any_port();
  o.guard.hosts = {"models.example.org"};
  const Running r(small_service(), o);
  const auto get = [&](const std::string& host) {
    return status(r.client().Get("/v1/models", httplib::Headers{{"Host", host}}));
  };
  for (const char* host : {"127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080", "models.example.org:443"})
    EXPECT_EQ(get(host), 200) << host;
  for (const char* host : {"evil.example.org", "127.0.0.1.evil.org", "localhost.", ""})
    EXPECT_EQ(get(host), 403) << host;
}

TEST(Guard, WantsJsonAndNoForeignOrigin) {
  ServerOptions o = any_port();
  o.guard.cors_origins = {"https://chat.example.org"};
  const Running r(small_service(), o);
  auto c = r.client();
  const std::string body = question().dump(), path = "/v1/chat/completions";
  EXPECT_EQ(status(c.Post(path, body, "text/plain")), 415);
  EXPECT_EQ(status(c.Post(path, body, "application/json; charset=utf-8")), 200);
  EXPECT_EQ(status(r.send(path, question(), {{"Origin", "https://evil.example.org"}})), 403);
  const std::string own = cat("http://127.0.0.1:", r.server.port());
  EXPECT_EQ(status(r.send(path, question(), {{"Origin", own}})), 200);
  const auto allowed = r.send(path, question(), {{"Origin", "https://chat.example.org"}});
  ASSERT_EQ(status(allowed), 200);
  EXPECT_EQ(allowed->get_header_value("Access-Control-Allow-Origin"), "https://chat.example.org");
  EXPECT_EQ(status(c.Options(path, {{"Origin", "https://chat.example.org"}})), 204);
  EXPECT_EQ(status(c.Options(path, {{"Origin", "https://evil.example.org"}})), 403);
}

TEST(Guard, WantsAKeyOfTheFile) {
  const TempDir dir;
  write_file(dir / "keys", "# who may ask\nfirst-key\n\nsecond-key\n");
  ServerOptions o = any_port();
  o.guard.key_file = dir / "keys";
  Running r(small_service(), o);
  const auto get = [&](const char* name, const std::string& value, const char* path = "/v1/models") {
    return status(r.client().Get(path, httplib::Headers{{name, value}}));
  };
  EXPECT_EQ(get("Authorization", "Bearer first-key"), 200);
  EXPECT_EQ(get("X-API-Key", "second-key"), 200);
  for (const char* wrong : {"Bearer", "Bearer first-key2", "Bearer first-ke", "first-key", "Basic first-key",
                            "Bearer # who may ask"})
    EXPECT_EQ(get("Authorization", wrong), 401) << wrong;
  EXPECT_EQ(get("X-Nothing", "", "/metrics"), 401);
  EXPECT_EQ(get("X-Nothing", "", "/openapi.json"), 401);
  EXPECT_EQ(get("X-Nothing", "", "/nowhere"), 401);
  EXPECT_EQ(get("X-Nothing", "", "/health"), 200);
  write_file(dir / "keys", "third-key\n");
  r.server.guard().read_keys();
  EXPECT_EQ(get("Authorization", "Bearer third-key"), 200);
  EXPECT_EQ(get("Authorization", "Bearer first-key"), 401);
  write_file(dir / "keys", "\n");
  expect_refusal([&] { r.server.guard().read_keys(); }, ErrorKind::usage, "holds no key");
  EXPECT_EQ(get("Authorization", "Bearer third-key"), 200);
}

TEST(Guard, ListensToOthersWithKeysAlone) {
  ServerOptions o = any_port();
  o.host = "0.0.0.0";
  Service service(small_service());
  expect_refusal([&] { Server server(service, o); }, ErrorKind::usage, "needs a key");
}

TEST(Server, SaysWhereAnAddressIsTaken) {
  Running r;
  ServerOptions o = any_port();
  o.port = r.server.port();
  expect_refusal([&] { Server server(r.service, o); }, ErrorKind::usage, "cannot listen on 127.0.0.1");
}

}  // namespace rouse
