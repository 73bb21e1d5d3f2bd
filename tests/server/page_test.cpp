/// The web page's files: what comes with them, and who may have them.
#include "server/page.h"

#include "running.h"

namespace rouse {

TEST(Page, ComesWithHeadersThatKeepItToThisServer) {
  const Running r;
  auto c = r.client();
  ASSERT_GT(page_files().size(), 10u);
  for (const PageFile& file : page_files()) {
    const auto reply = c.Get(file.path);
    ASSERT_TRUE(reply) << file.path;
    EXPECT_EQ(reply->status, 200) << file.path;
    EXPECT_EQ(reply->body, file.bytes) << file.path;
    EXPECT_EQ(reply->get_header_value("ETag"), file.etag);
    EXPECT_EQ(reply->get_header_value("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply->get_header_value("Referrer-Policy"), "no-referrer");
    const std::string policy = reply->get_header_value("Content-Security-Policy"), path = file.path;
    for (const char* part :
         {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
          "img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"})
      EXPECT_NE(policy.find(part), std::string::npos) << part;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    const char* type = path == "/"              ? "text/html; charset=utf-8"
                       : path.ends_with(".css") ? "text/css; charset=utf-8"
                                                : "text/javascript; charset=utf-8";
    EXPECT_EQ(reply->get_header_value("Content-Type"), type) << file.path;
  }
  EXPECT_NE(c.Get("/")->body.find("<!doctype html>"), std::string::npos);
}

TEST(Page, IsNotSentAgainToWhoHasIt) {
  const Running r;
  auto c = r.client();
  const std::string etag = c.Get("/")->get_header_value("ETag");
  for (const std::string& tags : {etag, "\"other\", " + etag, "W/" + etag, std::string("*")}) {
    const auto reply = c.Get("/", httplib::Headers{{"If-None-Match", tags}});
    EXPECT_EQ(reply->status, 304) << tags;
    EXPECT_TRUE(reply->body.empty());
    EXPECT_EQ(reply->get_header_value("ETag"), etag);
  }
  EXPECT_EQ(c.Get("/", httplib::Headers{{"If-None-Match", "\"other\""}})->status, 200);
}

TEST(Page, AnswersHeadAndKnowsNoOtherPath) {
  const Running r;
  auto c = r.client();
  const auto head = c.Head("/web/main.js");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_NE(head->get_header_value("Content-Length"), "0");
  for (const char* path : {"/web/", "/web/none.js", "/web/mainxjs", "/web/../web/none.js", "/web/%2e%2e/x",
                           "/web/main.js/", "/web/index.html", "/index.html"}) {
    const auto reply = c.Get(path);
    ASSERT_TRUE(reply) << path;
    EXPECT_EQ(reply->status, 404) << path;
    EXPECT_NE(reply->body.find("there is no GET"), std::string::npos) << reply->body;
  }
  EXPECT_EQ(c.Post("/", "{}", "application/json")->status, 404);
}

TEST(Page, IsShownWithoutAKeyAndNothingElseIs) {
  const TempDir dir;
  std::ofstream(dir / "keys") << "right-key\n";
  ServerOptions o = any_port();
  o.guard.key_file = dir / "keys";
  const Running r(small_service(), o);
  auto c = r.client();
  EXPECT_EQ(c.Get("/")->status, 200);
  EXPECT_EQ(c.Get("/web/main.js")->status, 200);
  for (const char* path : {"/web/none.js", "/v1/rouse/model", "/openapi.json", "/web/mainxjs"})
    EXPECT_EQ(c.Get(path)->status, 401) << path;
  EXPECT_EQ(c.Get("/", httplib::Headers{{"Host", "evil.example.org"}})->status, 403);
}

}  // namespace rouse
