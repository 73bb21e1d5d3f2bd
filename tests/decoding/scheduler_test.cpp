/// Many texts at once: queueing, fairness, shared prompts, cancelling, running out of room.
#include "base/random.h"
#include "routing/plan.h"
#include "support.h"

namespace rouse {
namespace {

struct Lab {
  explicit Lab(int n_ctx = 1024, int n_batch = 512)
      : m(golden("mixtral.gguf"), n_ctx, GGML_TYPE_F32, true, n_batch), tokenizer(m.model->file()) {}
  std::unique_ptr<Generation> text(std::vector<int> prompt, int n_predict,
                                   const std::string& method = "greedy") {
    MethodOptions o;
    o.name = method;
    GenerateOptions g;
    g.n_predict = n_predict;
    g.ignore_eos = true;
    g.sampling = sampling;
    return std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(o, m.models()),
                                        std::move(prompt), g);
  }
  TinyModel m;
  Tokenizer tokenizer;
  SamplingOptions sampling;
};

std::vector<int> prompt(int n, int seed) {
  std::vector<int> out{271};
  for (int i = 1; i < n; ++i) out.push_back((i * 37 + seed * 11) % 271);
  return out;
}

}  // namespace

TEST(Scheduler, QueuesWhatDoesNotFitAndGivesEachWhatItGetsAlone) {
  Lab lab(256);
  std::vector<std::unique_ptr<Generation>> texts;
  Scheduler scheduler({&lab.m.engine});
  for (int i = 0; i < 7; ++i) {
    texts.push_back(lab.text(prompt(40 + i, i), 30, i == 3 ? "contrastive" : i == 5 ? "scmoe" : "greedy"));
    scheduler.submit(*texts.back());
  }
  size_t most = 0;
  bool waited = false;
  while (scheduler.step()) {
    most = std::max(most, scheduler.n_running());
    waited = waited || scheduler.n_waiting() > 0;
    EXPECT_GE(lab.m.engine.n_free(), 0);
  }
  EXPECT_TRUE(waited) << "seven texts of 70 cells and more cannot all run in 256";
  EXPECT_GE(most, 2u);
  EXPECT_EQ(lab.m.engine.n_free(), lab.m.engine.n_cell());
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(texts[static_cast<size_t>(i)]->tokens().size(), 30u);
    Lab other;
    auto alone = other.text(prompt(40 + i, i), 30, i == 3 ? "contrastive" : i == 5 ? "scmoe" : "greedy");
    Generation* one = alone.get();
    run_generations({&other.m.engine}, {&one, 1});
    EXPECT_EQ(texts[static_cast<size_t>(i)]->tokens(), alone->tokens()) << i;
  }
}

TEST(Scheduler, ALongPromptDoesNotHoldUpTheOthers) {
  Lab lab(2048, 64);
  auto quick = lab.text(prompt(4, 1), 40), slow = lab.text(prompt(600, 2), 4),
       searching = lab.text(prompt(300, 3), 6, "contrastive");
  Scheduler scheduler({&lab.m.engine});
  for (Generation* g : {quick.get(), slow.get(), searching.get()}) scheduler.submit(*g);
  for (int round = 0; round < 5; ++round) scheduler.step();
  EXPECT_EQ(quick->tokens().size(), 5u) << "a token a round";
  EXPECT_TRUE(slow->tokens().empty());
  while (scheduler.step()) {
  }
  for (const auto& [text, length, n, method] :
       {std::tuple{slow.get(), 600, 4, "greedy"}, std::tuple{searching.get(), 300, 6, "contrastive"}}) {
    Lab other(2048, 1024);
    auto alone = other.text(prompt(length, length == 600 ? 2 : 3), n, method);
    Generation* one = alone.get();
    run_generations({&other.m.engine}, {&one, 1});
    EXPECT_EQ(text->tokens(), alone->tokens()) << "a prompt in pieces is the same prompt";
    EXPECT_EQ(text->prefill().cost.rows, length);
  }
}

