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

TEST(Prompts, RefuseAnEmptyStopString) {
  const CommandResult r =
      rouse(std::string("run -m ") + ROUSE_MODELS + "/rouse-lab.gguf -p hello -n 2 --stop ''");
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("a stop string is empty"), std::string::npos) << r.err;
}

}  // namespace rouse
