#include "advice/advice_page.h"

#include "advice/advice_text.h"
#include "base/text.h"
#include "report/chart.h"

namespace rouse {
namespace {

/// Of the measured rows of one kind, every change in its interval.
Figure changes(const Json& advice, bool losses, const std::string& id) {
  Chart c{cat(id, losses ? "-loss" : "-right"),
          losses ? "Change of NLL on text" : "Change of right answers",
          losses ? "With each routing, less what the model loses as it is: below zero is better."
                 : "With each method, less what the model has right as it is: above zero is better.",
          {losses ? "nats a token; left is better" : "percentage points; right is better"},
          {""},
          {{"p < 0.05 after Holm", {}}, {"not beyond chance", {}, false, false, true}},
          true};
  c.x.reference = 0;
  Table table{
      {"method", "measured on", "n", "as it is", "change", "low", "high", "p", "p (Holm)", "verdict"}};
  for (const Json& row : advice["measured"]) {
    if (row["low_is_good"].get<bool>() != losses) continue;
    const bool sure = row["verdict"] != "no evidence";
    const std::string name = cat(row["method"].get<std::string>(), ", ", row["on"].get<std::string>());
    const auto number = [&](const Json& v) { return formatted(losses ? "%.5f" : "%.2f", v.get<double>()); };
    c.series[sure ? 0 : 1].marks.push_back(
        {row["change"], static_cast<double>(c.y.names.size()), row["interval"][0], row["interval"][1], name});
    c.y.names.push_back(name);
    table.push_back({row["method"], row["on"], cat(row["n"].get<int64_t>()), number(row["before"]),
                     number(row["change"]), number(row["interval"][0]), number(row["interval"][1]),
                     formatted("%.4f", row["p"].get<double>()),
                     formatted("%.4f", row["p_corrected"].get<double>()), row["verdict"]});
  }
  const std::string from =
      cat("Model ", advice["model"]["fingerprint"].get<std::string>().substr(0, 12),
          "; paired on the same documents or items; p corrected by Holm over all ", advice["measured"].size(),
          " tests of the trial; 95% intervals by bootstrap over documents or items.");
  return {c.id, c.title, c.description, table.size() > 1 ? chart_svg(c) : "", table, from};
}

Figure verdicts(const Json& advice, const std::string& id) {
  Figure f{id + "-verdicts",
           "Verdicts",
           "Helps or hurts: beyond chance somewhere, and nowhere the other way. No evidence is not evidence "
           "of nothing: the intervals below say what could still be.",
           "",
           {{"method", "verdict", "expert evaluations", "time a token"}},
           "Ratios to greedy; times are medians of turns with 95% intervals."};
  for (const Json& v : advice["verdicts"]) {
    f.table.push_back({v["method"], v["text"], "", ""});
    if (v.contains("expert_evaluations_ratio"))
      f.table.back()[2] = formatted("%.2fx", v["expert_evaluations_ratio"].get<double>());
    if (v.contains("step_ratio"))
      f.table.back()[3] =
          formatted("%.2fx [%.2f, %.2f]", v["step_ratio"].get<double>(),
                    v["step_ratio_interval"][0].get<double>(), v["step_ratio_interval"][1].get<double>());
  }
  return f;
}

}  // namespace

SavedReport advice_report(const Json& a, const std::string& id) {
  const Json& model = a["model"];
  const std::string name = model["name"].get<std::string>().empty() ? model["file"] : model["name"];
  SavedReport out{cat("Does another routing help ", name, "?"), advice_model_text(model), {}};
  Section trial{"Trial", "", {verdicts(a, id)}};
  for (const bool losses : {true, false})
    if (Figure f = changes(a, losses, id); f.table.size() > 1) trial.figures.push_back(std::move(f));
  out.sections.push_back(std::move(trial));
  if (a.contains("headroom"))
    out.sections.push_back({"Headroom", "", headroom_figures(JsonValue(a["headroom"], "advice.json"), id)});
  if (a.contains("plan")) out.sections.push_back({"Plan", a["plan"]["verdict"], {}});
  if (!a["published"].empty()) {
    Figure f{id + "-published",
             "Published gains",
             "What the papers report of the same architecture, experts and k.",
             "",
             {{"model", "method", "on", "greedy", "with it", "source"}},
             ""};
    for (const Json& p : a["published"])
      f.table.push_back({p["model"], p["method"], p["on"], formatted("%.2f", p["before"].get<double>()),
                         formatted("%.2f", p["after"].get<double>()), p["source"]});
    out.sections.push_back({"Published of this family", "", {f}});
  }
  std::string next, texts;
  for (const Json& command : a["next"]) next += command.get<std::string>() + "\n";
  for (const Json& text : a["options"]["text"])
    texts += cat(texts.empty() ? "" : ", ", text.get<std::string>());
  out.sections.push_back({"Try next", next, {}});
  out.sections.push_back(
      {"Provenance",
       cat("Model fingerprint ", model["fingerprint"].get<std::string>(), "\nText ", texts,
           ", documents of at most ", a["options"]["document_tokens"].get<int>(),
           " tokens, half learned from and half judged on; seed ", a["options"]["seed"].get<uint64_t>(),
           formatted("; budget %.0f s, took %.0f s", a["options"]["budget_seconds"].get<double>(),
                     a.value("seconds", 0.0))),
       {}});
  return out;
}

}  // namespace rouse
