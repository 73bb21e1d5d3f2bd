/// From a hub into the cache, over a network that fails.
#include "hub/download.h"

#include "base/lock.h"
#include "base/random.h"
#include "hub_server.h"

namespace rouse {
namespace {

std::string random_bytes(size_t n, uint64_t seed) {
  Random random(seed);
  std::string out(n, 0);
  for (char& c : out) c = static_cast<char>(random.next());
  return out;
}

/// A hub with one file, and a cache.
struct Setting {
  Setting() { server.files["m-Q4_0.gguf"] = random_bytes(300 * 1000, 1); }
  Hub hub(const std::string& token = "") const {
    return Hub({.endpoint = server.url(), .token = token, .timeouts = {.connect_s = 2, .read_s = 5}});
  }
  uint64_t pull(const std::string& token = "") {
    const Hub h = hub(token);
    const Repository repo = h.repository(server.repo);
    const auto models = models_of(repo.files);
    return download(
        h, repo, models.at(0), store,
        {.n_try = 3, .wait_s = 0.01, .warn = [this](const std::string& line) { warnings.push_back(line); }});
  }
  std::string path(const std::string& end = "") const { return store.path("lab/tiny", "m-Q4_0.gguf") + end; }
  const std::string& bytes() { return server.files["m-Q4_0.gguf"]; }
  void expect_whole() {
    EXPECT_EQ(read_file(path()), bytes());
    EXPECT_FALSE(std::filesystem::exists(path(".partial")));
    EXPECT_FALSE(std::filesystem::exists(path(".partial.json")));
    EXPECT_FALSE(std::filesystem::exists(path(".lock")));
    const auto record = read_record(path(".json"));
    ASSERT_TRUE(record);
    EXPECT_EQ(record->sha256, sha256_of(bytes()));
    EXPECT_EQ(record->size, bytes().size());
  }

