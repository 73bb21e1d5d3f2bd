/// report/figures_of_runs.cpp - figures of evaluations: scores, differences, sweeps, cost, votes.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "report/chart.h"
#include "report/figure.h"
#include "report/frontier.h"

namespace rouse {
namespace {

double scale_of(const std::string& metric) {
  return metric == "perplexity" ? 1 : 100;
}
std::string unit_of(const std::string& metric) {
  return metric == "perplexity" ? "perplexity" : metric + ", %";
}

Mark mark_of(double x, double y, const Json& interval, double scale, const std::string& label) {
  return {x, y, scale * interval[0].get<double>(), scale * interval[1].get<double>(), label};
}

std::string cell(double value) {
  return formatted("%.6g", value);
}

/// "scmoe(weak=rank:2,alpha=0.1,beta=0.3)" as its method, its options and what follows.
struct Label {
  std::string method, rest;
  std::vector<std::string> options;
};
Label label_of(const std::string& text) {
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return {text, "", {}};
  return {text.substr(0, open), text.substr(close + 1), split(text.substr(open + 1, close - open - 1), ',')};
}

/// A run as the options that tell it from others: {"method": "scmoe", "weak": "rank:2", "beta": "0.3",
/// "routing": "topk"}.
std::map<std::string, std::string> options_of(const EvalRun& run) {
  const Json settings = run.results["rouse"].value("settings", Json::object());
  std::map<std::string, std::string> out{{"routing", settings.value("policy", "")}};
  const Label method = label_of(settings.value("method", ""));
  out["method"] = method.method;
  for (const std::string& option : method.options)
    if (const size_t equals = option.find('='); equals != std::string::npos)
      out[option.substr(0, equals)] = option.substr(equals + 1);
  return out;
}

/// "topk:3" as ("topk", 3), "0.5" as ("", 0.5).
std::optional<std::pair<std::string, double>> numbered(const std::string& value) {
  const size_t colon = value.rfind(':');
  const auto number = parse_double(colon == std::string::npos ? value : value.substr(colon + 1));
  if (!number) return std::nullopt;
  return std::pair(colon == std::string::npos ? "" : value.substr(0, colon), *number);
}

/// Names for a drawing, by label: without the options in which the runs of a method do not differ.
std::map<std::string, std::string> short_names(const Json& entries) {
  std::map<std::string, std::map<std::string, size_t>> n_option;  // method -> option -> labels with it
  std::map<std::string, size_t> n_label;
  std::set<std::string> labels;
  for (const Json& e : entries) labels.insert(e["method"].get<std::string>());
  for (const std::string& text : labels) {
    const Label label = label_of(text);
    ++n_label[label.method];
    for (const std::string& option : label.options) ++n_option[label.method][option];
  }
  std::map<std::string, std::string> out;
  for (const std::string& text : labels) {
    const Label label = label_of(text);
    std::vector<std::string> kept;
    for (const std::string& option : label.options)
      if (n_option[label.method][option] < n_label[label.method]) kept.push_back(option);
    out[text] = cat(label.method, kept.empty() ? "" : " " + join(kept, " "), label.rest);
  }
  return out;
}

/// Everything about one task.
class TaskFigures {
 public:
  TaskFigures(const std::string& task, const Json& entries, const std::vector<EvalRun>& runs,
              const std::string& id)
      : task_(task),
        entries_(entries),
        runs_(runs),
        id_(id),
        metric_(shown_metric()),
        scale_(scale_of(metric_)),
        names_(short_names(entries)) {
    std::set<std::string> files;
    for (const EvalRun& run : runs_) files.insert(cat(run.model, " (", run.fingerprint.substr(0, 12), ")"));
    from_ = cat("Model ", join({files.begin(), files.end()}, ", "), "; ");
  }

  std::vector<Figure> make() {
    if (metric_.empty()) return {};
    scores();
    differences();
    sweeps();
    pareto();
    votes();
    return std::move(out_);
  }

