#include <sys/stat.h>

#include "support.h"
#include "terminal.h"

namespace rouse {
namespace {

using Json = nlohmann::json;

const std::string kFrance = "What is the capital of France?";

/// A home of its own, so that nobody's history or keys count.
struct Home {
  TempDir dir;
  std::string environment() const {
    return kEnvironment + "TERM=xterm LC_ALL=C.UTF-8 NO_COLOR=1 XDG_STATE_HOME=" + dir / "state" +
           " HOME=" + dir.path.string() + " ";
  }
  std::string command(const std::string& arguments) const {
    return environment() + ROUSE_BINARY " chat " + arguments;
  }
  std::string history() const { return dir / "state/rouse/chat_history"; }
  /// What `chat` says to these lines of standard input.
  CommandResult say(const std::string& lines, const std::string& arguments = "") const {
    std::ofstream(dir / "in", std::ios::binary) << lines;
    const std::string line =
        command(arguments) + " <" + dir / "in" + " >" + dir / "out" + " 2>" + dir / "err";
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(dir / "out"), read_file(dir / "err")};
  }
  /// The messages of a file that /save wrote.
  Json saved(const std::string& file = "saved") const {
    return Json::parse(read_file(dir / file)).at("messages");
  }
};

/// A chat at a terminal that waits for its first line.
struct Chat : Terminal {
  explicit Chat(const Home& home, const std::string& arguments = "-n 1")
      : Terminal(home.command(arguments)), home(home) {
    ready();
  }
  void ready() { await("\n> "); }
  void enter(const std::string& line) {
    type(line + "\r");
    ready();
  }
  /// All that was said so far.
  Json messages() {
    type("/save --force " + home.dir / "saved" + "\r");
    await(" saved in ");
    ready();
    return home.saved();
  }
  std::string last_question() {
    const Json all = messages();
    return all.at(all.size() - 2).at("content");
  }
  int leave() {
    type("\x04");
    return end();
  }
  const Home& home;
};

TEST(ChatTerminal, KeysEditTheLine) {
  const Home home;
  Chat chat(home);
  chat.enter(
      "bc\x1b[D\x1b[D"
      "a\x05"
      "d\x01"
      "_\x1b[C!");
  EXPECT_EQ(chat.last_question(), "_a!bcd");
  chat.enter("h\u00e9llo \u2192 \U0001F600x\x7f\x7f\x1b[Dy");
  EXPECT_EQ(chat.last_question(), "h\u00e9llo \u2192y ") << "a key takes a character, not a byte";
  chat.enter("one two three\x17\x1b[Hx");
  EXPECT_EQ(chat.last_question(), "xone two ");
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, TabCompletesCommands) {
  const Home home;
  Chat chat(home);
  chat.type("/rou\tra\t\t");  // "ran", what both begin with, then both
  chat.await("random:  rank:");
  chat.type("k\t2\r");
  chat.await("rank:2");
  chat.ready();
  chat.type("/method sc\tbet\t0.25\r");
  chat.await("scmoe(");
  chat.await("beta=0.25");
  chat.ready();
  std::ofstream(home.dir / "talk.json")
      << R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])";
  chat.type("/load " + home.dir / "tal" + "\t\r");
  chat.await("2 messages of ");
  chat.ready();
  chat.enter("a\tb");
  EXPECT_EQ(chat.last_question(), "a\tb") << "in a message it is a tab";
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, ANarrowedWindowKeepsTheLine) {
  const Home home;
  Chat chat(home);
  const std::string line(60, 'x');
  chat.type(line);
  chat.await(line);
  chat.resize(40);
  chat.await("> " + std::string(38, 'x'));  // drawn again
  chat.type("y\r");
  chat.ready();
  EXPECT_EQ(chat.last_question(), line + "y");
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, AnswersAsRunDoes) {
  const Home home;
  Chat chat(home, "");
  chat.type(kFrance + "\r");
  chat.await("\n Paris");
  chat.ready();
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, HistoryOutlivesTheSession) {
  const Home home;
  {
    Chat first(home);
    first.enter("alpha one");
    first.enter("beta\x1b\rtwo");  // Alt-Enter
    EXPECT_EQ(first.leave(), 0);
  }
  struct stat status {};
  ASSERT_EQ(stat(home.history().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  Chat second(home);
  second.type("\x1b[A");
  second.await("beta");
  second.enter("");
  EXPECT_EQ(second.last_question(), "beta\ntwo");
  second.type(
      "\x12"
      "pha");
  second.await("alpha one");
  second.enter("\x05!");
  EXPECT_EQ(second.last_question(), "alpha one!");
  EXPECT_EQ(second.leave(), 0);
}

TEST(ChatTerminal, HistoryIsLeftOutOnRequestAndStaysBounded) {
  const Home home;
  {
    Chat chat(home, "-n 1 --no-history");
    chat.enter("alpha");
    EXPECT_EQ(chat.leave(), 0);
    EXPECT_FALSE(std::filesystem::exists(home.history()));
  }
  std::filesystem::create_directories(home.dir / "state/rouse");
  {
    std::ofstream file(home.history());
    for (int i = 0; i < 2500; ++i) file << "\"line " << i << "\"\n";
    file << "{no JSON\n";
  }
  Chat chat(home);
  chat.type("\x1b[A");
  chat.await("line 2499");
  chat.enter("");
  EXPECT_EQ(chat.leave(), 0);
  const std::string text = read_file(home.history());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1001);
  EXPECT_TRUE(text.ends_with("{no JSON\n\"line 2499\"\n")) << text.substr(text.size() - 60);
}

TEST(ChatTerminal, SeveralPastedLinesAreOneMessage) {
  const Home home;
  Chat chat(home);
  chat.type("see: \x1b[200~one\rtwo\r\n\tthree\x07\r\r\x1b[201~");
  chat.enter("!");
  EXPECT_EQ(chat.last_question(), "see: one\ntwo\n\tthree!");
  chat.type("first\\\r");
  chat.await("\n. ");
  chat.enter("second");
  EXPECT_EQ(chat.last_question(), "first\nsecond");
  std::string lines, pasted;
  for (int i = 0; i < 100; ++i) {  // more than the window shows
    lines += (i ? "\n" : "") + ("line " + std::to_string(i));
    pasted += "line " + std::to_string(i) + "\r";
  }
  chat.type("/clear\r");
  chat.ready();
  chat.type("\x1b[200~" + pasted + "\x1b[201~");
  chat.await("line 99");
  chat.enter("");
  EXPECT_EQ(chat.last_question(), lines);
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, CtrlCStopsTheAnswerAndNotTheChat) {
  const Home home;
  Chat chat(home, "-n 100000 --ignore-eos -c 20000");
  chat.type(kFrance + "\r");
  chat.await("Paris");
  chat.type("\x03");
  chat.await("(stopped)");
  chat.ready();
  const Json messages = chat.messages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1]["content"].get<std::string>().substr(0, 6), " Paris");
  chat.type("And of Italy?\r");
  chat.await("\n");
  chat.await(" ");
  chat.type("\x03");
  chat.await("(stopped");
  chat.ready();
  EXPECT_EQ(chat.leave(), 0);
}