  HubServer server;
  TempDir dir;
  ModelStore store{dir / "models"};
  std::vector<std::string> warnings;
};

}  // namespace

TEST(HubDownload, AFileComesWholeWithItsRecordAndOnlyOnce) {
  Setting s;
  EXPECT_EQ(s.pull(), s.bytes().size());
  s.expect_whole();
  const auto record = read_record(s.path(".json"));
  EXPECT_EQ(record->repo, "lab/tiny");
  EXPECT_EQ(record->revision, std::string(40, 'a'));
  EXPECT_EQ(record->etag, sha256_of(s.bytes()));
  EXPECT_EQ(s.pull(), 0u);
  std::filesystem::remove(s.path(".json"));
  EXPECT_EQ(s.pull(), 0u) << "without a record its bytes tell what it is";
  s.expect_whole();
  EXPECT_EQ(s.server.n_blob(), 1);
  s.server.files["m-Q4_0.gguf"] = random_bytes(300 * 1000, 2);
  EXPECT_EQ(s.pull(), s.bytes().size()) << "the hub has another one";
  s.expect_whole();
}

TEST(HubDownload, WhatIsCutOffTenTimesHasTheSameBytes) {
  Setting s;
  Random random(7);
  for (int i = 0; i < 10; ++i) s.server.cuts.push_back(1 + random.below(25 * 1000));
  const auto cuts = s.server.cuts;
  EXPECT_EQ(s.pull(), s.bytes().size()) << "no byte comes twice";
  s.expect_whole();
  const auto ranges = s.server.asked_ranges();
  ASSERT_EQ(ranges.size(), 11u);
  size_t at = 0;
  for (size_t i = 0; i < cuts.size(); ++i) EXPECT_EQ(ranges[i + 1], cat("bytes=", at += cuts[i], "-"));
  EXPECT_EQ(s.warnings.size(), 10u);
}

TEST(HubDownload, TriesAreBoundedAndTheNextPullContinues) {
  Setting s;
  s.server.cuts = {1000, 0, 0, 0, 0};
  const std::string text = message_of([&] { s.pull(); });
  EXPECT_NE(text.find("3 times in a row; 1.0 kB of 300.0 kB are kept"), std::string::npos) << text;
  EXPECT_EQ(s.server.n_blob(), 3);
  EXPECT_EQ(read_file(s.path(".partial")), s.bytes().substr(0, 1000));
  s.server.cuts.clear();
  EXPECT_EQ(s.pull(), s.bytes().size() - 1000);
  s.expect_whole();
}

TEST(HubDownload, AnotherEtagBeginsAnew) {
  Setting s;
  s.server.etag = "first";
  s.server.cuts = {1000, 0, 0};
  EXPECT_THROW(s.pull(), Error);
  s.server.cuts.clear();
  s.server.etag = "second";
  s.server.files["m-Q4_0.gguf"] = random_bytes(300 * 1000, 2);
  EXPECT_EQ(s.pull(), s.bytes().size());
  s.expect_whole();
  EXPECT_EQ(s.server.asked_ranges().back(), "") << "the last request is for the whole";
}

TEST(HubDownload, AnotherSha256BeginsAnewWithoutARequest) {
  Setting s;
  s.server.cuts = {1000, 0, 0};
  EXPECT_THROW(s.pull(), Error);
  s.server.cuts.clear();
  s.server.files["m-Q4_0.gguf"] = random_bytes(300 * 1000, 2);
  const int n = s.server.n_blob();
  EXPECT_EQ(s.pull(), s.bytes().size());
  EXPECT_EQ(s.server.n_blob(), n + 1);
  s.expect_whole();
}

TEST(HubDownload, AHostWithoutRangesBeginsAnew) {
  Setting s;
  s.server.ranges = false;
  s.server.cuts = {1000};
  EXPECT_EQ(s.pull(), s.bytes().size() + 1000);
  s.expect_whole();
}

TEST(HubDownload, SizesThatTheListDoesNotHaveComeWithTheAnswer) {
  Setting s;
  s.server.tell_sizes = false;
  EXPECT_EQ(s.pull(), s.bytes().size());
  s.expect_whole();
  EXPECT_EQ(s.pull(), 0u);
  s.server.revision = std::string(40, 'b');
  EXPECT_EQ(s.pull(), s.bytes().size()) << "of another revision nothing is known";
}

TEST(HubDownload, AWrongSha256IsToldAndTheFileRemoved) {
  Setting s;
  s.server.sha256["m-Q4_0.gguf"] = std::string(64, '0');
  expect_refusal([&] { s.pull(); }, ErrorKind::bad_model,
                 "what arrived has the sha256 " + sha256_of(s.bytes()));
  EXPECT_FALSE(std::filesystem::exists(s.path()));
  EXPECT_FALSE(std::filesystem::exists(s.path(".partial")));
  s.server.sha256.clear();
  s.pull();
  s.expect_whole();
}

TEST(HubDownload, AFileThatIsThereStaysWhenItsSuccessorIsBad) {
  Setting s;
  s.pull();
  const std::string before = s.bytes();
  s.server.files["m-Q4_0.gguf"] = random_bytes(1000, 2);
  s.server.sha256["m-Q4_0.gguf"] = std::string(64, '0');
  EXPECT_THROW(s.pull(), Error);
  EXPECT_EQ(read_file(s.path()), before);
  EXPECT_EQ(read_record(s.path(".json"))->sha256, sha256_of(before));
}

TEST(HubDownload, TheTokenStaysWithTheHub) {
  Setting s;
  s.server.token = "hf_secret";
  expect_refusal([&] { s.pull(); }, ErrorKind::bad_model, "set HF_TOKEN");
  expect_refusal([&] { s.pull("hf_other"); }, ErrorKind::bad_model, "HF_TOKEN is not one that may read it");
  s.pull("hf_secret");
  s.expect_whole();
  EXPECT_GE(s.server.n_token_at_hub(), 2);
  EXPECT_EQ(s.server.n_token_at_host(), 0);
  for (const char* bad : {"hf\r\nX: y", "a b", "hf_\x01"})
    expect_refusal([&] { s.pull(bad); }, ErrorKind::usage, "HF_TOKEN");
}

TEST(HubDownload, RefusalsSayWhatTheyMean) {
  Setting s;
  const Hub hub = s.hub();
  expect_refusal([&] { (void)hub.repository("lab/nothing"); }, ErrorKind::bad_model,
                 "there is no such repository");
  s.server.status = 403;
  expect_refusal([&] { (void)hub.repository("lab/tiny"); }, ErrorKind::bad_model,
                 "it is gated; accept its terms at");
  s.server.status = 500;
  expect_refusal([&] { (void)hub.repository("lab/tiny"); }, ErrorKind::internal, "answers 500");
  const Hub nowhere({.endpoint = "http://127.0.0.1:1", .timeouts = {.connect_s = 2}});
  EXPECT_THROW((void)nowhere.repository("lab/tiny"), HubUnreachable);
  for (const char* endpoint :
       {"huggingface.co", "ftp://h", "https://", "https://u:p@h", "https://h?x", "http://h:99999"})
    expect_refusal([&] { Hub({.endpoint = endpoint}); }, ErrorKind::usage, "HF_ENDPOINT");
}

TEST(HubDownload, AFullDiskIsKnownBefore) {
  Setting s;
  const Hub hub = s.hub();
  Repository repo = hub.repository("lab/tiny");
  repo.files[0].size = uint64_t{1} << 60;
  const auto models = models_of(repo.files);
  expect_refusal([&] { download(hub, repo, models.at(0), s.store, {}); }, ErrorKind::no_room,
                 "more are needed");
  EXPECT_EQ(s.server.n_blob(), 0);
}

TEST(HubDownload, TwoDoNotFetchOneFile) {
  Setting s;
  std::filesystem::create_directories(std::filesystem::path(s.path()).parent_path());
  const Lock lock(s.path());
  expect_refusal([&] { s.pull(); }, ErrorKind::usage, "another rouse");
}

TEST(HubDownload, APartialOfUnknownOriginIsNotContinued) {
  Setting s;
  std::filesystem::create_directories(std::filesystem::path(s.path()).parent_path());
  std::ofstream(s.path(".partial")) << "what is this";
  EXPECT_EQ(s.pull(), s.bytes().size());
  s.expect_whole();
}

TEST(HubUrl, LeadsWhereItMayAlone) {
  const Url from = parse_url("https://Hub.example:8443/a/b?c=d");
  EXPECT_EQ(from.origin(), "https://hub.example:8443");
  EXPECT_EQ(redirected(from, "/x?y=%2F").path, "/x?y=%2F");
  EXPECT_EQ(redirected(from, "//cdn.example/x").origin(), "https://cdn.example:443");
  EXPECT_EQ(parse_url("http://[::1]:80/x").host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:80/x").origin(), "http://[::1]:80");
  EXPECT_THROW((void)redirected(from, "http://hub.example/x"), Error) << "from TLS to none";
  for (const char* bad : {"", "x", "file:///etc/passwd", "javascript:1", "https://a b/"})
    EXPECT_THROW((void)redirected(from, bad), Error) << bad;
  EXPECT_EQ(url_path("a b/c+d"), "a%20b/c%2Bd");
}

}  // namespace rouse
