/// Items that cannot be scored, and what decides where a prompt is cut.
#include "eval/runner.h"

#include <cctype>
#include <regex>

#include "support.h"

namespace rouse {
namespace {

/// A folder of small benchmarks: two questions without and one with a letter Z.
void write_data(const TempDir& dir) {
  const auto lines = [&](const char* file, std::initializer_list<std::string> records) {
    std::ofstream out(dir / file);
    for (const std::string& r : records) out << r << "\n";
  };
  const auto arc = [](const char* id, const std::string& question) {
    return cat(R"({"id": ")", id, R"(", "question": ")", question,
               R"(", "choices": ["ab", "bc"], "answer": 0})");
  };
  lines("arc_easy.jsonl", {arc("one", "a?"), arc("two", "Z?"), arc("three", "b?")});
  const auto truthful = [](const char* id, const std::string& question) {
    const std::string targets = R"({"choices": ["x", "y"], "labels": [1, 0]})";
    return cat(R"({"id": ")", id, R"(", "question": ")", question,
               R"(", "best_answer": "x", "correct_answers":
        ["x"], "incorrect_answers": ["y"], "mc1_targets": )",
               targets, R"(, "mc2_targets": )", targets, "}");
  };
  const auto one_line = [](std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  };
  lines("truthfulqa.jsonl", {one_line(truthful("t1", "a?")), one_line(truthful("t2", "Z?"))});
  lines("factor_news.jsonl",
        {R"({"id": "f1", "prefix": "It was ", "completion": "a.", "contradictions": ["b."]})",
         R"({"id": "f2", "prefix": "Z was ", "completion": "a.", "contradictions": ["b."]})"});
  const auto mmlu = [](const char* id, const char* question) {
    return cat(R"({"id": ")", id, R"(", "subject": "anatomy", "question": ")", question,
               R"(", "choices": ["w", "x", "y", "z"], "answer": 0})");
  };
  lines("mmlu.jsonl", {mmlu("m1", "a?"), mmlu("m2", "Z?")});
  lines("wikitext2_test.txt", {std::string(40, 'a') + std::string(40, 'Z') + std::string(40, 'b')});
  lines("triviaqa.jsonl", {R"({"id": "q1", "question": "a?", "answers": ["x"]})",
                           R"({"id": "q2", "question": "Z?", "answers": ["x"]})"});
}

/// The results of the only run in a folder, and the ids of its samples of a task.
nlohmann::json results_in(const std::string& folder, const std::string& task, std::vector<std::string>& ids) {
  std::string results, samples;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("results_", 0) == 0) results = std::max(results, entry.path().string());
    if (name.rfind("samples_" + task + "_2", 0) == 0) samples = std::max(samples, entry.path().string());
  }
  std::ifstream in(samples);
  ids.clear();
  for (std::string line; std::getline(in, line);) ids.push_back(nlohmann::json::parse(line)["id"]);
  return nlohmann::json::parse(read_file(results))["rouse"];
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST(EvalFailures, AnItemWhoseNumbersAreNotFiniteFailsByNameAndTheOthersGoOn) {
  const TempDir dir;
  write_data(dir);
  const std::string model = spoiled_model(dir, "mixtral.gguf", "token_embd.weight", 'Z');
  const std::string command = "eval -m " + model + " --shots 0 --window 41 --data " + dir.path.string();
  for (const char* method : {"greedy", "scmoe"}) {
    const std::string out = dir / method;
    const CommandResult r = rouse(command + " --tasks arc_easy --methods " + method + " -o " + out);
    EXPECT_EQ(r.code, 4) << r.err;
    EXPECT_TRUE(holds(r.err, "item two failed: block 0: the router's scores of the token at position"))
        << r.err;
    EXPECT_TRUE(holds(r.err, "1 items failed")) << r.err;
    EXPECT_TRUE(holds(r.out, "1 items failed and are left out")) << r.out;
    EXPECT_TRUE(holds(r.out, "n = 2")) << r.out;
    std::vector<std::string> ids;
    const auto results = results_in(out, "arc_easy", ids);
    EXPECT_EQ(results["tasks"]["arc_easy"]["n_failed"], 1);
    EXPECT_EQ(ids, (std::vector<std::string>{"one", "three"}));
    const CommandResult again = rouse(command + " --tasks arc_easy --methods " + method + " -o " + out);
    EXPECT_EQ(again.code, 4) << "it is tried again";
    EXPECT_TRUE(holds(again.err, "item two failed"));
    (void)results_in(out, "arc_easy", ids);
    EXPECT_EQ(ids, (std::vector<std::string>{"one", "three"})) << "what was done is kept";
  }
  for (const char* task :
       {"truthfulqa_mc1", "truthfulqa_mc2", "factor_news", "mmlu", "wikitext", "triviaqa"}) {
    const CommandResult r = rouse(command + " -n 3 --tasks " + task + " -o " + dir / task);
    EXPECT_EQ(r.code, 4) << task << r.err;
    EXPECT_TRUE(holds(r.err, "failed: block 0")) << task << r.err;
    std::vector<std::string> ids;
    const auto results = results_in(dir / task, task, ids);
    EXPECT_EQ(results["tasks"][task]["n_failed"], 1) << task;
    EXPECT_EQ(ids.size(), std::string(task) == "wikitext" ? 2u : 1u) << task;
  }
}

