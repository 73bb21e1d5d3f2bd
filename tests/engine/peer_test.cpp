/// Against libllama on the same file, over the types that files come in.
#include "peer.h"

#include <algorithm>

#include "base/random.h"
#include "routing/plan.h"

namespace rouse {

TEST(Peer, GoldenFilesGiveLibllamasLogits) {
  // Those that libllama computes as transformers do: not DeepSeek-V2's groups, GPT-OSS's YaRN, OLMoE with
  // GQA.
  for (const char* file : {"llama.gguf", "mixtral.gguf", "deepseek.gguf", "deepseek3.gguf", "qwen2moe.gguf",
                           "qwen3moe.gguf", "granitemoe.gguf", "qwen2.gguf", "qwen3.gguf"}) {
    TinyModel m(golden(file));
    const PeerModel peer(golden(file));
    EXPECT_LT(nmse(m.logits(kText), peer.logits(kText)), 1e-8) << file;
    EXPECT_LT(nmse(m.logits({kText[0]}), peer.logits({kText[0]})), 1e-8) << file;
  }
}

TEST(Peer, TheDefaultModelRunsInUnmodifiedLibllama) {
  const std::string path = std::string(ROUSE_MODELS) + "/rouse-lab.gguf";
  TinyModel m(path);
  EXPECT_LT(nmse(m.logits(kText), PeerModel(path).logits(kText)), 1e-6);
}

/// libllama, unmodified, chooses by an exported plan as rouse does by the plan itself.
TEST(Peer, AnExportedPlanChoosesTheSameExperts) {
  const TempDir dir;
  const std::string model = golden("deepseek3.gguf");
  TinyModel m(model);
  Plan plan = Plan::empty(m.router(), "deepseek2", 3);
  plan.fingerprint = m.model->file().fingerprint();
  Random random(3);
  for (auto& row : plan.impact)
    for (double& x : row) x = random.uniform();
  std::ofstream(dir / "p.cor.json") << plan_text(plan);
  const std::string out = dir / "exported.gguf";
  ASSERT_EQ(rouse(cat("plan export ", dir / "p.cor.json", " --gguf ", model, " --lambda 0.5 -o ", out)).code,
            0);
  const auto planned = m.logits(kText, cat("plan:", dir / "p.cor.json", ",experts-only,lambda=0.5"));
  EXPECT_GT(nmse(planned, m.logits(kText)), 1e-3) << "the plan changes nothing";
  EXPECT_LT(nmse(planned, PeerModel(out).logits(kText)), 1e-8);
  TinyModel exported(out);
  EXPECT_LT(max_difference(planned, exported.logits(kText)), 1e-5f);
  const CommandResult r =
      rouse(cat("plan export ", dir / "p.cor.json", " --gguf ", golden("mixtral.gguf"), " --force -o ", out));
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("have no selection bias"), std::string::npos) << r.err;
}

struct PeerShape {
  const char *name, *flags;
};
void PrintTo(const PeerShape& shape, std::ostream* out) {
  *out << shape.flags;
}

