/// What a text cost, by phase: rows, expert evaluations and time of the prompt and of the steps.
#include "support.h"

namespace rouse {
namespace {

constexpr int kWeakFrom = 3;  ///< the step at which the waiting stream runs for the first time

/// Greedy on one stream; a second one, of one expert a row, waits and runs everything at step kWeakFrom.
class Waiting final : public Method {
 public:
  explicit Waiting(const RouterSpec& router)
      : streams_{{RoutingPolicy("topk", router)}, {RoutingPolicy("rank:1", router)}} {}
  const std::vector<Stream>& streams() const override { return streams_; }
  void append(std::span<const int> tokens) override {
    pending_.assign(tokens.begin(), tokens.end());
    waiting_.insert(waiting_.end(), tokens.begin(), tokens.end());
    ++step_;
  }
  Asks ask(const TokenFilter&) override {
    std::vector<Ask> asks{{.stream = 0, .tokens = pending_, .output = Output::logits, .prompt = step_ == 1}};
    if (step_ == kWeakFrom)
      asks.push_back({.stream = 1, .tokens = waiting_, .output = Output::hidden, .prompt = true});
    return {asks};
  }
  bool answer(std::span<const Answer> answers, const TokenFilter&, std::vector<float>& scores) override {
    scores.assign(answers[0].logits.begin(), answers[0].logits.end());
    return true;
  }
  std::unique_ptr<Method> clone() const override { return std::make_unique<Waiting>(*this); }

 private:
  std::vector<Stream> streams_;
  std::vector<int> pending_, waiting_;
  int step_ = 0;
};

}  // namespace

TEST(Phases, HoldWhatWasRunOfThemWheneverThatWas) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = kWeakFrom;
  o.ignore_eos = true;
  const std::vector<int> prompt{271, 5, 9, 11, 7};
  Generation g({&m.engine}, tokenizer, std::make_unique<Waiting>(m.router()), prompt, o);
  Generation* one = &g;
  run_generations({&m.engine}, {&one, 1});
  ASSERT_EQ(g.tokens().size(), 3u);
  const auto n = static_cast<int64_t>(prompt.size()), layers = static_cast<int64_t>(m.router().layers.size());
  EXPECT_EQ(g.prefill().cost.rows, 2 * n) << "the prompt of both streams";
  EXPECT_EQ(g.step().cost.rows, 4) << "two steps, and their rows of the stream that waited";
  // Rows without an output end before the last block's experts.
  EXPECT_EQ(g.prefill().cost.expert_evaluations, n * (layers - 1) * (2 + 1) + 2);
  EXPECT_EQ(g.step().cost.expert_evaluations, 2 * layers * 2 + 2 * (layers - 1) + 1);
  EXPECT_EQ(g.prefill().cost.steps + g.step().cost.steps, 3);
  EXPECT_GT(g.prefill().seconds, 0);
  EXPECT_GT(g.step().seconds, 0);
}

/// The same rows and evaluations whether the weak stream's prompt runs at once or waits for its first use.
TEST(Phases, AreTheSameForEveryExecutionOfTheSameText) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 6;
  o.ignore_eos = true;
  std::map<std::string, Cost> prefill;
  for (const char* execution : {"fused", "lazy"}) {
    MethodOptions method;
    method.name = "scmoe";
    method.weak = "rank:2";
    method.execution = execution;
    method.simulate_weak_needed = 1.0;  // every step, so that nothing of the weak stream is left out
    Generation g({&m.engine}, tokenizer, make_method(method, m.models()), {271, 5, 9, 11, 7}, o);
    Generation* one = &g;
    run_generations({&m.engine}, {&one, 1});
    prefill[execution] = g.prefill().cost;
  }
  EXPECT_EQ(prefill["lazy"].rows, prefill["fused"].rows);
  EXPECT_EQ(prefill["lazy"].expert_evaluations, prefill["fused"].expert_evaluations);
}

}  // namespace rouse