TEST(EvalFailures, AModelThatGivesNoNumbersScoresNothing) {
  const TempDir dir;
  write_data(dir);
  const TempDir heads, routers;
  const std::string head = spoiled_model(heads, "mixtral.gguf", "output.weight", 'A');
  const std::string router = spoiled_model(routers, "mixtral.gguf", "blk.1.ffn_gate_inp.weight", 2);
  for (const std::string& model : {head, router}) {
    const std::string out = dir / (model == head ? "head" : "router");
    const CommandResult r =
        rouse("eval -m " + model + " --shots 0 -n 3 --window 41 --data " + dir.path.string() +
              " --tasks truthfulqa_mc1,truthfulqa_mc2,factor_news,mmlu,wikitext,triviaqa --methods greedy "
              "--methods scmoe --methods dola --methods beam --methods contrastive -o " +
              out);
    EXPECT_EQ(r.code, 4) << r.err;
    EXPECT_TRUE(
        holds(r.err, model == head ? "the logit of token 65 after position" : "block 1: the router's"))
        << r.err;
    EXPECT_FALSE(holds(r.err, "json.exception")) << r.err;
    EXPECT_FALSE(holds(r.out, "score")) << r.out;
    for (const char* look : {"eval show ", "report sweep ", "report pareto ", "report votes "}) {
      const CommandResult shown = rouse(look + out);
      EXPECT_EQ(shown.code, 0) << look << shown.err;
    }
  }
}

TEST(EvalFailures, CommandsEndByNameWhereAModelGivesNoNumbers) {
  const TempDir dir, heads, routers;
  std::ofstream(dir / "text.txt") << std::string(200, 'a') << " and the other";
  std::ofstream(dir / "batch.jsonl") << R"({"id": 1, "prompt": "ab", "raw": true})"
                                     << "\n";
  std::ofstream iti(dir / "iti.jsonl");
  for (int i = 0; i < 12; ++i)
    iti << R"({"question": "a", "correct_answers": ["b"], "incorrect_answers": ["c"]})"
        << "\n";
  iti.close();
  const std::string head = spoiled_model(heads, "mixtral.gguf", "output.weight", 'A');
  const std::string router = spoiled_model(routers, "mixtral.gguf", "blk.1.ffn_gate_inp.weight", 2);
  for (const std::string& model : {head, router}) {
    const char* why = model == head ? "the logit of token 65" : "block 1: the router's scores";
    const std::string m = " -m " + model + " ";
    const auto fails = [&](const std::string& command) {
      const CommandResult r = rouse(command);
      EXPECT_EQ(r.code, 1) << command << r.err << r.out;
      EXPECT_TRUE(holds(r.err, why)) << command << r.err;
    };
    for (const char* method :
         {"greedy", "scmoe --exec lazy", "scmoe --exec plain", "dola", "beam", "contrastive"})
      fails("run" + m + "--raw -p ab -n 4 --method " + method);
    fails("run" + m + "--raw -p ab -n 4 --samples 3 --temp 1");
    fails("whatif" + m + "--raw -p ab --continuation cd --ban 0.1");
    fails("trace" + m + "--raw -p ab -n 2 -o " + dir / "trace");
    fails("calibrate" + m + "--text " + dir / "text.txt" + " --tokens 0 --document-tokens 32 -o " +
          dir / "plan" + (model == head ? "1" : "2"));
    fails("report divergence" + m + "--text " + dir / "text.txt" + " --weak rank:2 --document-tokens 16");
    if (model == router) fails("iti fit" + m + "--data " + dir / "iti.jsonl" + " -o " + dir / "iti.json");
    const std::string out = dir / (model == head ? "head.jsonl" : "router.jsonl");
    const CommandResult batch = rouse("run" + m + "--batch " + dir / "batch.jsonl" + " -n 3 -o " + out);
    EXPECT_EQ(batch.code, 4) << batch.err;
    EXPECT_TRUE(holds(read_file(out), why)) << read_file(out);
  }
}

