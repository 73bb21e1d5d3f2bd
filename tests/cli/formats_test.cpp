/// Every format that rouse reads, as hostile input: whatever the bytes are, it is read, or refused with exit
/// code 2 or 3 by a text that names the place.
#include <zlib.h>

#include <functional>

#include "calibration/corpus.h"
#include "calibration/state.h"
#include "cli/batch_file.h"
#include "cli/eval_command.h"
#include "decoding/iti.h"
#include "eval/source.h"
#include "eval/tasks/tasks.h"
#include "routing/plan.h"
#include "routing/trace.h"
#include "support.h"

namespace rouse {
namespace {

/// One format: a file that is read, and a reader that then uses whatever it takes from it.
struct Format {
  std::string name, file;
  std::vector<std::string> lines;  ///< of the file; one, where it holds one value
  std::function<void(const std::string& path)> read;
  std::string text() const {
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
};

const Tokenizer& tokenizer() {
  static const GgufFile file(golden("mixtral.gguf"));
  static const Tokenizer tokenizer(file);
  return tokenizer;
}

std::string golden_plan() {
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
  std::string text = plan_text(p);
  std::erase(text, '\n');
  return text;
}

void read_plan_file(const std::string& path) {
  const Plan p = read_plan(path);
  for (const auto& row : p.impact)
    for (const float x : normalised_impact(row)) ASSERT_TRUE(x >= 0 && x <= 1) << read_file(path);
  ASSERT_EQ(plan_text(parse_plan(plan_text(p), "again")), plan_text(p));
}

void read_iti_file(const std::string& path) {
  for (const ItiHead& h : read_iti(path).heads) {
    ASSERT_EQ(h.direction.size(), 2u);
    for (const float x : h.direction) ASSERT_TRUE(std::isfinite(static_cast<float>(h.sigma) * 1e20f * x));
  }
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
  if (const Json* result = state.find("loss:0"))
    for (const double x : JsonValue(*result, path, Exit::bad_model).reals(0, 9, -1e30, 1e30))
      ASSERT_TRUE(std::isfinite(x));
}

void read_batch_file(const std::string& path) {
  RunOptions o;
  o.batch = path;
  for (const BatchItem& item : read_batch(o)) ASSERT_TRUE(item.id.is_string() || item.id.is_number_integer());
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
const std::vector<std::string> kSamples = {
    R"({"doc_id":0,"id":"a","group":"head","doc":{"id":"a"},"target":"x","item_hash":"00","arguments":[["p"]],"resps":[["r"]],"filtered_resps":["r"],"acc":1.0,"nll":2.5,"tokens":3})",
    R"({"doc_id":1,"id":"b","group":"","doc":{},"target":"x","acc":0.0,"nll":1.5,"tokens":2,"note":{"a":[1]}})"};

/// Readers of one file, named after the format; the folder of a run holds two.
std::vector<Format> formats() {
  std::vector<Format> out{
      {"plan", "p.cor.json", {golden_plan()}, read_plan_file},
      {"iti",
       "h.iti",
       {R"({"format":"rouse-iti","version":1,"model":{"arch":"llama","n_layer":2,"n_head":2,"head_width":2},"options":{"a":1},"report":{},"heads":[{"layer":1,"head":0,"accuracy":0.75,"sigma":1.5,"direction":[0.6,-0.8]},{"layer":0,"head":0,"accuracy":0.5,"sigma":0,"direction":[1,0]}]})"},
       read_iti_file},
      {"trace",
       "t.jsonl",
       {R"({"format":"rouse-trace","version":1,"arch":"llama","n_expert":8,"layers":[1,3]})",
        R"({"position":0,"token":5,"experts":[[1,2],[7]],"gates":[[0.5,0.25],[1]]})",
        R"({"position":1,"token":6,"experts":[[0],[3,4]]})"},
       read_trace_file},
      {"state",
       "s.state",
       {kHeader.dump(), R"({"unit":"loss:0","result":[1.5,2,0.25]})",
        R"({"unit":"loss:1","result":{"a":[[1,2]]}})"},
       read_state_file},
      {"corpus",
       "c.jsonl",
       {R"({"text":"the man and the hen","url":"x"})", R"({"tokens":[1,2,3]})"},
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
  return out;
}

/// Every place of a value: itself, then all within.
void collect(Json& value, std::vector<Json*>& out) {
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

/// "" when the text is read, else the refusal; any other exception fails the test.
std::string outcome(const Format& format, const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  try {
    format.read(std::filesystem::path(path).filename() == "results_1.json"
                    ? std::filesystem::path(path).parent_path().string()
                    : path);
    return "";
  } catch (const Error& e) {
    EXPECT_TRUE(e.exit_code() == Exit::usage || e.exit_code() == Exit::bad_model)
        << format.name << ": exit " << static_cast<int>(e.exit_code()) << ": " << e.what() << "\n"
        << text;
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << format.name << ": " << e.what() << "\n" << text.substr(0, 2000);
    return e.what();
  }
}

void expect_read_or_refused(const Format& format, const std::string& path, int n_change) {
  EXPECT_EQ(outcome(format, path, format.text()), "") << format.name;
  Random random(7);
  int refused = 0;
  for (int i = 0; i < n_change && !testing::Test::HasFailure(); ++i) {
    Format changed = format;
    std::string& line = changed.lines[random.below(static_cast<uint32_t>(changed.lines.size()))];
    Json value = Json::parse(line);
    for (uint32_t n = 1 + random.below(2); n > 0; --n) mutate(value, random);
    line = value.dump();
    refused += !outcome(format, path, changed.text()).empty();
  }
  EXPECT_LT(refused, n_change) << format.name;
}

}  // namespace

TEST(Formats, AThousandChangesOfStructureAreReadOrRefused) {
  for (const Format& format : formats()) {
    const TempDir dir;
    const bool one_record = format.lines.size() == 1 && format.name != "plan" && format.name != "iti";
    expect_read_or_refused(format, dir / format.file, one_record ? 150 : 1000);  // of many tasks, one reader
  }
}

TEST(Formats, ChangedResultsAreReportedOrRefused) {
  const TempDir dir;
  std::ofstream samples(dir / "samples_lab_contrast_1.jsonl");
  for (const std::string& row : kSamples) samples << row << "\n";
  samples.close();
  expect_read_or_refused({"results", "results_1.json", {golden_results()}, read_run_folder},
                         dir / "results_1.json", 1000);
}

TEST(Formats, BrokenTextIsNamedByFileAndLine) {
  for (const Format& format : formats()) {
    const TempDir dir;
    const std::string path = dir / format.file;
    const bool log = format.name == "state" || format.name == "answers" || format.name == "samples";
    const bool record =
        path.ends_with(".jsonl") && !format.name.starts_with("import") && format.lines.size() == 1;
    if (record) continue;  // its errors are of the record: RecordsAreNamed
    const auto refused = [&](const std::string& last, const std::string& part) {
      Format changed = format;
      changed.lines.back() = last;
      const std::string why = outcome(format, path, changed.text());
      const std::string place =
          format.lines.size() > 1 ? cat(format.file, ":", format.lines.size(), ": ") : format.file;
      EXPECT_NE(why.find(place), std::string::npos) << format.name << ": " << why;
      EXPECT_NE(why.find(part), std::string::npos) << format.name << ": " << why;
    };
    const std::string good = format.lines.back();
    refused(std::string(100000, '['), "is JSON nested more than 64 deep");
    refused(good.substr(0, good.size() - 1) + R"(,"deep":)" + std::string(100000, '[') + "}", "");
    refused(good.substr(0, good.size() / 2), "is broken JSON");
    refused(good + good, "is broken JSON");
    refused("NaN", "is broken JSON");
    refused(R"({"a":1e999})", "is broken JSON");
    refused(R"({"a":1,"a":1})", "key \"a\" occurs twice");
    refused("{\"a\":\"\xff\"}", "ill-formed UTF-8");

    std::string other_ends;
    for (const std::string& line : format.lines) other_ends += line + "\r\n";
    EXPECT_EQ(outcome(format, path, other_ends), "") << format.name << ": CRLF";
    EXPECT_EQ(outcome(format, path, "\xEF\xBB\xBF" + format.text()), "")
        << format.name << ": byte order mark";
    if (log) {
      const std::string whole = format.text();
      EXPECT_EQ(outcome(format, path, whole.substr(0, whole.size() - 5)), "") << format.name;
      EXPECT_EQ(read_file(path), whole.substr(0, whole.size() - 5))
          << format.name << ": reading changed the file";
    }
  }
}

TEST(Formats, WrongValuesAreNamedByTheirPath) {
  struct Case {
    const char *format, *pointer;
    Json value;
    std::string part;
  };
  const TempDir dir;
  const std::vector<Format> all = formats();
  for (const Case& c : std::vector<Case>{
           {"plan", "/k", Json::array({1}), "p.cor.json: k is [1], expected a list of 2"},
           {"plan", "/k/0", Json::array({1}), "p.cor.json: k[0] is [1], expected an integer of 1 to 3"},
           {"plan", "/options", 3, "p.cor.json: options is 3, expected an object"},
           {"iti", "/heads/0/direction/1", 1e308,
            "heads[0].direction[1] is 1e+308, expected a number of -2 to 2"},
           {"iti", "/heads/1/layer", 2, "h.iti: heads[1].layer is 2, expected an integer of 0 to 1"},
           {"iti", "/heads/1/layer", 1,
            "h.iti: heads[1].head is 0, expected a head that is not listed before"},
           {"trace", "/experts/1/0", 0.9, "t.jsonl:3: experts[1][0] is 0.9, expected an integer of 0 to 7"},
           {"trace", "/experts/1/0", true, "t.jsonl:3: experts[1][0] is true"},
           {"trace", "/experts/1/0", 4294967296, "t.jsonl:3: experts[1][0] is 4294967296"},
           {"state", "/unit", 3, "s.state:3: unit is 3, expected text"},
           {"state", "/more", 3, "s.state:3: unknown field \"more\""},
           {"corpus", "/tokens/1", 1e9, "c.jsonl:2: tokens[1] is 1000000000.0, expected an integer"},
           {"batch", "/id", nullptr, "in.jsonl:2: id is null, expected text or an integer"},
           {"batch", "/tokens/1", 4294967296, "in.jsonl:2: tokens[1] is 4294967296"},
           {"batch", "/stop", {1}, "in.jsonl:2: stop[0] is 1, expected text"},
           {"batch", "/temp", "0.5", "in.jsonl:2: temp is \"0.5\", expected a number"},
           {"batch", "/seed", -1, "in.jsonl:2: seed is -1, expected an integer of 0"},
           {"batch", "/beta", {1}, "in.jsonl:2: beta is [1], expected text or a number"},
           {"batch", "/colour", 1, "in.jsonl:2: unknown key \"colour\""},
           {"batch", "/id", "a", "in.jsonl:2: id \"a\" occurs twice, first in line 1"},
           {"batch", "/prompt", "p", "in.jsonl:2: give one of prompt and tokens"},
           {"samples", "/acc", nullptr, "samples.jsonl:2: acc is null, expected a number"},
           {"samples", "/acc", 1e308, "samples.jsonl:2: acc is 1e+308, expected a number"},
           {"samples", "/id", 7, "samples.jsonl:2: id is 7, expected text"},
           {"samples", "/doc_id", 0, "items a and b have one doc_id, 0"},
           {"samples", "/doc_id", 0.5, "samples.jsonl:2: doc_id is 0.5, expected an integer"},
           {"import arc_easy", "/question", 1, "a.jsonl: record 1: question is 1, expected an object"},
           {"import arc_easy", "/question/choices/0", 1,
            "record 1: question.choices[0] is 1, expected an object"},
           {"import strategyqa", "/0/answer", "yes", "record 1: answer is \"yes\", expected true or false"},
           {"import triviaqa", "/Data", 1, "t.json: the records are no list"},
       }) {
    const Format& format =
        *std::find_if(all.begin(), all.end(), [&](const Format& f) { return f.name == c.format; });
    Format changed = format;
    Json line = Json::parse(changed.lines.back());
    line[Json::json_pointer(c.pointer)] = c.value;
    changed.lines.back() = line.dump();
    const std::string why = outcome(format, dir / format.file, changed.text());
    EXPECT_NE(why.find(c.part), std::string::npos) << c.format << c.pointer << ": " << why;
  }
}

TEST(Formats, WrongResultsAreNamedByTheirPath) {
  const TempDir dir;
  std::ofstream samples(dir / "samples_lab_contrast_1.jsonl");
  for (const std::string& row : kSamples) samples << row << "\n";
  samples.close();
  const std::string task = "/rouse/tasks/lab_contrast";
  for (const auto& [pointer, value, part] : std::vector<std::tuple<std::string, Json, std::string>>{
           {task + "/groups/all/acc/value", Json::object(),
            "results_1.json: rouse.tasks.lab_contrast.groups.all.acc.value is {}, expected a number"},
           {task + "/groups/all/acc/interval", Json::array(), "acc.interval is [], expected a list of 2"},
           {task + "/groups/head", 3, "groups.head is 3, expected an object"},
           {task + "/groups", Json::array(), "groups is [], expected an object"},
           {task + "/cost/expert_evaluations_per_token", "x", "expert_evaluations_per_token is \"x\""},
           {task + "/cost", nullptr, "lab_contrast has no cost by token"},
           {"/rouse/label", nullptr, "rouse.label is null, expected text"},
           {"/rouse/order", 0.9, "rouse.order is 0.9"},
           {"/results", 7, "results is 7, expected an object"},
           {"/n-samples", 7, "n-samples is 7, expected an object"}}) {
    Json changed = Json::parse(golden_results());
    changed[Json::json_pointer(pointer)] = value;
    std::ofstream(dir / "results_1.json") << changed.dump();
    expect_refusal([&] { read_run_folder(dir.path.string()); }, Exit::usage, part);
  }
}

/// 17 kB of gzip that unpack to 17 MB of line ends.
TEST(Formats, AGzipUnpacksWithinBounds) {
  const TempDir dir;
  gzFile file = gzopen((dir / "lines.jsonl.gz").c_str(), "wb9");
  const std::string lines(1 << 20, '\n');
  for (int i = 0; i < 17; ++i) ASSERT_GT(gzwrite(file, lines.data(), 1 << 20), 0);
  gzclose(file);
  const auto packed = std::filesystem::file_size(dir / "lines.jsonl.gz");
  EXPECT_LT(packed, 30000u);
  expect_refusal([&] { Source(dir / "lines.jsonl.gz").records(); }, Exit::usage,
                 "lines.jsonl.gz: unpacks to more than 16777216 bytes");
  std::ofstream(dir / "plain.jsonl") << std::string(1 << 20, '\n') << R"({"a": 1})"
                                     << std::string(1 << 20, '\n');
  EXPECT_EQ(Source(dir / "plain.jsonl").records(), Json::parse(R"([{"a": 1}])"));
  std::ofstream(dir / "wide.csv") << std::string(300, ',') << "\n";
  expect_refusal([&] { (void)Source(dir / "wide.csv").csv(); }, Exit::usage,
                 "wide.csv: has more than 256 columns");
  std::ofstream(dir / "twice.csv") << "a,b,a\n1,2,3\n";
  expect_refusal([&] { Source(dir / "twice.csv").csv_records(); }, Exit::usage,
                 "twice.csv: column \"a\" occurs twice");
}

TEST(Formats, AMillionValuesAreNoMoreThanTheirBytes) {
  std::string many = "[0";
  for (int i = 0; i < 1000; ++i) many += ",0";
  EXPECT_EQ(message_of([&] { parse_json(many + "]", "a", Exit::usage, {.n_value = 1000}); }),
            "a: has more than 1000 values");
}

}  // namespace rouse
