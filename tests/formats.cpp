#include "formats.h"

#include <numeric>

#include "calibration/corpus.h"
#include "calibration/steer_fit.h"
#include "calibration/units.h"
#include "decoding/iti.h"
#include "decoding/vote.h"
#include "eval/code.h"
#include "eval/published.h"
#include "eval/samples.h"
#include "eval/similarity.h"
#include "eval/source.h"
#include "eval/task_file.h"
#include "eval/tasks/tasks.h"
#include "report/plan_profile.h"
#include "report/tables.h"
#include "routing/plan.h"
#include "routing/trace.h"
#include "session/batch_file.h"
#include "support.h"
#include "tokenizer/grammar.h"

namespace rouse {
namespace {

const Tokenizer& tokenizer() {
  static const GgufFile file(golden("mixtral.gguf"));
  static const Tokenizer tokenizer(file);
  return tokenizer;
}

/// With evidence; of version 1, which has none.
std::string golden_plan(int version) {
  RouterSpec router;
  router.n_expert = 3, router.n_expert_used = 2, router.layers = {0, 2};
  Plan p = Plan::empty(router, "llama", 3);
  p.fingerprint = "abc";
  p.options = {{"seed", 1}, {"text", {"a.txt"}}};
  p.intensity = {0.5, 2};
  p.intensity_ci = {{0.25, 1}, {1, 3}};
  p.hard = p.easy = {1, 1};
  p.impact = {{0.5, -1, NAN}, {1, 2, 3}};
  p.impact_ci[0][0] = {0, 1};
  p.samples[0] = {3, 4, 0};
  p.budget = {1, 3};
  p.version = version;
  p.error = {0.5, 0.25};
  p.shrunk = {0.75, 1.5};
  const MeanChange some{0.01, -0.005, 0.02}, none{NAN, NAN, NAN};
  Evidence e;
  e.base = {2, 2}, e.proposed = {1, 3};
  e.n_document = 5, e.n_held_out = 4, e.n_token = 90, e.n_hard = 20;
  e.less = {{some, some}, {none, none}}, e.more = {{some, none}, {some, some}};
  e.n_move = 1;
  e.moves = {{0, 2, 0.5, 0.125, 0.25, 0.01, true}};
  e.trials = {{{1, 3}, some, false}};
  e.verdict = "No move is supported.";
  p.evidence = e;
  std::string text = plan_text(p);
  std::erase(text, '\n');
  return text;
}

void read_plan_file(const std::string& path) {
  const Plan p = read_plan(path);
  for (const auto& row : p.impact)
    for (const float x : normalised_impact(row)) ASSERT_TRUE(x >= 0 && x <= 1) << read_file(path);
  ASSERT_EQ(plan_text(parse_plan(plan_text(p), "again")), plan_text(p));
  if (p.evidence) (void)evidence_text(p, path, 5);
  if (std::any_of(p.intensity.begin(), p.intensity.end(), [](double r) { return std::isnan(r); })) return;
  const int total = p.k * static_cast<int>(p.layers.size());
  const std::vector<int> budget = plan_budget(p.intensity, total, p.n_expert);
  ASSERT_EQ(std::accumulate(budget.begin(), budget.end(), 0), total);
}

void read_iti_file(const std::string& path) {
  for (const ItiHead& h : read_iti(path).heads) {
    ASSERT_EQ(h.direction.size(), 2u);
    for (const float x : h.direction) ASSERT_TRUE(std::isfinite(static_cast<float>(h.sigma) * 1e20f * x));
  }
}

void read_steer_file(const std::string& path) {
  const SteerFile f = read_steer(path);
  for (const SteeredExpert& s : steered_experts(f, 4)) {
    ASSERT_TRUE(s.expert >= 0 && s.expert < f.n_expert && std::isfinite(s.difference));
    ASSERT_LT(layer_index(f.layers, s.layer), f.layers.size());
  }
  ASSERT_EQ(steer_text(parse_steer(steer_text(f), "again")), steer_text(f));
}

void read_trace_file(const std::string& path) {
  const Trace t = read_trace(path);
  for (const TraceRow& row : t.rows)
    for (const auto& ids : row.experts)
      for (const int id : ids) ASSERT_TRUE(id >= 0 && id < t.n_expert);
}

const Json kHeader{{"format", "rouse-calibration"}, {"version", 1}, {"documents", 12345}};

void read_state_file(const std::string& path) {
  const WorkState state(path, kHeader);
  if (const Json* result = state.find("loss:0")) {
    for (const double x : JsonValue(*result, path, ErrorKind::bad_model).reals(0, 9, -1e30, 1e30))
      ASSERT_TRUE(std::isfinite(x));
  }
  if (const Json* result = state.find("move:1:0"))
    (void)unit_value(*result, "move:1:0").at("less").reals(3, 3, -kMostNats, kMostNats);
}

void read_batch_file(const std::string& path) {
  const RequestRules rules{.paths = true};
  for (const BatchItem& item : read_batch(path, {}, rules)) {
    const Json& id = item.request.id;
    ASSERT_TRUE(id.is_string() || id.is_number_integer());
    const Json written = request_json(item.request);
    ASSERT_EQ(request_json(read_request(JsonValue(written, ""), {}, rules)), written);
  }
}

/// The first task of those that score by the file's records, with scores of every choice.
void read_records(const TaskEntry& task, const std::string& path) {
  TaskInput input;
  input.folder = std::filesystem::path(path).parent_path().string();
  input.n_shot = 0;
  for (const Item& item : load_task(task, input, 0, 1).items) {
    const std::vector<std::vector<double>> scores(std::max<size_t>(1, item.choices.size()), {-1, -2});
    if (task.program)
      (void)task.program(item, "pass");
    else
      (void)task.score(item, {"The answer is 7.", scores});
    (void)item_hash(item);
  }
}

const std::vector<std::string> kSamples = {
    R"({"doc_id":0,"id":"a","group":"head","doc":{"id":"a"},"target":"x","item_hash":"00","arguments":[["p"]],"resps":[["r"]],"filtered_resps":["r"],"acc":1.0,"nll":2.5,"tokens":3,"cost":{"tokens":3,"text_tokens":9,"rows":9,"expert_evaluations":54,"weight_bytes":4000,"head_rows":3,"prompts_cut":0,"seconds":0.5}})",
    R"({"doc_id":1,"id":"b","group":"","doc":{},"target":"x","acc":0.0,"nll":1.5,"tokens":2,"note":{"a":[1]}})"};

}  // namespace

void read_run_folder(const std::string& folder) {
  const Json report = report_of(read_runs(folder));
  (void)report_text(report, false);
  (void)report_text(report, true);
}

std::string golden_results() {
  const Json score{{"value", 0.5}, {"stderr", 0.1}, {"interval", {0.25, 0.75}}, {"n", 2}};
  return Json{
      {"results", {{"lab_contrast", {{"alias", "lab_contrast"}, {"acc,none", 0.5}}}}},
      {"n-samples", {{"lab_contrast", {{"original", 2}, {"effective", 2}}}}},
      {"rouse",
       {{"tasks",
         {{"lab_contrast",
           {{"groups", {{"all", {{"acc", score}, {"perplexity", score}}}, {"head", {{"acc", score}}}}},
            {"cost", {{"expert_evaluations_per_token", 12.5}, {"weight_bytes_per_token", 1e6}}}}}}},
        {"label", "topk"},
        {"order", 0},
        {"settings", {{"policy", "topk"}, {"seed", 1}}}}}}
      .dump();
}
const std::vector<std::string>& golden_samples() {
  return kSamples;
}

/// Readers of one file, named after the format; the folder of a run holds two.
std::vector<Format> formats() {
  std::vector<Format> out{
      {"plan", "p.cor.json", {golden_plan(2)}, read_plan_file},
      {"plan of version 1", "p1.cor.json", {golden_plan(1)}, read_plan_file},
      {"iti",
       "h.iti",
       {R"({"format":"rouse-iti","version":1,"model":{"arch":"llama","n_layer":2,"n_head":2,"head_width":2},"options":{"a":1},"report":{},"heads":[{"layer":1,"head":0,"accuracy":0.75,"sigma":1.5,"direction":[0.6,-0.8]},{"layer":0,"head":0,"accuracy":0.5,"sigma":0,"direction":[1,0]}]})"},
       read_iti_file},
      {"steer",
       "s.steer",
       {R"({"format":"rouse-steer","version":1,"model":{"fingerprint":"00ff","arch":"llama","n_layer":4,"n_expert":3,"k":2},"options":{"a":1},"n_for":10,"n_against":12,"layers":[1,3],"difference":[[0.5,null,-0.25],[0,1,-1]]})"},
       read_steer_file},
      {"steer list",
       "l.jsonl",
       {R"({"layer":0,"expert":1,"risk_diff":0.25,"risk_diff_abs":0.25})",
        R"({"layer":1,"expert":0,"risk_diff":-0.5})"},
       [](const std::string& path) {
         ModelSpec spec;
         spec.n_layer = 2;
         spec.router.n_expert = 4, spec.router.n_expert_used = 2, spec.router.layers = {0, 1};
         (void)steer_text(import_steer(path, spec));
       }},
      {"trace",
       "t.jsonl",
       {R"({"format":"rouse-trace","version":1,"arch":"llama","n_expert":8,"layers":[1,3]})",
        R"({"position":0,"token":5,"experts":[[1,2],[7]],"gates":[[0.5,0.25],[1]]})",
        R"({"position":1,"token":6,"experts":[[0],[3,4]]})"},
       read_trace_file},
      {"state",
       "s.state",
       {kHeader.dump(), R"({"unit":"loss:0","result":[1.5,2,0.25]})",
        R"({"unit":"move:1:0","result":{"less":[0.5,0.25,1],"more":null}})"},
       read_state_file},
      {"corpus",
       "c.jsonl",
       {R"({"prompt":"so","text":" the man and the hen","url":"x"})", R"({"tokens":[1,2,3]})"},
       [](const std::string& path) { (void)read_corpus({path}, tokenizer(), 16); }},
      {"batch",
       "in.jsonl",
       {R"({"id":"a","prompt":"the","n_predict":3,"stop":["x","y"],"temp":0.5,"seed":7,"top_k":4,"raw":true})",
        R"({"id":2,"tokens":[1,2],"method":"scmoe","weak":"rank:2","beta":0.5,"system":"s","json_schema":{"type":"integer"}})"},
       read_batch_file},
      {"answers",
       "out.jsonl",
       {R"({"id":"a","identity":"00ff","text":"x","tokens":[1],"prompt_tokens":[5,6],"policy_hash":"1","method":"greedy"})",
        R"({"id":2,"error":"too long"})"},
       [](const std::string& path) { (void)read_answers(path); }},
      {"samples", "samples.jsonl", kSamples, [](const std::string& path) {
         for (const EvalJson& row : read_samples(path))
           for (const auto& [key, value] : row.items())
             ASSERT_TRUE(!value.is_number() || std::isfinite(value.get<double>())) << key;
         (void)SampleLog(path);
       }}};
  for (
      const auto& [task, record] : std::vector<std::pair<const TaskEntry*, std::string>>{
          {&kArcEasy, R"({"id":"a","question":"q","choices":["x","y"],"answer":1})"},
          {&kMmlu,
           R"({"id":"a","question":"q","choices":["w","x","y","z"],"answer":3,"subject":"virology"})"},
          {&kGsm8k, R"({"id":"a","question":"q","answer":"7","rationale":"r"})"},
          {&kFactorNews, R"({"id":"a","prefix":"p ","completion":"c","contradictions":["x","y","z"]})"},
          {&kTriviaqa, R"({"id":"a","question":"q","answers":["x","y"]})"},
          {&kTruthfulqaMc2,
           R"({"id":"a","question":"q","mc2_targets":{"choices":["x","y"],"labels":[1,0]},"best_answer":"x"})"},
          {&kMbpp, R"({"id":"a","prompt":"q","test_list":["t"],"code":"c","setup_code":""})"},
          {&kHumaneval,
           R"({"task_id":"a","prompt":"q","canonical_solution":"c","test":"t","entry_point":"f"})"},
          {&kLabContrast,
           R"({"id":"a","band":"head","question":"q","completion":"c","contradictions":["x"]})"}})
    out.push_back({task->name, task->file, {record}, [task = task](const std::string& path) {
                     read_records(*task, path);
                   }});
  for (
      const auto& [task, file, record] : std::vector<std::tuple<const TaskEntry*, std::string, std::string>>{
          {&kArcEasy, "a.jsonl",
           R"({"id":"M1","question":{"stem":"S?","choices":[{"text":"x","label":"1"},{"text":"y","label":"2"}]},"answerKey":"2"})"},
          {&kGsm8k, "g.jsonl", R"({"question":"Q","answer":"3\n#### 1,200"})"},
          {&kStrategyqa, "s.json", R"([{"qid":"ab","question":"Q?","answer":true,"facts":["x"]}])"},
          {&kMbpp, "m.jsonl",
           R"({"task_id":11,"text":"T","code":"a","test_list":["t"],"test_setup_code":"","challenge_test_list":[]})"},
          {&kTriviaqa, "t.json",
           R"({"Data":[{"QuestionId":"tc","Question":"Who?","Answer":{"Aliases":["A","B"]}}]})"}})
    out.push_back(
        {std::string("import ") + task->name, file, {record}, [task = task](const std::string& path) {
           (void)task->import(Source(path));
         }});
  out.push_back(
      {"task file",
       "task.json",
       {R"({"task":"mine","dataset_kwargs":{"data_files":{"test":"no.jsonl"}},"test_split":"test","output_type":"generate_until","description":"d","doc_to_text":"{{q}}","doc_to_target":"a","fewshot_config":{"sampler":"first_n","samples":[{"q":"x","a":"y"}],"doc_to_target":"{{a}}"},"num_fewshot":1,"generation_kwargs":{"until":["\\n"],"max_gen_toks":8},"extractor":"line","metric_list":[{"metric":"exact_match","ignore_case":true},{"metric":"f1"}],"metadata":{"version":1}})"},
       [](const std::string& path) {
         const TaskFile file(path);
         ASSERT_TRUE(*file.entry().name && *file.entry().metric && file.entry().n_shot <= 64);
       }});
  return out;
}

std::vector<Format> text_formats() {
  return {
      {"schema",
       "schema.json",
       {R"({"type":"object","properties":{"a":{"enum":["x",1,null]},"b":{"type":["array","null"],"items":{"$ref":"#/$defs/c"},"maxItems":3}},"required":["a"],"additionalProperties":false,"$defs":{"c":{"anyOf":[{"type":"string","minLength":1,"maxLength":4},{"const":{"d":[1]}}]}}})"},
       [](const std::string& path) { check_grammar(json_schema_grammar(read_file(path))); }},
      {"grammar",
       "g.gbnf",
       {R"(root ::= "a" (b | c{1,3})* # note)", R"(b ::= [^\x00-\x1F"] | "\u00e9"?)", R"(c ::= b+ "\n")"},
       [](const std::string& path) { check_grammar(read_file(path)); }},
      {"extractors",
       "answer.txt",
       {"So 3 + 4 = 7. The answer is $1,234.50.", "Question: no? The answer is yes.", "```python",
        "def f(x):", "    return x / 2", "```"},
       [](const std::string& path) {
         const std::string text = read_file(path);
         for (const ExtractorEntry& e : extractor_registry()) (void)e.extract(text);
         (void)triviaqa_normalised(text);
         (void)scmoe_number(text);
         (void)scmoe_yes_no(text);
         (void)scmoe_mbpp_code(text);
         (void)scmoe_humaneval_code("def f(x):\n", text);
         (void)harness_strict(text);
         (void)harness_flexible(text);
         (void)fenced_code(text);
         (void)bleu(text, "the man and the hen");
         (void)rouge_l(text, "the man and the hen");
       }}};
}

/// Every place of a value: itself, then all within.
static void collect(Json& value, std::vector<Json*>& out) {
  out.push_back(&value);
  if (value.is_structured())
    for (Json& child : value) collect(child, out);
}

/// One change of structure: another value, a key less or a key more.
void mutate(Json& root, Random& random) {
  static const std::vector<Json> kValues = {Json::object(),
                                            Json::array(),
                                            nullptr,
                                            -1,
                                            0,
                                            1e308,
                                            -1e308,
                                            "x",
                                            "",
                                            true,
                                            4294967296,
                                            0.9,
                                            18446744073709551615u,
                                            Json::array({Json::array({1})})};
  std::vector<Json*> places;
  collect(root, places);
  Json& at = *places[random.below(static_cast<uint32_t>(places.size()))];
  const uint32_t kind = random.below(8);
  if (kind == 0 && at.is_object() && !at.empty())
    at.erase(std::next(at.begin(), random.below(static_cast<uint32_t>(at.size()))));
  else if (kind == 1 && at.is_object())
    at["colour"] = 1;
  else if (kind == 1 && at.is_array())
    at.push_back(at.empty() ? Json(1) : at[0]);
  else if (kind == 0 && at.is_array() && !at.empty())
    at.erase(at.size() - 1);
  else
    at = kValues[random.below(static_cast<uint32_t>(kValues.size()))];
}

}  // namespace rouse
