/// Task files: the same items and scores as the benchmarks that rouse has, the same prompts as
/// lm-evaluation-harness, and what is wrong with one.
#include "eval/task_file.h"

#include <cmath>

#include "base/json.h"
#include "base/random.h"
#include "eval/fewshot.h"
#include "eval/tasks/tasks.h"
#include "support.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// The benchmarks' data beside the checkout, or "".
std::string shared_data() {
  for (const char* up : {"/../../../shared/data", "/../../../../shared/data"})
    if (fs::exists(std::string(ROUSE_GOLDEN) + up)) return std::string(ROUSE_GOLDEN) + up;
  return "";
}

std::string written(const TempDir& dir, const std::string& name, const Json& task) {
  std::ofstream(dir / name) << task.dump(1);
  return dir / name;
}
/// A task file over one data file.
Json task_of(const char* name, const char* type, const std::string& data) {
  return {{"task", name},
          {"dataset_kwargs", {{"data_files", {{"test", data}}}}},
          {"test_split", "test"},
          {"output_type", type}};
}

/// Log-likelihoods drawn by seed.
Response drawn(const Item& item, Random& random) {
  Response out;
  for (size_t c = 0; c < item.choices.size(); ++c) {
    out.log_probs.emplace_back();
    for (uint32_t t = 0; t < 1 + random.below(6); ++t) out.log_probs[c].push_back(-random.uniform() * 4);
  }
  return out;
}

/// The same items, and the same scores of the same responses.
void expect_same(const TaskEntry& task, const std::string& folder, const TaskFile& file,
                 const std::vector<std::pair<std::string, std::string>>& metrics,
                 const std::vector<std::string>& texts = {}) {
  TaskInput input;
  input.folder = folder;
  const LoadedTask built_in = load_task(task, input, 0, 1), own = load_task(file.entry(), {}, 0, 1);
  EXPECT_TRUE(own.errors.empty()) << own.errors[0];
  ASSERT_EQ(own.items.size(), built_in.items.size());
  Random random(7);
  for (size_t i = 0; i < own.items.size(); ++i) {
    const Item &a = built_in.items[i], &b = own.items[i];
    ASSERT_EQ(b.id, a.id);
    ASSERT_EQ(b.prompt, a.prompt);
    ASSERT_EQ(b.choices, a.choices);
    ASSERT_EQ(b.doc, a.doc);
    Response response = drawn(a, random);
    if (!texts.empty()) {
      const std::string& form = texts[i % texts.size()];
      const size_t hole = form.find('@');
      response.text =
          hole == std::string::npos ? form : form.substr(0, hole) + a.target + form.substr(hole + 1);
    }
    const Scores expected = task.score(a, response), got = file.score(b, response);
    const auto value = [](const Scores& scores, const std::string& name) {
      const auto at =
          std::find_if(scores.begin(), scores.end(), [&](const auto& s) { return s.first == name; });
      return at == scores.end() ? NAN : at->second;
    };
    for (const auto& [ours, theirs] : metrics) ASSERT_EQ(value(got, ours), value(expected, theirs)) << a.id;
  }
}

Json arc_task(const std::string& data) {
  Json t = task_of("my_arc", "multiple_choice", data);
  t["doc_to_text"] = "Question: {{question}}\nAnswer:";
  t["doc_to_choice"] = "choices";
  t["doc_to_target"] = "answer";
  return t;
}

}  // namespace

TEST(TaskFiles, TheLabTasksAsFilesAreTheLabTasks) {
  const TempDir dir;
  const std::string folder = std::string(ROUSE_MODELS) + "/lab";
  Json contrast = task_of("my_contrast", "multiple_choice", folder + "/lab_contrast.jsonl");
  contrast["doc_to_text"] = "question";
  contrast["doc_to_choice"] = "{{ [completion] + contradictions }}";
  contrast["doc_to_target"] = 0;
  contrast["doc_to_group"] = "band";
  contrast["target_delimiter"] = "";
  contrast["metric_list"] = {{{"metric", "acc_token"}}};
  expect_same(kLabContrast, folder, TaskFile(written(dir, "c.json", contrast)), {{"acc_token", "acc"}});

  Json arithmetic = task_of("my_arithmetic", "generate_until", folder + "/lab_arithmetic.jsonl");
  arithmetic["doc_to_text"] = "{{question}}";
  arithmetic["doc_to_target"] = "answer";
  arithmetic["extractor"] = "number";
  arithmetic["generation_kwargs"] = {{"until", Json::array()}, {"max_gen_toks", 160}};
  expect_same(kLabArithmetic, folder, TaskFile(written(dir, "a.json", arithmetic)),
              {{"exact_match", "exact_match"}},
              {" The answer is @.", " 12 and then @", " nothing", " The answer is 3. Question: @"});
}

