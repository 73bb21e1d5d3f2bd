/// Against transformers' logits and a plain two-pass reference over its weights (tools/golden).
#include "decoding/scheduler.h"
#include "support.h"

namespace rouse {
namespace {

struct GoldenCase {
  MethodOptions method;
  std::vector<int> prompt, tokens;
  std::vector<double> margins;
};

std::vector<GoldenCase> cases(const nlohmann::json& golden) {
  std::vector<GoldenCase> out;
  for (const auto& s : golden["sequences"]) {
    GoldenCase c;
    c.prompt = s["prompt"].get<std::vector<int>>();
    c.tokens = s["tokens"].get<std::vector<int>>();
    c.margins = s["margins"].get<std::vector<double>>();
    if (s.contains("routing")) {
      c.method.routing = s["routing"];
    } else {
      c.method.name = "scmoe";
      c.method.weak = s["weak"];
      c.method.alpha = s["alpha"];
      c.method.beta = s["beta"];
    }
    out.push_back(std::move(c));
  }
  return out;
}

/// Choices of a method led along the reference's own tokens, so that one near-tie does not hide what follows.
int compare_sequence(TinyModel& m, const Tokenizer& tokenizer, const GoldenCase& c, int* skipped) {
  GenerateOptions o;
  o.follow = c.tokens;
  Generation g({&m.engine}, tokenizer, make_method(c.method, m.models()), c.prompt, o);
  Generation* one = &g;
  run_generations({&m.engine}, {&one, 1});
  EXPECT_EQ(g.choices().size(), c.tokens.size());
  int equal = 0;
  for (size_t i = 0; i < g.choices().size(); ++i) {
    if (c.margins[i] > 1e-3) {
      EXPECT_EQ(g.choices()[i], c.tokens[i]) << "step " << i << " margin " << c.margins[i];
      equal += g.choices()[i] == c.tokens[i];
    } else {
      ++*skipped;
    }
  }
  return equal;
}

}  // namespace

class Golden : public testing::TestWithParam<const char*> {};
class GoldenSequences : public testing::TestWithParam<const char*> {};

TEST_P(Golden, LogitsEqualTransformers) {
  const auto g = golden_json(std::string(GetParam()) + ".json");
  for (const bool flash : {true, false}) {
    TinyModel m(golden(std::string(GetParam()) + ".gguf"), 256, GGML_TYPE_F32, flash);
    const RoutingPolicy policy("topk", m.router());
    RowGroup group{&policy, {}};
    const SeqId seq = m.engine.open();
    for (const int t : g["tokens"]) group.rows.push_back({seq, t, Output::logits});
    const StepResult& r = m.engine.run({group});
    for (size_t i = 0; i < g["rows"].size(); ++i)
      EXPECT_LT(
          max_difference(r.logits(g["rows"][i].get<size_t>()), g["logits"][i].get<std::vector<float>>()),
          1e-3f);
  }
}

TEST_P(GoldenSequences, EqualTheTwoPassReference) {
  TinyModel m(golden(std::string(GetParam()) + ".gguf"), 512);
  const Tokenizer tokenizer(m.model->file());
  int equal = 0, skipped = 0;
  for (GoldenCase& c : cases(golden_json(std::string(GetParam()) + ".json"))) {
    SCOPED_TRACE(c.method.name + " " + c.method.routing + " weak " + c.method.weak);
    for (const char* execution : {"plain", "fused", "lazy", "auto"}) {
      c.method.execution = execution;
      equal += compare_sequence(m, tokenizer, c, &skipped);
      if (c.method.name == "greedy") break;
    }
  }
  EXPECT_GT(equal, 1000);
  RecordProperty("equal", equal);
  RecordProperty("skipped", skipped);
  EXPECT_LE(skipped, (equal + skipped) / 4) << "too few decisions are clear to prove anything";
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::Values("llama", "mixtral", "deepseek"),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(Models, GoldenSequences,
                         testing::Values("mixtral", "deepseek", "qwen3moe", "gpt_oss"),
                         [](const auto& info) { return std::string(info.param); });

/// 300 tokens of every other family: long enough for windows, YaRN and groups to matter.
class GoldenFamily : public testing::TestWithParam<const char*> {
 protected:
  GoldenFamily() : golden_(golden_json(std::string(GetParam()) + ".json")) {}

  /// Feeds the text in pieces of n_piece rows and compares what the reference recorded.
  void compare(bool flash, size_t n_piece) {
    TinyModel m(golden(std::string(GetParam()) + ".gguf"), 512, GGML_TYPE_F32, flash);
    const RoutingPolicy policy("topk", m.router());
    const SeqId seq = m.engine.open();
    const auto tokens = golden_["tokens"].get<std::vector<int>>();
    for (size_t first = 0; first < tokens.size(); first += n_piece) {
      RowGroup group{&policy, {}};
      const size_t end = std::min(tokens.size(), first + n_piece);
      for (size_t i = first; i < end; ++i) group.rows.push_back({seq, tokens[i], Output::logits});
      const StepResult& r = m.engine.run({.batch = {&group, 1}, .taps = {.routing = m.router().moe()}});
      for (size_t i = first; i < end; ++i) compare_row(r, i - first, i);
    }
    if (golden_["experts"].empty()) return;
    EXPECT_GE(n_choice_, 600);
    EXPECT_LT(n_near_tie_, n_choice_ / 20);
  }

 private:
  void compare_row(const StepResult& r, size_t row, size_t position) {
    for (size_t g = 0; g < golden_["rows"].size(); ++g) {
      if (golden_["rows"][g] != position) continue;
      EXPECT_LT(max_difference(r.logits(row), golden_["logits"][g].get<std::vector<float>>()), 1e-3f)
          << "position " << position;
    }
    for (size_t layer = 0; layer < golden_["experts"].size(); ++layer) {
      ++n_choice_;
      if (golden_["gaps"][layer][position].get<double>() < 1e-4) {
        ++n_near_tie_;
        continue;
      }
      std::vector<int> ids = r.routing[row][layer].experts;
      std::sort(ids.begin(), ids.end());
      EXPECT_EQ(ids, golden_["experts"][layer][position].get<std::vector<int>>())
          << "position " << position << " MoE layer " << layer;
    }
  }

  nlohmann::json golden_;
  int n_choice_ = 0, n_near_tie_ = 0;
};

TEST_P(GoldenFamily, PrefillEqualsTransformers) {
  compare(true, 300);
  compare(false, 300);
}
TEST_P(GoldenFamily, SteppingEqualsTransformers) {
  compare(true, 1);
}
TEST_P(GoldenFamily, PiecesEqualTransformers) {
  compare(true, 37);
  compare(true, 7);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenFamily,
                         testing::Values("qwen2moe", "qwen3moe", "olmoe", "gpt_oss", "granitemoe",
                                         "deepseek2", "deepseek2_plain", "deepseek2_lite", "deepseek3",
                                         "qwen2", "qwen3", "glm4moe", "dots1", "ernie4_5_moe", "hunyuan_moe",
                                         "minimax_m2", "qwen3vlmoe"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Latent, AbsorbedAndPlainFormsAgreeAndTakeTheBytesThatInspectPredicts) {
  TinyModel absorbed(golden("deepseek2.gguf")), plain(golden("deepseek2_plain.gguf"));
  std::vector<int> text;
  for (int i = 0; i < 60; ++i) text.push_back(i * 37 % 271);
  EXPECT_LT(max_difference(absorbed.logits(text), plain.logits(text)), 1e-4f);
  for (TinyModel* m : {&absorbed, &plain})
    EXPECT_EQ(m->engine.kv_bytes(), static_cast<uint64_t>(m->model->spec().kv_elements()) * sizeof(float) *
                                        static_cast<uint64_t>(m->engine.n_cell()));
  EXPECT_LT(absorbed.engine.kv_bytes() * 2, plain.engine.kv_bytes());
}

}  // namespace rouse
