/// rouse pull, list, rm and -hf against a hub in this process.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "hub_server.h"

namespace rouse {
namespace {

struct Setting {
  Setting() {
    hub.files["tiny-Q4_K_M.gguf"] = read_file(golden("mixtral.gguf"));
    hub.files["tiny-Q8_0.gguf"] = read_file(golden("olmoe.gguf"));
    hub.files["README.md"] = "# tiny";
  }
  CommandResult run(const std::string& arguments, const std::string& more = "") const {
    return rouse(arguments, kEnvironment + hub.environment(cache) + more);
  }
  std::string file(const std::string& name) const { return cache / ("models/lab/tiny/" + name); }
  HubServer hub;
  TempDir cache;
};

void expect_text(const CommandResult& r, int code, const std::string& part) {
  EXPECT_EQ(r.code, code) << r.out << r.err;
  EXPECT_NE((r.out + r.err).find(part), std::string::npos) << r.out << r.err << "lacks " << part;
}

}  // namespace

TEST(Pull, FetchesListsAndRemoves) {
  Setting s;
  const CommandResult r = s.run("pull lab/tiny");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, s.file("tiny-Q4_K_M.gguf") + "\n");
  EXPECT_EQ(read_file(s.file("tiny-Q4_K_M.gguf")), s.hub.files["tiny-Q4_K_M.gguf"]);
  expect_text(s.run("pull lab/tiny:q4_k_m"), 0, "is here already");
  expect_text(s.run("pull lab/tiny:q8_0"), 0, "tiny-Q8_0.gguf");
  const CommandResult list = s.run("list");
  expect_text(list, 0, "lab/tiny:Q4_K_M");
  expect_text(list, 0, "lab/tiny:Q8_0");
  const auto json = nlohmann::json::parse(s.run("list --json").out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["name"], "lab/tiny:Q4_K_M");
  EXPECT_EQ(json[0]["complete"], true);
  EXPECT_EQ(json[0]["files"][0]["sha256"], sha256_of(s.hub.files["tiny-Q4_K_M.gguf"]));
  expect_text(s.run("rm lab/tiny:Q4_K_S"), 2, "did you mean lab/tiny:Q4_K_M?");
  expect_text(s.run("rm lab/tiny"), 2, "could be lab/tiny:Q4_K_M or lab/tiny:Q8_0");
  EXPECT_EQ(nlohmann::json::parse(s.run("rm lab/tiny:Q8_0 --json").out)["removed"], "lab/tiny:Q8_0");
  EXPECT_FALSE(std::filesystem::exists(s.file("tiny-Q8_0.gguf")));
  EXPECT_FALSE(std::filesystem::exists(s.file("tiny-Q8_0.gguf.json")));
  EXPECT_EQ(nlohmann::json::parse(s.run("pull lab/tiny --json").out), json[0]);
  expect_text(s.run("rm lab/tiny"), 0, "are free again");  // the only one
  EXPECT_FALSE(std::filesystem::exists(s.cache / "models/lab"));
  EXPECT_EQ(s.run("list --json").out, "[]\n");
}

TEST(Pull, AModelIsRunByItsName) {
  Setting s;
  const std::string ask = " --raw -p 'the of' -n 6 --ignore-eos --json";
  const auto wanted = nlohmann::json::parse(rouse("run -m " + golden("mixtral.gguf") + ask).out)["tokens"];
  const CommandResult r = s.run("run -hf lab/tiny" + ask);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(nlohmann::json::parse(r.out)["tokens"], wanted);
  s.hub.status = 500;
  const CommandResult again = s.run("run --hf-repo lab/tiny:Q4_K_M" + ask);
  EXPECT_EQ(again.code, 0) << "what is in the cache is not asked for: " << again.err;
  EXPECT_EQ(nlohmann::json::parse(s.run("run" + ask, "ROUSE_MODEL= ROUSE_HF_REPO=lab/tiny ").out)["tokens"],
            wanted);
  expect_text(s.run("run -hf lab/tiny:Q8_0" + ask), 1, "answers 500");
  s.hub.status = 0;
  expect_text(s.run("inspect -hf lab/tiny -hff tiny-Q8_0.gguf --json"), 0, "\"arch\": \"olmoe\"");
}

TEST(Pull, OneModelIsNamedOnce) {
  Setting s;
  expect_text(s.run("run -p x -hf lab/tiny -m x.gguf"), 2, "excludes");
  expect_text(s.run("run -p x -hff x.gguf"), 2, "there is no --hf-repo");
  expect_text(s.run("run -p x -hf tiny"), 2, "expected OWNER/REPO");
  expect_text(s.run("run -p x -hf lab/tiny -hff ../x.gguf"), 2, "expected FILE.gguf");
  expect_text(s.run("run -p x", "ROUSE_HF_REPO=lab/tiny "), 2, "expected one of them");
  expect_text(s.run("run --raw -n 1 -p the -m " + golden("mixtral.gguf"), "ROUSE_HF_REPO=lab/tiny "), 0, "");
  EXPECT_EQ(s.hub.n_blob(), 0);
}