TEST(TaskFiles, BenchmarksAsFilesAreTheBenchmarks) {
  const std::string data = shared_data();
  if (data.empty()) GTEST_SKIP() << "the benchmarks' data is not beside the checkout";
  const TempDir dir;
  expect_same(kArcEasy, data, TaskFile(written(dir, "arc.json", arc_task(data + "/arc_easy.jsonl"))),
              {{"acc", "acc"}, {"acc_norm", "acc_norm"}});

  Json gsm8k = task_of("my_gsm8k", "generate_until", data + "/gsm8k_test.jsonl");
  gsm8k["doc_to_text"] = "Question: {{question}}\nAnswer:";
  gsm8k["doc_to_target"] = "{{answer}}";
  gsm8k["num_fewshot"] = 8;
  gsm8k["fewshot_config"] = {{"samples", read_json(data + "/fewshot/gsm8k.json")["examples"]},
                             {"doc_to_target", "{{rationale}} The answer is {{answer}}."}};
  gsm8k["generation_kwargs"] = {{"until", {"\n\n", "\nQuestion:"}}, {"max_gen_toks", 512}};
  gsm8k["extractor"] = "number";
  expect_same(kGsm8k, data, TaskFile(written(dir, "gsm8k.json", gsm8k)), {{"exact_match", "exact_match"}},
              {" The answer is @.", " The answer is $@.00", " 7", " The answer is 1@.\nQuestion: @"});

  Json trivia = task_of("my_trivia", "generate_until", data + "/triviaqa.jsonl");
  trivia["doc_to_text"] = "Question: {{question}}\nAnswer:";
  trivia["doc_to_target"] = "{{answers}}";
  trivia["generation_kwargs"] = {{"until", "\n"}, {"max_gen_toks", 64}};
  trivia["extractor"] = "line";
  trivia["metric_list"] = {{{"metric", "quasi_exact_match"}}};
  expect_same(kTriviaqa, data, TaskFile(written(dir, "trivia.json", trivia)),
              {{"quasi_exact_match", "exact_match"}}, {" the @!", " @\nMore", " @ and others", " no"});

  Json truthful = task_of("my_truth", "multiple_choice", data + "/truthfulqa.jsonl");
  truthful["doc_to_text"] = "Q: {{question}}\nA:";
  truthful["doc_to_choice"] = "{{mc2_targets.choices}}";
  truthful["doc_to_target"] =
      "[{% for l in mc2_targets.labels %}{% if l == 1 %}{{ loop.index0 }}, {% endif %}{% endfor %}]";
  truthful["num_fewshot"] = 6;
  truthful["fewshot_config"] = {{"samples", read_json(data + "/fewshot/truthfulqa.json")["examples"]},
                                {"doc_to_choice", "{{[answer]}}"},
                                {"doc_to_target", 0}};
  truthful["metric_list"] = {{{"metric", "mc2"}}};
  expect_same(kTruthfulqaMc2, data, TaskFile(written(dir, "truth.json", truthful)), {{"mc2", "acc"}});

  Json mbpp = task_of("my_mbpp", "generate_until", data + "/mbpp_test.jsonl");
  mbpp["doc_to_text"] =
      "You are an expert Python programmer, and here is your task: {{prompt}} Your code should pass these "
      "tests:\n\n{% for t in test_list %}{{t}}\n{% endfor %}[BEGIN]\n";
  mbpp["doc_to_target"] = "{{setup_code}}\n{{test_list | join('\n')}}";
  mbpp["target_delimiter"] = "";
  mbpp["num_fewshot"] = 3;
  mbpp["fewshot_config"] = {{"samples", read_json(data + "/fewshot/mbpp.json")["examples"]},
                            {"doc_to_target", "{{code}}\n[DONE]"}};
  mbpp["generation_kwargs"] = {{"until", "[DONE]"}, {"max_gen_toks", 512}};
  mbpp["extractor"] = "code";
  mbpp["metric_list"] = {{{"metric", "pass@1"}}};
  const TaskFile file(written(dir, "mbpp.json", mbpp));
  TaskInput input;
  input.folder = data;
  const LoadedTask a = load_task(kMbpp, input, 0, 1), b = load_task(file.entry(), {}, 0, 1);
  ASSERT_EQ(a.items.size(), b.items.size());
  for (size_t i = 0; i < a.items.size(); ++i) {
    ASSERT_EQ(a.items[i].prompt, b.items[i].prompt);
    ASSERT_EQ(kMbpp.program(a.items[i], "```python\nx\n```"), file.program(b.items[i], "```python\nx\n```"));
  }
}