TEST(Scheduler, SamplesShareThePromptAndEqualSamplesAlone) {
  for (const char* method : {"greedy", "scmoe", "dola"}) {
    Lab lab;
    lab.sampling.temperature = 0.9f;
    lab.sampling.seed = 20;
    auto leader = lab.text(prompt(50, 1), 24, method);
    std::vector<std::unique_ptr<Generation>> samples;
    for (uint64_t i = 1; i < 5; ++i) samples.push_back(std::make_unique<Generation>(*leader, 20 + i));
    std::vector<Generation*> all{leader.get()};
    for (const auto& s : samples) all.push_back(s.get());
    run_generations({&lab.m.engine}, all);
    EXPECT_EQ(lab.m.engine.n_free(), lab.m.engine.n_cell());
    std::set<std::vector<int>> different;
    for (size_t i = 0; i < all.size(); ++i) {
      Lab other;
      other.sampling = lab.sampling;
      other.sampling.seed = 20 + i;
      auto alone = other.text(prompt(50, 1), 24, method);
      Generation* one = alone.get();
      run_generations({&other.m.engine}, {&one, 1});
      EXPECT_EQ(all[i]->tokens(), alone->tokens()) << method << " sample " << i;
      EXPECT_EQ(all[i]->prefill().cost.rows > 0, i == 0) << "the prompt ran once";
      different.insert(all[i]->tokens());
    }
    EXPECT_EQ(different.size(), all.size());
  }
}

TEST(Scheduler, ACancelledTextLeavesTheOthersAlone) {
  Lab lab;
  auto first = lab.text(prompt(20, 1), 50), second = lab.text(prompt(20, 2), 50);
  Generation sample(*first, 5);
  Scheduler scheduler({&lab.m.engine});
  for (Generation* g : {first.get(), &sample, second.get()}) scheduler.submit(*g);
  for (int i = 0; i < 10; ++i) scheduler.step();
  first->cancel();
  EXPECT_TRUE(scheduler.step());
  EXPECT_EQ(first->stop_reason(), StopReason::cancelled);
  EXPECT_EQ(first->tokens().size(), 10u);
  while (scheduler.step()) {
  }
  EXPECT_EQ(second->tokens().size(), 50u);
  EXPECT_EQ(sample.tokens().size(), 50u) << "it had its own cells by then";
  EXPECT_EQ(lab.m.engine.n_free(), lab.m.engine.n_cell());

  // Cancelled before its prompt ran: whoever waited for it cannot begin.
  auto leader = lab.text(prompt(20, 1), 5);
  auto follower = std::make_unique<Generation>(*leader, 5);
  leader->cancel();
  leader.reset();
  Generation* one = follower.get();
  run_generations({&lab.m.engine}, {&one, 1});
  EXPECT_EQ(follower->stop_reason(), StopReason::cancelled);
}

TEST(Scheduler, RunningOutOfRoomEndsATextAndAnImpossibleOneIsRefused) {
  Lab lab(256);
  auto endless = lab.text(prompt(20, 1), 5000), after = lab.text(prompt(20, 2), 10);
  Scheduler scheduler({&lab.m.engine});
  scheduler.submit(*endless);
  scheduler.submit(*after);
  while (scheduler.step()) {
  }
  EXPECT_EQ(endless->stop_reason(), StopReason::context);
  EXPECT_EQ(endless->tokens().size(), 256u - 20 + 1) << "every cell, and a token after the last row";
  EXPECT_EQ(after->tokens().size(), 10u) << "it waited for the first";
  expect_refusal([&] { lab.text(prompt(20, 1), 200, "beam"); }, ErrorKind::usage,
                 "this method needs 824 cells");
}

