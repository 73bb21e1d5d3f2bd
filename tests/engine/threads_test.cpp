#include "support.h"

namespace rouse {
namespace {

/// Logits of all rows of a text under a policy, `n_row` rows at a time.
std::vector<float> logits(Engine& engine, const std::string& routing, const std::vector<int>& tokens,
                          size_t n_row) {
  const RoutingPolicy policy(routing, engine.model().spec().router);
  const SeqId seq = engine.open();
  std::vector<float> out;
  for (size_t first = 0; first < tokens.size(); first += n_row) {
    RowGroup group{&policy, {}};
    for (size_t i = first; i < std::min(tokens.size(), first + n_row); ++i)
      group.rows.push_back({seq, tokens[i], Output::logits});
    const StepResult& r = engine.run({group});
    for (size_t i = 0; i < group.rows.size(); ++i) {
      const auto row = r.logits(i);
      out.insert(out.end(), row.begin(), row.end());
    }
  }
  engine.close(seq);
  return out;
}

}  // namespace

/// docs/methods.md, "What may depend on threads and batches".
TEST(Threads, ChangeNoBitOfStepsAndPromptsBelow128Rows) {
  for (const std::string& path :
       {std::string(ROUSE_MODELS) + "/rouse-lab.gguf", golden("mixtral.gguf"), golden("gpt_oss.gguf"),
        golden("deepseek2.gguf"), golden("qwen3moe.gguf"), golden("llama.gguf")}) {
    std::vector<std::unique_ptr<Engine>> engines;
    for (const int n_thread : {1, 2, 3})
      engines.push_back(std::make_unique<Engine>(
          std::make_shared<Model>(path, std::make_shared<Devices>(n_thread)), EngineOptions{.n_ctx = 256}));
    const bool moe = engines[0]->model().spec().router.moe();
    for (const char* routing : {"topk", "rank:2", "random:1", "topk:3", "dynamic:0.6"}) {
      if (!moe && std::string(routing) != "topk") continue;
      for (const size_t n_row : {1u, 5u, 40u, 127u}) {
        std::vector<int> tokens;
        for (size_t i = 0; i < (n_row == 1 ? 6 : n_row); ++i)
          tokens.push_back(static_cast<int>((i * 37 + 11) % 250));
        const std::vector<float> one = logits(*engines[0], routing, tokens, n_row);
        for (size_t e = 1; e < engines.size(); ++e)
          EXPECT_EQ(logits(*engines[e], routing, tokens, n_row), one)
              << path << " " << routing << " " << n_row << " rows, " << e + 1 << " threads";
      }
    }
  }
}

}  // namespace rouse