/// tools/golden/task_files.py: the harness's own code over the same files.
TEST(TaskFiles, PromptsAndChoicesAreLmEvaluationHarnesss) {
  const Json cases = read_json(golden("task_files.json"));
  size_t n = 0;
  for (const Json& c : cases) {
    const TempDir dir;
    Json task = c["task"];
    task["dataset_path"] = "json";
    for (const auto& [split, records] : c["data"].items()) {
      std::ofstream out(dir / split + ".jsonl");
      for (const Json& record : records) out << record.dump() << "\n";
      task["dataset_kwargs"]["data_files"][split] = split + ".jsonl";
    }
    const TaskFile file(written(dir, "t.json", task));
    const LoadedTask loaded = load_task(file.entry(), {}, 0, 1);
    ASSERT_TRUE(loaded.errors.empty()) << loaded.errors[0];
    ASSERT_EQ(loaded.items.size(), c["asked"].size());
    for (size_t i = 0; i < loaded.items.size(); ++i, ++n) {
      const Json& asked = c["asked"][i];
      const Item& item = loaded.items[i];
      EXPECT_EQ(item.prompt, asked["prompt"].get<std::string>()) << file.entry().name;
      EXPECT_EQ(item.gold, asked["gold"]) << file.entry().name;
      if (asked.contains("choices")) {
        EXPECT_EQ(Json(item.choices), asked["choices"]);
      }
      for (size_t s = 0; asked.contains("until") && s < asked["until"].size(); ++s)
        EXPECT_EQ(file.entry().stop[s], asked["until"][s].get<std::string>());
    }
  }
  EXPECT_EQ(n, 14u);
}

TEST(TaskFiles, ScoresByPencil) {
  EXPECT_EQ(choice_letter("The answer is (B)."), "B");
  EXPECT_EQ(choice_letter(" C. Because A is wrong"), "C");
  EXPECT_EQ(choice_letter("It is a cat, so (D)"), "D");
  EXPECT_EQ(choice_letter("Because"), std::nullopt);
  const auto score = [](const char* name, const char* answer, const char* gold, MatchOptions o = {}) {
    for (const TextMetric& m : text_metrics())
      if (std::string(name) == m.name) return m.score(answer, gold, o);
    return -1.0;
  };
  EXPECT_EQ(score("exact_match", "Paris", "paris"), 0);
  EXPECT_EQ(score("exact_match", "Paris!", "paris", {.ignore_case = true, .ignore_punctuation = true}), 1);
  EXPECT_EQ(score("quasi_exact_match", "The Paris.", "paris"), 1);
  EXPECT_EQ(score("contains", "It is Paris, I think", "paris"), 1);
  EXPECT_EQ(score("contains", "Comparison", "paris"), 0);
  EXPECT_DOUBLE_EQ(score("f1", "a big red cat", "the red dog"), 2 * 1.0 / 5);
  EXPECT_EQ(score("rougeL", "red cat", "red cat"), 1);
}

