/// What items cost: shares that add up, and rows whose sum is what the engine counted.
#include "eval/cost.h"

#include "base/json.h"
#include "eval/runner.h"
#include "eval/tasks/tasks.h"
#include "support.h"

namespace rouse {
namespace {

EvalJson row_of(const ItemCost& cost) {
  return {{"doc_id", 0}, {"id", "a"}, {"acc", 1}, {"cost", item_cost_json(cost)}};
}

/// Nine questions, some of which begin alike.
std::vector<Item> questions() {
  std::vector<Item> out;
  for (int i = 0; i < 9; ++i) {
    Item item;
    item.id = cat("q", i);
    item.doc = {{"id", item.id}, {"answer", 0}, {"answers", {"x"}}};
    item.prompt = cat("Question: ", i % 3 == 0 ? "the man and the hen" : "of the inn", std::string(i, 'a'),
                      "\nAnswer:");
    item.choices = {" one", std::string(" two and") + std::string(i, 'b')};
    out.push_back(std::move(item));
  }
  return out;
}

/// The rows of a task over questions, and what the engine counted meanwhile.
std::vector<EvalJson> run(const TaskEntry& task, const std::string& variant, const RunnerOptions& options,
                          Cost& counted, std::vector<Item> items = questions()) {
  const TempDir dir;
  TinyModel m(golden("mixtral.gguf"), 4096);
  const Tokenizer tokenizer{GgufFile(golden("mixtral.gguf"))};
  MethodOptions method;
  method.name = variant;
  const auto made = sample_methods(method, options.n_sample, m.models());
  if (task.kind == TaskKind::text)
    for (Item& item : items) item.choices.clear();
  SampleLog log(dir / "samples.jsonl");
  const Cost before = m.engine.cost();
  EXPECT_TRUE(run_task(task, items, {{&m.engine}, tokenizer, made, true}, options, log, {}));
  counted = m.engine.cost() - before;
  return log.rows();
}

}  // namespace

TEST(EvalCost, SharesAreWholeAndAddUp) {
  EXPECT_EQ(shares(10, std::vector<int64_t>{1, 1, 1}), (std::vector<int64_t>{3, 3, 4}));
  EXPECT_EQ(shares(7, std::vector<int64_t>{5, 0, 2}), (std::vector<int64_t>{5, 0, 2}));
  EXPECT_EQ(shares(0, std::vector<int64_t>{5}), (std::vector<int64_t>{0}));
  const int64_t large = int64_t{3} << 60;
  EXPECT_EQ(shares(large, std::vector<int64_t>{int64_t{1} << 30, int64_t{3} << 30}),
            (std::vector<int64_t>{large / 4, large / 4 * 3}));
}

TEST(EvalCost, IsTheSumOfTheRowsOrUnknown) {
  const ItemCost a{.n_token = 2,
                   .n_text = 4,
                   .rows = 8,
                   .expert_evaluations = 48,
                   .weight_bytes = 400,
                   .head_rows = 2,
                   .n_cut = 1,
                   .seconds = 1.5};
  const ItemCost b{.n_token = 3,
                   .n_text = 6,
                   .rows = 12,
                   .expert_evaluations = 52,
                   .weight_bytes = 700,
                   .head_rows = 3,
                   .n_cut = 0,
                   .seconds = 0.5};
  std::vector<EvalJson> rows{row_of(a), row_of(b), {{"doc_id", 2}, {"id", "c"}, {"error", "failed"}}};
  const EvalJson cost = task_cost_json(rows);
  EXPECT_EQ(cost["items"], 2) << "the third failed";
  EXPECT_EQ(cost["expert_evaluations_per_token"], 10.0);
  EXPECT_EQ(cost["weight_bytes_per_token"], 110.0);
  EXPECT_EQ(cost["tokens_per_second"], 2.5);
  EXPECT_EQ(cost["counts"]["rows"], 20);
  EXPECT_EQ(cost["counts"]["prompts_cut"], 1);
  rows[1].erase("cost");  // as an earlier rouse left it
  EXPECT_FALSE(total_cost(rows));
  EXPECT_TRUE(task_cost_json(rows).contains("unknown"));
  EXPECT_FALSE(task_cost_json(rows).contains("expert_evaluations_per_token")) << "never 0";
  EXPECT_TRUE(task_cost_json({}).contains("unknown")) << "nothing was scored";
}

TEST(EvalCost, RowsAddUpToWhatTheEngineCounted) {
  for (const TaskEntry* task : {&kArcEasy, &kTriviaqa})
    for (const char* method : {"greedy", "scmoe", "dola"})
      for (const int n_sample : {1, 3}) {
        if (n_sample > 1 && task->kind != TaskKind::text) continue;
        RunnerOptions options;
        options.n_parallel = 6, options.n_predict = 5, options.n_sample = n_sample;
        options.sampling.temperature = n_sample > 1 ? 1.0f : 0.0f;
        Cost counted;
        const std::vector<EvalJson> rows = run(*task, method, options, counted);
        ASSERT_EQ(rows.size(), 9u);
        const auto total = total_cost(rows);
        ASSERT_TRUE(total);
        const std::string what = cat(task->name, " ", method, " x", n_sample);
        EXPECT_GT(total->rows, 0) << what;
        EXPECT_EQ(total->rows, counted.rows) << what;
        EXPECT_EQ(total->expert_evaluations, counted.expert_evaluations) << what;
        EXPECT_EQ(total->head_rows, counted.head_rows) << what;
        EXPECT_EQ(total->weight_bytes, counted.weight_bytes) << what;
        for (const EvalJson& row : rows) EXPECT_GT(row["cost"]["rows"], 0) << what << row;
      }
}

/// As few-shot prompts are: what they begin with runs once on each stream, and every answer is what it is
/// alone.
TEST(EvalCost, WhatPromptsBeginWithRunsOnceABlock) {
  const std::string shots =
      "Question: the man and the hen of the inn, the hen and the man in the inn of the "
      "tan fen\nAnswer: ten men in the fen and one hen in the inn\n\n";
  const Tokenizer tokenizer{GgufFile(golden("mixtral.gguf"))};
  for (const char* method : {"greedy", "scmoe", "dola", "contrastive", "beam"}) {
    RunnerOptions options;
    options.n_parallel = 3, options.n_predict = 6;
    std::vector<Item> items = questions();
    int64_t n_prompt = 0;
    for (Item& item : items) {
      item.prompt = shots + item.prompt;
      n_prompt += static_cast<int64_t>(tokenizer.encode(item.prompt, true, false).size());
    }
    Cost counted, alone_counted;
    const std::vector<EvalJson> rows = run(kTriviaqa, method, options, counted, items);
    ASSERT_EQ(rows.size(), 9u);
    EXPECT_EQ(total_cost(rows)->rows, counted.rows) << method;
    EXPECT_EQ(total_cost(rows)->expert_evaluations, counted.expert_evaluations) << method;
    EXPECT_EQ(total_cost(rows)->weight_bytes, counted.weight_bytes) << method;
    for (size_t i = 0; i < items.size(); ++i) {
      const std::vector<EvalJson> alone = run(kTriviaqa, method, options, alone_counted, {items[i]});
      EXPECT_EQ(rows[i]["resps"], alone[0]["resps"]) << method << " item " << i;
    }
    if (std::string(method) == "greedy") {
      const auto n_shot = static_cast<int64_t>(tokenizer.encode(shots, true, false).size());
      EXPECT_LE(counted.rows, n_prompt - 8 * (n_shot - 4) + 9 * 6) << "eight of nine prompts begin with it";
      EXPECT_GE(counted.rows, n_prompt - 8 * (n_shot + 12));
    }
  }
}

TEST(EvalCost, WhatIsScoredTogetherPaysByItsText) {
  Cost counted;
  const std::vector<EvalJson> rows = run(kArcEasy, "greedy", {}, counted);
  // One block: shares of the engine's rows in proportion to prompt and choices, cumulated and rounded down.
  const auto text = [](const EvalJson& row) { return row["cost"]["rows"].get<int64_t>(); };
  EXPECT_GT(text(rows[8]), text(rows[1])) << "a longer text of the same beginning";
  int64_t texts = 0;
  for (const EvalJson& row : rows) texts += row["cost"]["text_tokens"].get<int64_t>();
  EXPECT_EQ(texts, counted.rows) << "one stream: every row is a token of a text";
}

}  // namespace rouse