/// Texts come and go, and SCMoE's want weak rows in one step in so many. Whoever wants a row of some kind,
/// equal mixtures share a graph.
TEST(Scheduler, ARandomMixtureFindsItsGraphsAgain) {
  Lab lab(4096);
  Random random(7);
  Scheduler scheduler({&lab.m.engine});
  std::vector<std::unique_ptr<Generation>> texts;
  int n_step = 0;
  for (int i = 0; i < 60 || scheduler.n_running() > 0; ++n_step) {
    while (i < 60 && scheduler.n_running() + scheduler.n_waiting() < 6) {
      MethodOptions o;
      o.name = random.below(2) ? "scmoe" : "greedy";
      o.weak = "rank:2", o.execution = "lazy";
      o.simulate_weak_needed = 0.4;
      if (random.below(2)) o.routing = "rank:1";
      GenerateOptions g;
      g.n_predict = 20 + static_cast<int>(random.below(60));
      g.ignore_eos = true;
      texts.push_back(std::make_unique<Generation>(Engines{&lab.m.engine}, lab.tokenizer,
                                                   make_method(o, lab.m.models()),
                                                   prompt(4 + static_cast<int>(random.below(3)), i), g));
      scheduler.submit(*texts.back());
      ++i;
    }
    scheduler.step();
    scheduler.retire();
  }
  const auto built = static_cast<double>(lab.m.engine.n_graph_built());
  const auto run = static_cast<double>(lab.m.engine.cost().steps);
  std::printf("%d rounds, %.0f graphs run, %.0f built: %.1f%% found\n", n_step, run, built,
              100 * (1 - built / run));
  EXPECT_GT(1 - built / run, 0.7) << "57% where rows keep the order of the texts";
}

/// A plan that says what the model does anyway changes no method; one that does not is followed by each.
TEST(Scheduler, EveryMethodComposesWithAPlan) {
  Lab lab;
  const TempDir dir;
  Plan plan = Plan::empty(lab.m.router(), lab.m.model->spec().arch, lab.m.model->spec().n_layer);
  plan.fingerprint = lab.m.model->file().fingerprint();
  save_plan(plan, dir / "uniform.json");
  plan.budget = {1, 3, 2};
  save_plan(plan, dir / "other.json");
  for (const MethodEntry& entry : method_registry()) {
    if (entry.amateur) continue;
    const auto tokens = [&](const std::string& routing) {
      MethodOptions o;
      o.name = entry.name;
      o.routing = routing;
      o.routes = 2;  // of roe: the plan is one of them
      GenerateOptions g;
      g.n_predict = 24;
      g.ignore_eos = true;
      Generation text({&lab.m.engine}, lab.tokenizer, make_method(o, lab.m.models()), prompt(10, 1), g);
      Generation* one = &text;
      run_generations({&lab.m.engine}, {&one, 1});
      return text.tokens();
    };
    const auto standard = tokens("topk");
    EXPECT_EQ(tokens("plan:" + dir / "uniform.json"), standard) << entry.name;
    EXPECT_NE(tokens("plan:" + dir / "other.json"), standard) << entry.name;
  }
}

TEST(Scheduler, RefusesWhatDoesNotGoTogether) {
  const auto refused = [](const char* method, auto change, const char* part) {
    MethodOptions m;
    m.name = method;
    GenerateOptions g;
    change(g);
    expect_refusal([&] { check_options(m, g); }, ErrorKind::usage, part);
  };
  refused(
      "contrastive", [](auto& g) { g.sampling.temperature = 1; }, "temp must stay 0");
  refused(
      "beam", [](auto& g) { g.sampling.repeat_penalty = 1.2f; }, "penalties on tokens do not apply");
  refused(
      "beam", [](auto& g) { g.grammar = "root ::= \"a\""; }, "a grammar follows one");
  MethodOptions scmoe;
  scmoe.name = "scmoe";
  GenerateOptions g;
  g.sampling.temperature = 1;
  g.grammar = "root ::= \"a\"";
  EXPECT_NO_THROW(check_options(scmoe, g));
}

}  // namespace rouse