TEST(ChatTerminal, CtrlCClearsTheLineAndTwiceEnds) {
  const Home home;
  Chat chat(home);
  chat.type("never asked");
  chat.await("asked");  // or the kernel drops it with Ctrl-C
  chat.type("\x03");
  chat.await("^C");
  chat.ready();
  EXPECT_EQ(chat.shown().find("Ctrl-C again"), std::string::npos);
  chat.type("nor this\\\r");
  chat.await("\n. ");
  chat.type("\x03");
  chat.ready();
  chat.enter("asked");
  EXPECT_EQ(chat.messages().size(), 2u);
  EXPECT_EQ(chat.last_question(), "asked");
  chat.type("\x03");
  chat.await("Ctrl-C again");
  chat.ready();
  chat.enter("/stats");
  chat.type("\x03");
  chat.await("Ctrl-C again");
  chat.ready();
  chat.type("\x03");
  EXPECT_EQ(chat.end(), 0);
}

TEST(ChatTerminal, TheTerminalIsLeftAsItWas) {
  const Home home;
  Terminal terminal("sh -c '" + home.command("-n 1") + "; stty -a'");
  terminal.await("\n> ");
  terminal.type("\x04");
  terminal.await(" icanon");
  terminal.await(" echo ");
  EXPECT_EQ(terminal.end(), 0);
}

TEST(ChatInput, AnswersLineByLine) {
  const Home home;
  const CommandResult r = home.say("\xEF\xBB\xBF" + kFrance + "\r\n\r\n" + kFrance);
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out.substr(0, 7), " Paris\n");
  EXPECT_EQ(r.err, "");
  EXPECT_FALSE(std::filesystem::exists(home.history()));
  EXPECT_EQ(home.say(kFrance + "\n/exit\n" + kFrance + "\n").out, " Paris\n");
  EXPECT_EQ(home.say(kFrance + "\n/clear\n" + kFrance + "\n").out, " Paris\n Paris\n");
}