TEST(EvalContext, TheCutDependsOnTheContextAloneAndIsAmongTheSettings) {
  const TempDir dir;
  std::ofstream(dir / "arc_easy.jsonl")
      << R"({"id": "short", "question": "a?", "choices": ["ab", "b"], "answer": 0})"
      << "\n"
      << R"({"id": "long", "question": ")" << std::string(700, 'q')
      << R"(", "choices": ["ab", "b"], "answer": 0})"
      << "\n";
  const std::string command =
      "eval -m " + golden("mixtral.gguf") + " --data " + dir.path.string() + " --tasks arc_easy --methods ";
  std::vector<std::string> ids;
  const auto samples = [&](const std::string& options) {
    static int number = 0;
    const std::string out = dir / cat("run", number++);
    const CommandResult r = rouse(command + options + " -o " + out);
    EXPECT_EQ(r.code, 0) << options << r.err;
    EXPECT_EQ(results_in(out, "arc_easy", ids)["tasks"]["arc_easy"]["prompts_cut"], 1) << options;
    std::string text;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out))
      if (entry.path().filename().string().rfind("samples_", 0) == 0) text = read_file(entry.path().string());
    EXPECT_FALSE(text.empty());
    return std::regex_replace(text, std::regex("\"seconds\":[^}]*"), "");  // the same but for times
  };
  for (const std::string method : {"greedy", "scmoe"}) {
    const std::string alone = samples(method + " --parallel 1 -c 300");
    EXPECT_EQ(samples(method + " --parallel 8 -c 300"), alone) << method;
    EXPECT_NE(samples(method + " --parallel 8 -c 200"), alone) << method;
    EXPECT_EQ(samples(method), samples(method + " -c 512"))
        << "the model's trained context, as the file says";
  }
  const std::string out = dir / "once";
  ASSERT_EQ(rouse(command + "greedy -c 300 -o " + out).code, 0);
  EXPECT_EQ(results_in(out, "arc_easy", ids)["settings"]["context"], 300);
  const CommandResult other = rouse(command + "greedy -c 200 -o " + out);
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(holds(other.err, "context was 300, now it is 200")) << other.err;
}

TEST(EvalContext, AnItemThatDoesNotFitEndsNoRun) {
  const TempDir dir;
  const auto record = [](const char* id, size_t question, size_t n_choice, size_t choice) {
    std::string choices;
    for (size_t i = 0; i < n_choice; ++i)
      choices += cat(i ? ", " : "", '"', static_cast<char>('a' + i % 26), std::string(choice, 'c'), '"');
    return cat(R"({"id": ")", id, R"(", "question": ")", std::string(question, 'q'), R"(", "choices": [)",
               choices, R"(], "answer": 0})", "\n");
  };
  std::ofstream(dir / "arc_easy.jsonl") << record("first", 5, 2, 3) << record("many", 150, 10, 140)
                                        << record("huge", 5, 2, 400) << record("last", 5, 3, 4);
  const std::string command = "eval -m " + golden("mixtral.gguf") + " --data " + dir.path.string();
  const CommandResult r = rouse(command + " --tasks arc_easy -c 256 -o " + dir / "o");
  EXPECT_EQ(r.code, 4) << r.err;
  EXPECT_TRUE(holds(r.err, "item huge failed: an answer of ")) << r.err;
  EXPECT_FALSE(holds(r.err, "item many")) << "ten choices of 142 tokens, each of which fits";
  std::vector<std::string> ids;
  EXPECT_EQ(results_in(dir / "o", "arc_easy", ids)["tasks"]["arc_easy"]["prompts_cut"], 1);
  EXPECT_EQ(ids, (std::vector<std::string>{"first", "many", "last"}));
}

}  // namespace rouse
