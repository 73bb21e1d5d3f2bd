/// What a file is said to hold, and files that are made of random weights.
#include "model/describe.h"

#include "model/synth/synth.h"
#include "support.h"

namespace rouse {

TEST(Describe, BytesOfATokenAreByPencil) {
  const GgufFile file(golden("mixtral.gguf"));
  const Description d = describe(file);
  ASSERT_TRUE(d.spec);
  EXPECT_EQ(d.json["supported"], true);
  const auto in_file = [&](const char* part) { return d.json["bytes_by_part"][part].get<uint64_t>(); };
  const auto touched = [&](const char* part) {
    return d.json["weight_bytes_per_token_by_part"][part].get<uint64_t>();
  };
  EXPECT_EQ(touched("experts"), in_file("experts") / 4) << "2 of 8";
  EXPECT_EQ(d.json["router"]["n_expert"], 8);
  EXPECT_FALSE(d.json["weight_bytes_per_token_by_part"].contains("embeddings")) << "one row";
}

TEST(Synth, IsTheSameForASeedAndReadsAsWhatItWasMade) {
  const TempDir dir;
  const GgufFile vocab(golden("llama.gguf"));
  SynthOptions o;
  o.type = "q8_0";
  o.fields = {{"--layers", 1}, {"--embd", 64}, {"--heads", 2}, {"--expert-ff", 64}, {"--experts", 4}};
  Synth(o, vocab).write(dir / "a.gguf");
  Synth(o, vocab).write(dir / "b.gguf");
  EXPECT_EQ(read_file(dir / "a.gguf"), read_file(dir / "b.gguf"));
  o.seed = 2;
  Synth(o, vocab).write(dir / "c.gguf");
  EXPECT_NE(read_file(dir / "a.gguf"), read_file(dir / "c.gguf"));
  const Description d = describe(GgufFile(dir / "a.gguf"));
  ASSERT_TRUE(d.spec);
  EXPECT_EQ(d.spec->n_layer, 1);
  EXPECT_EQ(d.spec->router.n_expert, 4);
  std::atomic<bool> stop = true;
  expect_refusal([&] { Synth(o, vocab).write(dir / "d.gguf", {}, &stop); }, ErrorKind::interrupted,
                 "interrupted, nothing was written");
  o.type = "q3_9";
  expect_refusal([&] { Synth(o, vocab); }, ErrorKind::usage, "type \"q3_9\" is not known");
}

}  // namespace rouse