 private:
  std::string shown_metric() const {
    for (const EvalRun& run : runs_)
      if (!run.results.is_null() && run.results["rouse"]["tasks"].contains(task_))
        return metric_of(run, task_);
    for (const Json& e : entries_)  // of what is unfinished the first there is
      for (const auto& [metric, score] : e["groups"]["all"].items()) return metric;
    return "";
  }
  const Json* score_of(const Json& entry) const {
    const Json& all = entry["groups"]["all"];
    const auto found = all.find(metric_);
    return found == all.end() ? nullptr : &*found;
  }
  Figure& add(const std::string& what, const std::string& title, const std::string& description) {
    const Json* first = score_of(entries_[0]);
    const bool own_shots =
        std::ranges::any_of(entries_, [](const Json& e) { return e.contains("own_few_shot"); });
    Figure& f = out_.emplace_back();
    f.id = cat(id_, "-", what), f.title = cat(task_, ": ", title), f.description = description;
    f.provenance = cat(from_, "n = ", first ? (*first)["n"].get<int64_t>() : 0,
                       " items; 95% intervals: Wilson's of shares, bootstrap over items of everything else.",
                       own_shots ? " With rouse's own few-shot examples, not the published ones." : "");
    return f;
  }

  void scores() {
    Figure& f = add("scores", "scores", "Every method over the same items, with 95% intervals.");
    f.table = {{"method", unit_of(metric_), "low", "high", "n"}};
    Chart c{f.id, f.title, f.description, {unit_of(metric_)}, {""}, {{"", {}}}, true};
    for (const Json& e : entries_) {
      const Json* s = score_of(e);
      if (!s) continue;
      const double y = static_cast<double>(c.y.names.size()), value = scale_ * (*s)["value"].get<double>();
      c.y.names.push_back(names_.at(e["method"]));
      c.series[0].marks.push_back(mark_of(value, y, (*s)["interval"], scale_, e["method"]));
      f.table.push_back({e["method"], cell(value), cell(c.series[0].marks.back().low),
                         cell(c.series[0].marks.back().high), cat((*s)["n"].get<int64_t>())});
    }
    f.svg = chart_svg(c);
  }

  void differences() {
    Figure f;
    Chart c{"",   "",
            "",   {cat("difference of ", unit_of(metric_))},
            {""}, {{"p < 0.05 after Holm", {}}, {"not beyond chance", {}, false, false, true}},
            true};
    c.x.reference = 0;
    Table table{{"method", "difference", "low", "high", "p (McNemar)", "p (Holm)"}};
    for (const Json& e : entries_) {
      if (!e.contains("against_baseline") || !e["against_baseline"].contains(metric_)) continue;
      const Json& d = e["against_baseline"][metric_];
      const double y = static_cast<double>(c.y.names.size()), value = scale_ * d["difference"].get<double>();
      const bool sure = d.contains("holm_p") && d["holm_p"].get<double>() < 0.05;
      c.y.names.push_back(names_.at(e["method"]));
      c.series[sure ? 0 : 1].marks.push_back(mark_of(value, y, d["interval"], scale_, e["method"]));
      const Mark& m = c.series[sure ? 0 : 1].marks.back();
      table.push_back({e["method"], cell(value), cell(m.low), cell(m.high),
                       d.contains("mcnemar_p") ? cell(d["mcnemar_p"]) : "",
                       d.contains("holm_p") ? cell(d["holm_p"]) : ""});
    }
    if (c.y.names.empty()) return;
    Figure& to = add("differences", cat("against ", entries_[0]["method"].get<std::string>()),
                     "Paired on the same items: the difference from the first method, with 95% bootstrap "
                     "intervals; p by McNemar's exact "
                     "test, corrected by Holm over all comparisons of the report.");
    c.id = to.id, c.title = to.title, c.description = to.description;
    to.table = table, to.svg = chart_svg(c);
  }