constexpr PeerShape kPeerShapes[] = {
    {"llama", "--arch llama --kv-heads 2 --experts 0 --ff 512"},
    {"mixtral", "--arch llama --kv-heads 2 --experts 8 --experts-used 2"},
    {"deepseek",
     "--arch deepseek --kv-heads 2 --experts 16 --experts-used 6 --shared 2 --dense-layers 1 --ff 512"},
    // Without groups: libllama scores a group by its two best experts, DeepSeek-V2 by its best.
    {"deepseek2", "--arch deepseek2 --groups 1 --groups-used 1 --kv-lora 256 --experts-used 6"},
    {"deepseek3",
     "--like deepseek-v3 --dense-layers 1 --ff 512 --q-lora 256 --kv-lora 256 --experts 16 --experts-used 6"},
    {"qwen2moe", "--arch qwen2moe --kv-heads 2 --experts-used 6"},
    {"qwen3moe", "--arch qwen3moe --kv-heads 2 --experts-used 6"},
    {"olmoe", "--arch olmoe --experts-used 6"},
    // Without YaRN: libllama widens its correction range to whole dimensions, GPT-OSS as published does not.
    {"gpt_oss", "--arch gpt-oss --experts 16 --yarn 0"},
    {"granitemoe", "--arch granitemoe --kv-heads 2 --experts 16 --experts-used 6"},
    {"glm4moe", "--arch glm4moe --kv-heads 2 --experts-used 6"},
    {"qwen3vlmoe", "--arch qwen3vlmoe --kv-heads 2 --experts-used 6"},
    {"minimax_m2", "--arch minimax-m2 --kv-heads 2 --experts-used 6"},
    {"bailingmoe2", "--arch bailingmoe2 --kv-heads 2 --experts-used 6"},
    {"dots1", "--arch dots1 --experts-used 6"},
    {"ernie4_5_moe", "--arch ernie4_5-moe --kv-heads 2 --experts-used 6"},
    {"hunyuan_moe", "--arch hunyuan-moe --kv-heads 2 --experts-used 6"},
    {"qwen2", "--arch qwen2 --kv-heads 2 --ff 512"},
    {"qwen3", "--arch qwen3 --kv-heads 2 --ff 512"},
};

class PeerQuant : public testing::TestWithParam<PeerShape> {};

/// Equal arithmetic in another order: activations meet quantised weights rounded to 8 bits, so a difference
/// in the last digit can flip one, and a near-tie of a router can send a token elsewhere. Hence the median of
/// three files, those weights under ggml's own attention, whose sums run in libllama's order; the worst is
/// recorded. Under rouse's attention, whose sums run in another, so do most of a shape's fifteen files.
TEST_P(PeerQuant, FilesGiveLibllamasLogits) {
  const TempDir dir;
  std::vector<double> own;  // rouse's attention on the quantised files
  for (const char* quant : {"f32", "f16", "q8_0", "q4_0", "q4_K", "q6_K", "mxfp4"}) {
    const bool rounds = std::string(quant) != "f32" && std::string(quant) != "f16";
    std::vector<double> errors;
    for (int seed = 1; seed <= 3; ++seed) {
      const std::string path = dir / "m.gguf";
      const CommandResult made =
          rouse(cat("synth ", GetParam().flags, " --expert-ff 256 --layers 2 --embd 256 --heads 4 --quant ",
                    quant, " --seed ", seed, " --vocab-from ", golden("llama.gguf"), " --force -o ", path));
      ASSERT_EQ(made.code, 0) << made.err;
      const PeerModel peer(path);
      const std::vector<float> text = peer.logits(kText), token = peer.logits({7});
      const auto error = [&](TinyModel& m) {
        return std::max(nmse(m.logits(kText), text), nmse(m.logits({7}), token));
      };
      TinyModel m(path);
      if (rounds) {
        TinyModel plain(m, false);
        errors.push_back(error(plain));
        own.push_back(error(m));
        EXPECT_LT(own.back(), 1e-2) << quant << ", seed " << seed;
      } else {
        errors.push_back(error(m));
      }
    }
    std::sort(errors.begin(), errors.end());
    EXPECT_LT(errors[1], 1e-6) << quant << ", worst " << errors[2];
    RecordProperty(cat("median_", quant), cat(errors[1]));
    RecordProperty(cat("worst_", quant), cat(errors[2]));
  }
  std::sort(own.begin(), own.end());
  RecordProperty("flipped", cat(own.end() - std::upper_bound(own.begin(), own.end(), 1e-6)));
  RecordProperty("worst_flip", cat(own.back()));
  EXPECT_LT(own[own.size() / 2], 1e-6) << "worst " << own.back();
}

INSTANTIATE_TEST_SUITE_P(Shapes, PeerQuant, testing::ValuesIn(kPeerShapes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace rouse
