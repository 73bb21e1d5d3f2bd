#include "support.h"

namespace rouse {
namespace {

/// Logits of all rows of a text under a policy, `n_row` rows at a time.
std::vector<float> logits(Engine& engine, const std::string& routing, const std::vector<int>& tokens,
                          size_t n_row) {
  const RoutingPolicy policy(routing, engine.spec().router);
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

/// docs/methods.md, "What may depend on threads and batches". Few tokens: every graph node is a barrier.
TEST(Threads, ChangeNoBitOfStepsAndPromptsBelow128Rows) {
  const auto engine_of = [](const std::string& path, int n_thread) {
    return std::make_unique<NativeEngine>(std::make_shared<Model>(path, std::make_shared<Devices>(n_thread)),
                                          EngineOptions{.n_ctx = 1024});
  };
  std::vector<int> tokens;
  for (int i = 0; i < 127; ++i) tokens.push_back((i * 37 + 11) % 250);
  const auto compare = [&](const std::string& path, const std::vector<int>& threads,
                           const std::vector<const char*>& policies, const std::vector<size_t>& sizes) {
    const auto one = engine_of(path, 1);
    for (const int n_thread : threads) {
      const auto many = engine_of(path, n_thread);
      for (const char* routing : policies)
        for (const size_t n_row : sizes) {
          const std::vector<int> some(tokens.begin(), tokens.begin() + (n_row == 1 ? 3 : n_row));
          EXPECT_EQ(logits(*many, routing, some, n_row), logits(*one, routing, some, n_row))
              << path << " " << routing << ", " << n_row << " rows, " << n_thread << " threads";
        }
    }
  };
  const std::string lab = std::string(ROUSE_MODELS) + "/rouse-lab.gguf";
  compare(lab, {2}, {"topk", "rank:2"}, {1, 40});
  compare(golden("mixtral.gguf"), {3}, {"rank:2"}, {127});
  compare(golden("deepseek2.gguf"), {2}, {"dynamic:0.6"}, {33});
}

/// A step after a long context is where an attention might split what it attends to among threads.
TEST(Threads, ChangeNoBitOfAStepAfterALongContext) {
  std::vector<int> tokens;
  for (int i = 0; i < 602; ++i) tokens.push_back((i * 37 + 11) % 250);
  for (const char* file : {"mixtral.gguf", "gpt_oss.gguf", "deepseek2.gguf"}) {
    std::vector<std::vector<float>> last;
    for (const int n_thread : {1, 2, 3}) {
      NativeEngine engine(std::make_shared<Model>(golden(file), std::make_shared<Devices>(n_thread)),
                          EngineOptions{.n_ctx = 1024});
      const RoutingPolicy policy("topk", engine.spec().router);
      const SeqId seq = engine.open();
      for (size_t first = 0; first < tokens.size();) {
        const size_t n = std::min<size_t>(100, first < 600 ? 600 - first : 1);
        RowGroup group{&policy, {}};
        for (size_t i = first; i < first + n; ++i) group.rows.push_back({seq, tokens[i], Output::none});
        group.rows.back().output = Output::logits;
        const auto row = engine.run({group}).logits(n - 1);
        if (first == 601) last.emplace_back(row.begin(), row.end());
        first += n;
      }
      EXPECT_EQ(last.back(), last.front()) << file << ", " << n_thread << " threads";
    }
  }
}

}  // namespace rouse