TEST(TaskFiles, WhatIsWrongIsNamedByFileKeyFoundAndWanted) {
  const TempDir dir;
  std::ofstream(dir / "d.jsonl") << R"({"question": "q?", "choices": ["x", "y"], "answer": 1})"
                                 << "\n";
  const Json good = arc_task("d.jsonl");
  EXPECT_EQ(load_task(TaskFile(written(dir, "t.json", good)).entry(), {}, 0, 1).items.size(), 1u);
  const auto with = [&](const char* key, const Json& value) {
    Json t = good;
    if (value.is_null())
      t.erase(key);
    else
      t[key] = value;
    return t;
  };
  const std::pair<Json, const char*> cases[] = {
      {with("doc_to_txt", "x"), "t.json: unknown field \"doc_to_txt\"; known: task"},
      {with("doc_to_text", nullptr), "t.json: field doc_to_text is missing"},
      {with("doc_to_text", 7), "t.json: doc_to_text is 7, expected text"},
      {with("doc_to_choice", nullptr), "t.json: doc_to_choice is missing"},
      {with("task", nullptr), "t.json: field task is missing"},
      {with("task", "gsm8k"), "t.json: task is \"gsm8k\", which is a benchmark of rouse"},
      {with("task", "a b"), "t.json: task is \"a b\", expected a name of letters"},
      {with("output_type", "loglikelihood"), "output_type is \"loglikelihood\", expected multiple_choice or"},
      {with("test_split", "dev"), "test_split is \"dev\", expected a split of dataset_kwargs.data_files"},
      {with("dataset_path", "squad"), "dataset_path is \"squad\", expected json"},
      {with("metric_list", {{{"metric", "acc_nrm"}}}), "metric_list[0].metric: unknown name \"acc_nrm\""},
      {with("metric_list", {{{"metric", "acc"}}, {{"metric", "acc"}}}), "\"acc\" is there twice"},
      {with("num_fewshot", 2), "num_fewshot is 2, but there are no examples"},
      {with("num_fewshot", -1), "num_fewshot is -1, expected an integer of 0 to 64"},
      {with("filter_list", Json::array({1})),
       "filter_list is of lm-evaluation-harness alone; name an extractor"},
      {with("extractor", "number"), "extractor is given, but multiple_choice generates no text"},
      {with("fewshot_config", {{"sampler", "random"}}),
       "fewshot_config.sampler is \"random\", expected first_n"},
      {with("generation_kwargs", {{"until", "x"}}), "generation_kwargs is given"},
  };
  for (const auto& [task, part] : cases) {
    const Json& t = task;
    expect_refusal([&] { TaskFile file(written(dir, "t.json", t)); }, ErrorKind::usage, part);
  }
  Json code = task_of("c", "generate_until", "d.jsonl");
  code["doc_to_text"] = code["doc_to_target"] = "{{question}}";
  code["metric_list"] = {{{"metric", "pass@1"}}};
  expect_refusal([&] { TaskFile file(written(dir, "t.json", code)); }, ErrorKind::usage,
                 "metric pass@1 needs extractor \"code\"");
  std::ofstream(dir / "t.json") << "{";
  expect_refusal([&] { TaskFile file(dir / "t.json"); }, ErrorKind::usage, "t.json: is broken JSON");
  expect_refusal([&] { TaskFile file(dir / "no.json"); }, ErrorKind::usage, "no.json: cannot open");
  const std::string one = written(dir, "1.json", good), two = written(dir, "2.json", good);
  const std::vector<std::string> both{one, two};
  expect_refusal([&] { read_task_files(both); }, ErrorKind::usage, "2.json: task is \"my_arc\", as in");
}

