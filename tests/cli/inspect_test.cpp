/// What `rouse inspect` says of files that cannot run, and what a terminal is spared.
#include "edited.h"

namespace rouse {
namespace {

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n') || byte == 0x7F;
  });
}

}  // namespace

TEST(Inspect, SaysWhatIsWrongWithAFile) {
  const TempDir dir;
  const std::string path = dir / "m.gguf";
  const auto inspected = [&](const std::string& file, const std::function<void(Edited&)>& edit) {
    Edited e(file);
    edit(e);
    e.write(path);
    const CommandResult r = rouse("inspect " + path);
    EXPECT_EQ(r.code, 0) << r.err;
    return r.out;
  };
  const auto says = [](const std::string& out, const std::string& part) {
    EXPECT_NE(out.find(part), std::string::npos) << out << "\nlacks: " << part;
  };
  says(inspected("mixtral.gguf",
                 [](Edited& e) { e.convert(e.find("blk.1.attn_norm.weight"), GGML_TYPE_F16); }),
       "rouse cannot   run it: " + path + ": blk.1.attn_norm.weight is of type f16, expected f32");
  says(inspected("mixtral.gguf",
                 [](Edited& e) { gguf_set_val_f32(e.keys(), "llama.attention.clamp_kqv", 8); }),
       "run it: " + path + ": key llama.attention.clamp_kqv is 8, expected 0 or no such key");
  says(inspected("mixtral.gguf", [](Edited& e) { gguf_set_val_u32(e.keys(), "llama.new_thing", 8); }),
       "say what the key llama.new_thing means: it is ignored");
  says(inspected("mixtral.gguf",
                 [](Edited& e) { gguf_set_val_str(e.keys(), "tokenizer.ggml.pre", "whitespace"); }),
       "read text: " + path + ": key tokenizer.ggml.pre is \"whitespace\"");
  says(inspected("mixtral.gguf",
                 [](Edited& e) { gguf_set_val_f32(e.keys(), "llama.rope.scaling.factor", 4); }),
       "linear scaling, 4 x 512");
}

TEST(Inspect, ShowsATerminalNoEscapeSequenceOfAFile) {
  const TempDir dir;
  const std::string path = dir / "m.gguf", evil = "\x1b]0;owned\x07\x1b[2J\r";
  Edited e("mixtral.gguf");
  gguf_set_val_str(e.keys(), "general.name", evil.c_str());
  gguf_set_val_u32(e.keys(), ("llama." + evil).c_str(), 1);
  e.write(path);
  CommandResult r = rouse("inspect " + path);
  EXPECT_EQ(r.code, 0);
  EXPECT_FALSE(has_control(r.out)) << r.out;
  EXPECT_NE(r.out.find("\\x1b]0;owned\\x07\\x1b[2J\\x0d"), std::string::npos) << r.out;
  r = rouse("inspect --keys " + path);
  EXPECT_FALSE(has_control(r.out)) << r.out;
  r = rouse("inspect --json " + path);
  EXPECT_FALSE(has_control(r.out)) << r.out;
  EXPECT_EQ(nlohmann::json::parse(r.out)["name"], evil);

  ggml_set_name(e.find("blk.2.attn_norm.weight"), evil.c_str());  // missing, and a stranger
  e.drop("blk.2.attn_norm.weight");
  e.write(path);
  for (const char* command : {"inspect ", "inspect --keys ", "run -n 1 -p x -m "}) {
    r = rouse(command + path);
    EXPECT_FALSE(has_control(r.out + r.err)) << r.out << r.err;
  }
  Edited architecture("mixtral.gguf");
  gguf_set_val_str(architecture.keys(), "general.architecture", evil.c_str());
  architecture.write(path);
  r = rouse("run -n 1 -p x -m " + path);
  EXPECT_EQ(r.code, 3);
  EXPECT_FALSE(has_control(r.err)) << r.err;
  EXPECT_NE(r.err.find("architecture \"\\x1b]0;owned"), std::string::npos) << r.err;
}

TEST(Anchored, ModelsThatAreSoByNatureAreNamed) {
  const std::string olmoe = rouse("inspect " + golden("olmoe.gguf")).out,
                    mixtral = rouse("inspect " + golden("mixtral.gguf")).out;
  EXPECT_NE(olmoe.find("weights raw (anchored by nature)"), std::string::npos) << olmoe;
  EXPECT_EQ(mixtral.find("anchored"), std::string::npos);
  EXPECT_NE(rouse("methods").out.find(
                "anchored changes nothing in a model that does not make its weights sum to 1"),
            std::string::npos);
}

}  // namespace rouse
