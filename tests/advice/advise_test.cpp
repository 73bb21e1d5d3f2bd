/// A whole trial on models whose truth is known: their text was drawn from them under other budgets.
#include "advice/advise.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "advice/advice_page.h"
#include "advice/advice_text.h"
#include "base/files.h"
#include "own_text.h"

namespace rouse {
namespace {

/// The model's own text with these budgets, as ids; shuffled: each document's tokens in another order.
std::string text_file(const TempDir& dir, TinyModel& m, const std::vector<int>& budget, bool shuffled) {
  auto documents = own_texts(m, budget, 96, 3);
  Random random(7);
  const std::string path = dir / (shuffled ? "shuffled.jsonl" : "own.jsonl");
  std::ofstream out(path);
  for (Document& d : documents) {
    std::vector<int> rest(d.tokens.begin() + 1, d.tokens.end());
    if (shuffled) shuffle(rest, random);
    std::copy(rest.begin(), rest.end(), d.tokens.begin() + 1);
    out << Json{{"tokens", d.tokens}}.dump() << '\n';
  }
  return path;
}

struct Trial {
  TempDir dir;
  AdviseOptions options;
  explicit Trial(bool shuffled = false) {
    const std::string model = sharp_model(dir);
    TinyModel m(model);
    options.texts = {text_file(dir, m, {1, 3, 2}, shuffled)};
    options.model.model = model, options.model.n_thread = 1;
    options.tasks = {"none"};
    options.budget_seconds = 24 * 3600;
    options.output = dir / "advice";
  }
};

std::string verdict_of(const Json& advice, const std::string& method) {
  for (const Json& v : advice["verdicts"])
    if (v["method"] == method) return v["verdict"];
  return "";
}

}  // namespace

TEST(Advise, SaysThatAPlanHelpsWhereExpertsStandInTheWrongBlocks) {
  const Trial t;
  const Json advice = advise(t.options);
  EXPECT_EQ(verdict_of(advice, "plan"), "helps") << advice["measured"].dump(1) << advice["plan"].dump(1);
  EXPECT_EQ(verdict_of(advice, "topk:3"), "hurts") << advice["measured"].dump(1);
  EXPECT_NEAR(advice["verdicts"][0]["expert_evaluations_ratio"].get<double>(), 0.5, 1e-9) << "top-1 of top-2";
  EXPECT_EQ(read_json(t.dir / "advice/advice.json")["verdicts"], advice["verdicts"]);
  EXPECT_NE(advice["next"][0].get<std::string>().find("--routing plan:"), std::string::npos)
      << advice["next"];
  const std::string text = advice_text(advice);
  EXPECT_NE(text.find("plan    helps on text"), std::string::npos) << text;
}

TEST(Advise, SaysThatThereIsNoEvidenceWhereTheLabelsAreShuffled) {
  const Trial t(true);
  const Json advice = advise(t.options);
  EXPECT_EQ(verdict_of(advice, "plan"), "no evidence") << advice["measured"].dump(1);
}

TEST(Advise, GoesOnWhereItWasStoppedAndComesToTheSame) {
  Trial t;
  t.options.budget_seconds = 3600;
  const Json whole = advise(t.options);
  t.options.output = t.dir / "again";
  std::atomic<bool> stop = false;
  std::map<std::string, double> stopped_at;
  std::string part;
  AdviseEvents events;
  events.stop = &stop;
  events.part = [&](const std::string& name) { part = name; };
  events.progress = [&](double done) {
    if (done > stopped_at[part] + 0.45) stop = true, stopped_at[part] = done;
  };
  Json advice;
  int n_run = 0;
  for (; n_run < 50 && advice.is_null(); ++n_run) {
    stop = false;
    advice = advise(t.options, events);
  }
  ASSERT_FALSE(advice.is_null());
  EXPECT_GT(n_run, 5) << "every part was interrupted";
  EXPECT_EQ(advice["measured"], whole["measured"]);
  EXPECT_EQ(read_json(t.dir / "again/plan.cor.json"), read_json(t.dir / "advice/plan.cor.json"));
}

TEST(Advise, RefusesAFolderOfAnotherTrialAndMakesItAnewWithForce) {
  Trial t;
  t.options.budget_seconds = 60;
  advise(t.options);
  t.options.seed = 2;
  EXPECT_THROW(advise(t.options), Error);
  t.options.force = true;
  EXPECT_EQ(advise(t.options)["options"]["seed"], 2);
}

/// A text that the model is nearly always sure of has no hard tokens to learn from; what can be said is said.
TEST(Advise, LeavesOutWhatTheTextIsTooEasyFor) {
  Trial t;
  std::ofstream out(t.dir / "few.jsonl");
  for (int i = 0; i < 16; ++i) out << Json{{"tokens", {271, 5 + i, 6, 7 + i}}}.dump() << '\n';
  out.close();
  t.options.texts = {t.dir / "few.jsonl"};
  std::string notes;
  AdviseEvents events;
  events.note = [&](const std::string& text) { notes += text + "\n"; };
  const Json advice = advise(t.options, events);
  EXPECT_NE(notes.find("plan: left out: of "), std::string::npos) << notes;
  EXPECT_EQ(verdict_of(advice, "plan"), "");
  EXPECT_NE(verdict_of(advice, "topk:1"), "");
}

TEST(Advise, RefusesTooLittleTextAndDenseModels) {
  Trial t;
  std::ofstream(t.dir / "short.jsonl") << R"({"tokens": [271, 5, 6, 7]})" << '\n';
  t.options.texts = {t.dir / "short.jsonl"};
  EXPECT_THROW(advise(t.options), Error);
  t.options.model.model = golden("llama.gguf");
  EXPECT_THROW(advise(t.options), Error);
}

TEST(Advise, AsAPageHoldsHostileNamesAsText) {
  const Trial t;
  AdviseOptions o = t.options;
  o.budget_seconds = 60;
  Json advice = advise(o);
  advice["model"]["name"] = "<script>alert(\"1\")</script>\u202e";
  const SavedReport report = advice_report(advice);
  const std::string page = html_page(report.title, report.intro, report.sections);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;\\u202e"), std::string::npos);
}

}  // namespace rouse