  /// Every option that runs vary by number while all else is the same.
  void sweeps() {
    struct Point {
      double x;
      const Json* score;
      std::string method;
    };
    std::map<std::string, std::map<std::string, std::vector<Point>>>
        by_option;  // option -> the rest -> points
    for (const EvalRun& run : runs_) {
      if (run.results.is_null()) continue;
      const auto entry =
          std::ranges::find_if(entries_, [&](const Json& e) { return e["method"] == run.method; });
      if (entry == entries_.end() || !score_of(*entry)) continue;
      const auto options = options_of(run);
      for (const auto& [name, value] : options) {
        const auto number = numbered(value);
        if (!number) continue;
        std::string rest = options.at("method");
        for (const auto& [other, its] : options)
          if (other != name && other != "method" && other != "exec") rest += cat(", ", other, " ", its);
        const std::string kind = number->first.empty() ? name : cat(name, " ", number->first);
        by_option[name == "routing" ? "k of the routing" : name][cat(kind, " of ", rest)].push_back(
            {number->second, score_of(*entry), run.method});
      }
    }
    for (const auto& [option, families] : by_option) {
      Chart c{"", "", "", {option}, {unit_of(metric_)}, {}};
      c.x.whole = true;
      Table table{{"series", option, unit_of(metric_), "low", "high"}};
      for (const auto& [name, points] : families) {
        if (points.size() < 3) continue;
        Series& s = c.series.emplace_back(Series{name, {}, true});
        for (const Point& p : points) {
          c.x.whole = c.x.whole && p.x == std::round(p.x);
          s.marks.push_back(mark_of(p.x, scale_ * (*p.score)["value"].get<double>(), (*p.score)["interval"],
                                    scale_, p.method));
        }
        std::ranges::stable_sort(s.marks, {}, &Mark::x);
        for (const Mark& m : s.marks)
          table.push_back({name, cell(m.x), cell(m.y), cell(m.low), cell(m.high)});
      }
      if (c.series.empty()) continue;
      std::string slug;
      for (const char ch : option) slug += std::isalnum(static_cast<unsigned char>(ch)) ? ch : '-';
      Figure& f = add(cat("by-", slug), cat("by ", option),
                      "One option varied, all else the same; bands are 95% intervals.");
      c.id = f.id, c.title = f.title, c.description = f.description;
      f.table = table, f.svg = chart_svg(c);
    }
  }

  void pareto() {
    const Json tasks = pareto_of(points_of(runs_));
    if (!tasks.contains(task_)) return;
    Chart c{"",
            "",
            "",
            {"expert evaluations a token"},
            {unit_of(metric_)},
            {{"nothing as cheap is as good", {}}, {"something as cheap is as good", {}, false, false, true}},
            false,
            true};
    Table table{{"method", "expert evaluations a token", unit_of(metric_), "low", "high", "on the frontier"}};
    for (const Json& p : tasks[task_]) {
      if (p["experts_per_token"].is_null()) continue;
      const bool on = p["on_frontier"].get<bool>();
      const Mark m = mark_of(p["experts_per_token"], scale_ * p["score"].get<double>(), p["interval"], scale_,
                             p["method"]);
      c.series[on ? 0 : 1].marks.push_back(m);
      table.push_back({p["method"], cell(m.x), cell(m.y), cell(m.low), cell(m.high), on ? "yes" : "no"});
    }
    if (table.size() < 4) return;
    Figure& f = add("pareto", "score by cost",
                    "Score against the expert evaluations that a token took, of all streams; intervals 95%.");
    c.id = f.id, c.title = f.title, c.description = f.description;
    f.table = table, f.svg = chart_svg(c);
  }

  void votes() {
    const Json tasks = votes_of(runs_);
    if (!tasks.contains(task_)) return;
    Chart c{"", "", "", {"samples that vote"}, {unit_of(metric_)}, {}};
    c.x.whole = true;
    Table table{{"method", "samples", "majority right, %", "low", "high"}};
    for (const Json& row : tasks[task_]) {
      Series& s = c.series.emplace_back(Series{row["method"], {}, true});
      for (const Json& k : row["major"]) {
        s.marks.push_back(
            mark_of(k["k"], scale_ * k["score"].get<double>(), k["interval"], scale_, row["method"]));
        const Mark& m = s.marks.back();
        table.push_back({row["method"], cell(m.x), cell(m.y), cell(m.low), cell(m.high)});
      }
    }
    Figure& f = add("votes", "majority of samples (major@k)",
                    "The majority's answer of the first k samples, ties to the earliest.");
    c.id = f.id, c.title = f.title, c.description = f.description;
    f.table = table, f.svg = chart_svg(c);
  }

  std::string task_;
  const Json& entries_;
  const std::vector<EvalRun>& runs_;
  std::string id_, metric_, from_;
  double scale_;
  std::map<std::string, std::string> names_;
  std::vector<Figure> out_;
};

}  // namespace

std::vector<Figure> run_figures(const std::vector<EvalRun>& runs, const std::string& id) {
  const Json report = report_of(runs);
  std::vector<Figure> out;
  for (const auto& [task, entries] : report["tasks"].items())
    for (Figure& f : TaskFigures(task, entries, runs, cat(id, "-", task)).make()) out.push_back(std::move(f));
  return out;
}

}  // namespace rouse
