#include "base/json.h"
#include "support.h"

namespace rouse {
namespace {

/// The ids of the prompt that `rouse run` saw.
std::vector<int> prompt_ids(const std::string& arguments) {
  const CommandResult r = rouse("run -n 0 --json " + arguments);
  EXPECT_EQ(r.code, 0) << r.err;
  return parse_json(r.out, "run --json")["prompt_tokens"].get<std::vector<int>>();
}

}  // namespace

TEST(Prompts, InFilesAreReadAsAnEditorShowsThem) {
  const TempDir dir;
  std::ofstream(dir / "plain", std::ios::binary) << "What is\n2 + 2?\n";
  std::ofstream(dir / "windows", std::ios::binary) << "\xEF\xBB\xBFWhat is\r\n2 + 2?\r\n";
  std::ofstream(dir / "wide", std::ios::binary) << "\xFF\xFEW";
  const std::string model = std::string("-m ") + ROUSE_MODELS + "/rouse-lab.gguf ";
  EXPECT_EQ(prompt_ids(model + "-f " + dir / "windows"), prompt_ids(model + "-f " + dir / "plain"));
  const CommandResult wide = rouse("run " + model + "-f " + dir / "wide");
  EXPECT_EQ(wide.code, 2);
  EXPECT_NE(wide.err.find("is UTF-16, expected UTF-8"), std::string::npos) << wide.err;
}

TEST(Prompts, HoldControlTokensOnlyWhereTheyAreMeant) {
  const std::string model = std::string("-m ") + ROUSE_MODELS + "/rouse-lab.gguf ";
  const GgufFile file(std::string(ROUSE_MODELS) + "/rouse-lab.gguf");
  const Tokenizer tokenizer(file);
  const int end = tokenizer.end_tokens().at(0);
  const auto count = [&](const std::string& flags) {
    const auto ids = prompt_ids(model + flags + " -p 'a" + tokenizer.piece(end, true) + "b'");
    return std::count(ids.begin(), ids.end(), end);
  };
  const auto of_template = count("--chat-template qa");
  EXPECT_EQ(count("--chat-template qa --special"), of_template + 1);
  EXPECT_EQ(count("--chat-template qa --no-special"), of_template);
  EXPECT_EQ(count("--raw"), count("--raw --no-special") + 1);
}

TEST(Prompts, AreWrittenByTheTemplateThatTheCommandLineNames) {
  const TempDir dir;
  const std::string model = std::string("-m ") + ROUSE_MODELS + "/rouse-lab.gguf ", path = dir / "t.jinja";
  const std::string file = "--chat-template file:" + path;
  std::ofstream(path) << "Question: {{ messages[0].content }}{{ '?' if twice else '' }}\nAnswer:";
  EXPECT_EQ(prompt_ids(model + file + " -p 'Why?'"), prompt_ids(model + "-p 'Why?'"));
  EXPECT_EQ(prompt_ids(model + file + " -p Why --chat-template-kwargs '{\"twice\": true}'"),
            prompt_ids(model + "-p 'Why?'"));
  std::ofstream(path) << "{{ strftime_now('%d.%m.%Y') }}";
  EXPECT_EQ(prompt_ids(model + file + " --template-date 2024-02-29 -p x"),
            prompt_ids(model + "--raw -p 29.02.2024"));
  const auto refused = [&](const std::string& arguments, int code, const std::string& part) {
    const CommandResult r = rouse("run -n 1 " + model + arguments);
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_NE(r.err.find(part), std::string::npos) << r.err;
  };
  std::ofstream(path) << "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
  refused(file + " -p x", 2, "the chat template file:" + path + " nests or calls itself too deeply");
  refused("--chat-template file:" + dir / "none -p x", 2, "cannot open the chat template");
  refused("--chat-template-kwargs '{\"a\": [1]}' -p x", 2,
          "a is [1], expected true, false, a number or text");
  refused("--chat-template-kwargs '{\"a\"' -p x", 2, "chat_template_kwargs");
  refused("--template-date 2024-02-30 -p x", 2, "is \"2024-02-30\", expected a day as YYYY-MM-DD");
  std::ofstream(dir / "batch") << R"({"id": 1, "prompt": "x", "n_predict": 1, "chat_template": "file:)"
                               << path << "\"}\n";
  const CommandResult batch = rouse("run " + model + "--batch " + dir / "batch" + " -o " + dir / "out");
  EXPECT_EQ(batch.code, 4) << batch.err;
  EXPECT_NE(read_file(dir / "out").find("unknown chat template"), std::string::npos)
      << "requests open no path";
}

TEST(Prompts, OfAConversationSplitReasoningFromTheAnswer) {
  const TempDir dir;
  std::ofstream(dir / "g") << "root ::= \"<think>\\nOne\\n</think>\\n\\nTwo\"";
  const std::string run =
      std::string("run -m ") + ROUSE_MODELS + "/rouse-lab.gguf --grammar-file " + dir / "g";
  const auto json = [&](const std::string& arguments) {
    const CommandResult r = rouse(run + " --json " + arguments);
    EXPECT_EQ(r.code, 0) << r.err;
    return parse_json(r.out, "run --json");
  };
  const Json split = json("-p x"), raw = json("--raw -p x"), cut = json("-p x -n 12");
  EXPECT_EQ(split["text"], "Two");
  EXPECT_EQ(split["reasoning"], "One");
  EXPECT_EQ(raw["text"], "<think>\nOne\n</think>\n\nTwo");
  EXPECT_FALSE(raw.contains("reasoning"));
  EXPECT_EQ(cut["text"], "");
  EXPECT_EQ(rouse(run + " -p x").out, "Two\n") << "no terminal, no reasoning";
  const CommandResult unfinished = rouse(run + " -p x -n 12");
  EXPECT_EQ(unfinished.out, "\n");
  EXPECT_NE(unfinished.err.find("the text ends within its reasoning"), std::string::npos) << unfinished.err;
  // The same of a prompt that opened it.
  std::ofstream(dir / "t.jinja") << "{{ messages[0].content }}<think>\n";
  std::ofstream(dir / "g") << "root ::= \"One</think>Two\"";
  EXPECT_EQ(json("-p x --chat-template file:" + dir / "t.jinja")["reasoning"], "One");
}

TEST(Prompts, RefuseAnEmptyStopString) {
  const CommandResult r =
      rouse(std::string("run -m ") + ROUSE_MODELS + "/rouse-lab.gguf -p hello -n 2 --stop ''");
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("a stop string is empty"), std::string::npos) << r.err;
}

}  // namespace rouse