TEST(Pull, SplitFilesComeAllAndTheFirstIsOpened) {
  Setting s;
  s.hub.files = {{"Q4_0/t-Q4_0-00001-of-00003.gguf", "one"},
                 {"Q4_0/t-Q4_0-00002-of-00003.gguf", "two and more"},
                 {"Q4_0/t-Q4_0-00003-of-00003.gguf", "three"},
                 {"t-Q8_0-00001-of-00002.gguf", "half"}};
  const CommandResult r = s.run("pull lab/tiny:Q4_0");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, s.file("Q4_0/t-Q4_0-00001-of-00003.gguf") + "\n");
  for (const auto& [path, bytes] : s.hub.files)
    if (path[0] == 'Q') {
      EXPECT_EQ(read_file(s.file(path)), bytes) << path;
    }
  const auto json = nlohmann::json::parse(s.run("list --json").out);
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["name"], "lab/tiny:Q4_0");
  EXPECT_EQ(json[0]["files"].size(), 3u);
  expect_text(s.run("pull lab/tiny:Q8_0"), 3, "1 of the 2 parts");
  EXPECT_EQ(s.run("rm lab/tiny:Q4_0").code, 0);
  EXPECT_FALSE(std::filesystem::exists(s.cache / "models/lab"));
}

TEST(Pull, SaysWhatThereIs) {
  Setting s;
  expect_text(s.run("pull lab/tiny:Q5_0"), 3, "has no Q5_0; did you mean Q8_0?; it has Q4_K_M, Q8_0");
  expect_text(s.run("pull lab/other"), 3, "there is no such repository");
  s.hub.token = "hf_x";
  expect_text(s.run("pull lab/tiny"), 3, "set HF_TOKEN");
  expect_text(s.run("pull lab/tiny", "HF_TOKEN=hf_x "), 0, "tiny-Q4_K_M.gguf");
  s.hub.token = "";
  s.hub.files = {{"model.safetensors", "x"}, {"../../escape.gguf", "x"}, {"/etc/escape.gguf", "x"}};
  expect_text(s.run("pull lab/tiny"), 3, "has no GGUF file");
  expect_text(s.run("pull lab/tiny", "HF_ENDPOINT=http://127.0.0.1:1 "), 1,
              "cannot reach http://127.0.0.1:1");
  expect_text(s.run("pull lab/tiny", "HF_ENDPOINT=http://127.0.0.1:1 "), 1,
              "models that are here: lab/tiny:Q4_K_M");
  EXPECT_FALSE(std::filesystem::exists(s.cache / "escape.gguf"));
}

TEST(Pull, AnInterruptedOneIsContinued) {
  Setting s;
  s.hub.n_slow = 100 * 1000;
  const std::string endpoint = "HF_ENDPOINT=" + s.hub.url(), cache = "ROUSE_CACHE=" + s.cache.path.string();
  const pid_t child = fork();
  if (child == 0) {
    const int err = open((s.cache / "err").c_str(), O_WRONLY | O_CREAT, 0644);
    dup2(err, 1), dup2(err, 2);
    execl("/usr/bin/env", "env", endpoint.c_str(), cache.c_str(), ROUSE_BINARY, "pull", "lab/tiny", nullptr);
    _exit(99);
  }
  const std::string partial = s.file("tiny-Q4_K_M.gguf.partial");
  std::error_code ignored;
  for (int i = 0; i < 400 && s.hub.n_sent < s.hub.n_slow; ++i) usleep(25 * 1000);
  usleep(200 * 1000);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 130) << read_file(s.cache / "err");
  EXPECT_NE(read_file(s.cache / "err").find("the next pull continues"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(partial, ignored), s.hub.n_slow);
  expect_text(s.run("list"), 0, "unfinished");
  expect_text(s.run("run -hf lab/tiny -p x", "HF_ENDPOINT=http://127.0.0.1:1 "), 1,
              "no model is in the cache");
  s.hub.n_slow = 0;
  const CommandResult r = s.run("pull lab/tiny");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(s.hub.asked_ranges().back(), "bytes=100000-");
  EXPECT_EQ(read_file(s.file("tiny-Q4_K_M.gguf")), s.hub.files["tiny-Q4_K_M.gguf"]);
}

}  // namespace rouse
