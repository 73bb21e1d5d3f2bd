/// The program that renders chat templates, changed under a server that runs.
#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

namespace rouse {
namespace {

/// `rouse serve` as an installation of its own.
struct Installed {
  Installed() {
    const std::filesystem::path binary(ROUSE_BINARY);
    std::filesystem::copy(binary, dir.path);
    std::filesystem::copy(binary.parent_path() / "rouse-template", dir.path);
    int out[2];
    if (pipe(out) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::string words[] = {"rouse", "serve",  "-m", ROUSE_MODELS "/rouse-lab.gguf", "-t", "1", "-c",
                           "256",   "--port", "0"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string program = dir / "rouse";
    EXPECT_EQ(posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    std::string line;
    for (char c = 0; read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    close(out[0]);
    const size_t colon = line.rfind(':');
    port = colon == std::string::npos ? 0 : std::atoi(line.c_str() + colon + 1);
    EXPECT_GT(port, 0) << line;
  }
  ~Installed() {
    if (pid <= 0) return;
    kill(pid, SIGTERM);
    waitpid(pid, nullptr, 0);
  }
  httplib::Result chat() const {
    httplib::Client client("127.0.0.1", port);
    client.set_read_timeout(60);
    return client.Post("/v1/chat/completions",
                       R"({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1})",
                       "application/json");
  }
  /// The error of a chat, which must be the server's.
  Json error() const {
    const auto reply = chat();
    if (!reply) return nullptr;
    EXPECT_EQ(reply->status, 500) << reply->body;
    return Json::parse(reply->body)["error"];
  }
  void overwrite(const std::string& with) const {
    std::ofstream(dir / "rouse-template", std::ios::binary | std::ios::trunc) << with;
  }

  TempDir dir;
  pid_t pid = -1;
  int port = 0;
};

}  // namespace

TEST(TemplateProgram, ReplacedByAnUpgradeChangesNothingOfAServer) {
  const Installed server;
  const std::string path = server.dir / "rouse-template";
  std::filesystem::remove(path);  // as a package does: a new file of that name
  std::filesystem::copy("/bin/false", path);
  const auto reply = server.chat();
  ASSERT_TRUE(reply) << httplib::to_string(reply.error());
  EXPECT_EQ(reply->status, 200) << reply->body;
  std::filesystem::remove(path);
  EXPECT_EQ(server.chat()->status, 200);
}

TEST(TemplateProgram, OverwrittenIsToldByItsName) {
  const Installed server;
  const std::string path = server.dir / "rouse-template";
  for (const char* other : {"/bin/true", "/bin/false"}) {
    server.overwrite(read_file(other));
    const Json error = server.error();
    EXPECT_EQ(error["type"], "server_error");
    EXPECT_EQ(error["code"], "chat_template");
    EXPECT_EQ(error["param"], nullptr);
    EXPECT_NE(
        error["message"].get<std::string>().find(path + " is not the program that renders chat templates"),
        std::string::npos)
        << error;
  }
  server.overwrite("no program");
  EXPECT_NE(server.error()["message"].get<std::string>().find(path + ": cannot run it"), std::string::npos);
  httplib::Client client("127.0.0.1", server.port);
  const auto text = client.Post("/v1/completions", R"({"prompt": "a", "max_tokens": 1})", "application/json");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->status, 200) << text->body;
}

}  // namespace rouse