TEST(TaskFiles, ARecordThatMakesNoItemIsNamedByItsLineAndTheOthersStay) {
  const TempDir dir;
  std::ofstream(dir / "d.jsonl") << R"({"question": "q?", "choices": ["x", "y"], "answer": 1})"
                                 << "\n\nbroken\n"
                                 << R"({"choices": ["x", "y"], "answer": 1})"
                                 << "\n"
                                 << R"({"question": "q?", "choices": ["x", "y"], "answer": 2})"
                                 << "\n"
                                 << R"({"question": "q?", "choices": [], "answer": 0})"
                                 << "\n"
                                 << R"({"question": ["q"], "choices": ["x"], "answer": 0})"
                                 << "\n"
                                 << R"({"question": "q?", "choices": ["x", "y"], "answer": "y"})"
                                 << "\n[1]\n";
  const auto load = [&](const Json& task) {
    const TaskFile file(written(dir, "t.json", task));
    return load_task(file.entry(), {}, 0, 1);
  };
  const LoadedTask loaded = load(arc_task("d.jsonl"));
  ASSERT_EQ(loaded.items.size(), 2u);
  EXPECT_EQ(loaded.items[0].id, "my_arc_0000") << "records without an id are numbered";
  EXPECT_EQ(loaded.items[1].gold, Json::array({1}));
  const char* parts[] = {"d.jsonl:3: is broken JSON",
                         "d.jsonl:9: is [1], expected an object",
                         "d.jsonl:4: ",
                         "d.jsonl:5: ",
                         "d.jsonl:6: ",
                         "d.jsonl:7: "};
  ASSERT_EQ(loaded.errors.size(), std::size(parts));
  for (size_t i = 0; i < std::size(parts); ++i)
    EXPECT_NE(loaded.errors[i].find(parts[i]), std::string::npos) << loaded.errors[i];
  EXPECT_NE(loaded.errors[2].find("t.json: doc_to_text cannot be rendered: question is not there"),
            std::string::npos)
      << loaded.errors[2];
  EXPECT_NE(loaded.errors[3].find("t.json: doc_to_target is 2, expected an integer of 0 to 1"),
            std::string::npos)
      << loaded.errors[3];

  Json numbers = task_of("n", "generate_until", "d.jsonl");
  numbers["doc_to_text"] = "q";
  numbers["doc_to_target"] = "many";
  numbers["extractor"] = "number";
  const LoadedTask none = load(numbers);
  ASSERT_FALSE(none.errors.empty());
  EXPECT_NE(
      none.errors.back().find("doc_to_target is \"many\", in which extractor \"number\" finds no answer"),
      std::string::npos)
      << none.errors.back();
  numbers["doc_to_text"] = "{% if %}";
  std::ofstream(dir / "d.jsonl") << R"({"a": 1})";
  EXPECT_NE(load(numbers).errors[0].find("t.json: doc_to_text cannot be rendered"), std::string::npos);
  numbers["doc_to_text"] = "{% for i in range(1000000000) %}{{i}}{% endfor %}";
  EXPECT_NE(load(numbers).errors[0].find("t.json: doc_to_text"), std::string::npos)
      << "ends within its limits";
}

/// docs/eval.md: the text of an indented block after the line that names it.
static std::string documented(const std::string& title) {
  const std::string all = read_file(std::string(ROUSE_GOLDEN) + "/../../docs/eval.md");
  size_t at = all.find("\n" + title + "\n\n    ");
  EXPECT_NE(at, std::string::npos) << title;
  std::string out;
  for (at += title.size() + 3; all.compare(at, 4, "    ") == 0;) {
    const size_t end = all.find('\n', at);
    out += all.substr(at + 4, end + 1 - at - 4);
    at = end + 1;
  }
  return out;
}

TEST(TaskFiles, TheDocumentedExampleRunsAsWrittenAndAChangedFileIsRefused) {
  const TempDir dir;
  std::ofstream(dir / "capitals.jsonl") << documented("`capitals.jsonl`:");
  const std::string task = documented("`capitals.json`:");
  std::ofstream(dir / "capitals.json") << task;
  std::string command = documented("Run it:");
  ASSERT_TRUE(command.starts_with("rouse eval ")) << command;
  command.pop_back();
  const std::string go = "cd " + dir.path.string() + " && " + kEnvironment;
  const CommandResult r = rouse(command.substr(6), go);
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("capitals"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("n = 3"), std::string::npos) << r.out;
  const CommandResult list = rouse("eval --task-file capitals.json --tasks list", go);
  EXPECT_NE(list.out.find("capitals         multiple_choice, acc, of capitals.json"), std::string::npos)
      << list.out;
  const CommandResult show = rouse("eval show out --json", go);
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_EQ(rouse("report pareto out", go).code, 0);
  EXPECT_EQ(rouse(command.substr(6), go).code, 0) << "it is finished";
  std::string changed = task;
  changed.replace(changed.find("acc_norm"), 8, "acc_token");
  std::ofstream(dir / "capitals.json") << changed;
  const CommandResult again = rouse(command.substr(6), go);
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("items of capitals, task file was"), std::string::npos) << again.err;
}

}  // namespace rouse