TEST(ChatInput, CommandsChangeTheConversation) {
  const Home home;
  const std::string save = "/save " + home.dir / "saved" + "\n";
  CommandResult r = home.say("/system Be brief.\n" + kFrance + "\nwrong\n/undo\n/again\n" + save, "-n 1");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("taken away: wrong"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("3 messages saved in"), std::string::npos) << r.err;
  const Json messages = home.saved();
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0]["content"], "Be brief.");
  EXPECT_EQ(messages[1]["content"], kFrance);
  r = home.say("x\n" + save, "-n 1");
  EXPECT_NE(r.err.find("is there already; /save --force " + home.dir / "saved"), std::string::npos) << r.err;
  EXPECT_EQ(home.saved(), messages);

  const std::string load = "/load '" + home.dir / "saved" + "'\n";
  r = home.say(load + "/system\n/system \"\"\n/again\n/save --force " + home.dir / "saved" + "\n", "-n 1");
  EXPECT_NE(r.err.find("system: Be brief.\nno system message\n"), std::string::npos) << r.err;
  EXPECT_EQ(home.saved().size(), 2u);

  std::ofstream(home.dir / "bad") << R"([{"role":"user","content":"a"},{"role":"user","content":"b"}])";
  r = home.say(load + "/load " + home.dir / "bad" + "\n/load " + home.dir / "none" + "\n/stats\n");
  EXPECT_NE(r.err.find("[1].role is \"user\", expected assistant"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("none: "), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("1 exchange\n"), std::string::npos)
      << "a file that is refused costs nothing: " << r.err;

  std::ofstream(home.dir / "open") << R"({"messages":[{"role":"user","content":")" << kFrance << "\"}]}";
  r = home.say("/load " + home.dir / "open" + "\n/again\n");
  EXPECT_EQ(r.out, " Paris\n") << r.err;
}

TEST(ChatInput, CommandsChangeTheMethodAndKeepTheConversation) {
  const Home home;
  const CommandResult r =
      home.say(kFrance +
               "\n/method\n/method scmoe beta=0.3\n/routing topk:1\n/method cd\n/routing topk:99\n"
               "/method scmeo\n/method\nAnd?\n/stats\n");
  EXPECT_EQ(r.code, 0);
  size_t at = 0;
  for (const char* said :
       {"greedy | topk\n", "beta=0.3,exec=auto) | topk | the context holds 1024 tokens so, 2048 where",
        "beta=0.3,exec=auto) | topk:1\n", "this chat has none; start it with --method cd --amateur FILE",
        "k is 99, expected 1 to 16", "scmeo", "beta=0.3,exec=auto) | topk:1 |", "2 exchanges\n",
        " experts a token\n", "2 answers"}) {
    const size_t found = r.err.find(said, at);
    ASSERT_NE(found, std::string::npos) << said << " is not in: " << r.err.substr(at);
    at = found;
  }
}

TEST(ChatInput, WrongCommandsAreRefusedAndPathsAreMessages) {
  const Home home;
  const CommandResult r = home.say(
      "/mehod\n/frobnicate\n/undo\n/again\n/undo 3\n/save\n/etc/passwd?\n /help\n/help\n/stats\n", "-n 1");
  EXPECT_EQ(r.code, 0);
  for (const char* said :
       {"unknown command /mehod; did you mean /method?", "unknown command /frobnicate; /help lists them",
        "no exchange to take away", "nothing was asked yet", "/undo takes nothing behind it, found \"3\"",
        "/save: expected FILE behind it", "/routing [POLICY]", " 2 exchanges\n"})
    EXPECT_NE(r.err.find(said), std::string::npos) << said << " is not in: " << r.err;
}

TEST(ChatInput, TheOldestExchangesMakeRoom) {
  const Home home;
  std::string lines;
  for (int i = 0; i < 12; ++i) lines += kFrance + "\n";
  CommandResult r = home.say(lines + "/stats\n/save " + home.dir / "saved" + "\n", "-c 100 -n 4");
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.err.find("(the context holds 100 tokens: the "), std::string::npos) << r.err;
  EXPECT_EQ(r.err.find("rouse: "), std::string::npos) << r.err;
  EXPECT_NE(r.err.find(" left out\n"), std::string::npos) << r.err;
  EXPECT_EQ(home.saved().size(), 24u) << "what is left out is still saved";

  r = home.say(lines + "/clear\n" + kFrance + "\n", "-c 100 -n 4 --no-context-shift");
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.err.find("tokens, the context has room for 100; raise -c"), std::string::npos) << r.err;
  EXPECT_TRUE(r.out.ends_with(" Paris\n"));

  std::string longer;
  for (int i = 0; i < 40; ++i) longer += kFrance + " ";
  r = home.say(kFrance + "\n" + longer + "\n/save --force " + home.dir / "saved" + "\n", "-c 100 -n 4");
  EXPECT_NE(r.err.find("the context has room for 100; raise -c"), std::string::npos) << r.err;
  EXPECT_EQ(home.saved().size(), 3u) << "the question is not lost";
}

TEST(ChatInput, AMethodThatCannotRunIsRefusedBeforeTheFirstQuestion) {
  const Home home;
  const CommandResult r = home.say(kFrance + "\n", "--routing topk:99");
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("k is 99"), std::string::npos) << r.err;
}

}  // namespace
}  // namespace rouse
