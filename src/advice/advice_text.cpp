#include "advice/advice_text.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/text.h"
#include "report/next_steps.h"

namespace rouse {
namespace {

/// "+0.0123 [+0.0100, +0.0140]" or, of per cents, "+1.2 [-0.4, +2.8]".
std::string change_text(const Json& row) {
  const char* form = row["unit"] == "%" ? "%+.1f [%+.1f, %+.1f]" : "%+.4f [%+.4f, %+.4f]";
  return formatted(form, row["change"].get<double>(), row["interval"][0].get<double>(),
                   row["interval"][1].get<double>());
}

std::string cost_text(const Json& verdict) {
  std::vector<std::string> parts;
  if (verdict.contains("expert_evaluations_ratio"))
    parts.push_back(
        formatted("%.2fx the expert evaluations", verdict["expert_evaluations_ratio"].get<double>()));
  if (verdict.contains("step_ratio"))
    parts.push_back(formatted("%.2fx [%.2f, %.2f] the time a token", verdict["step_ratio"].get<double>(),
                              verdict["step_ratio_interval"][0].get<double>(),
                              verdict["step_ratio_interval"][1].get<double>()));
  return join(parts, ", ");
}

/// Bytes that this machine can still give out; 0 where that is not known.
uint64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string word;
  uint64_t kib = 0;
  while (in >> word)
    if (word == "MemAvailable:" && in >> kib) return kib * 1024;
  return 0;
}

}  // namespace

std::string advice_model_text(const Json& d) {
  const Json& r = d["router"];
  const auto bytes = d["bytes"].get<uint64_t>();
  const std::string name = d["name"];
  std::string out =
      cat(printable(d["file"].get<std::string>()), ": ", name.empty() ? "" : printable(name) + ", ",
          printable(d["arch"].get<std::string>()), "\n  ", r["moe_layers"].get<int>(), " blocks of ",
          r["n_expert"].get<int>(), " experts, of which a token uses ", r["n_expert_used"].get<int>(), "\n  ",
          bytes_text(bytes), " of weights");
  const auto touched = d["weight_bytes_per_token"].get<double>();
  const auto bandwidth = d["bandwidth"].get<double>();
  out += cat(", ", bytes_text(static_cast<uint64_t>(touched)), " of them for a token; this machine reads ",
             formatted("%.1f GB/s", bandwidth / 1e9), ",\n  so a token of an answer takes at least ",
             time_text(touched / bandwidth), ", ", "and 512 of a text at least ",
             time_text(static_cast<double>(bytes) / bandwidth), "\n");
  const uint64_t memory = available_memory();
  if (memory && memory < bytes)
    out += cat("  warning: ", bytes_text(memory),
               " of memory are free, less than the weights: everything will wait for the disk\n");
  return out;
}

std::string reckoning_text(const Reckoning& r, double budget_seconds) {
  double sum = r.task_seconds;
  for (const Part& p : r.parts) sum += p.why.empty() ? p.seconds : 0;
  std::string out =
      cat("What will be run, in about ", time_text(sum), " (--budget ", time_text(budget_seconds), ")\n");
  const auto add = [&](const std::string& name, const std::string& time, const std::string& what) {
    out += formatted("  %-9s %-8s ", name.c_str(), time.c_str()) + what + "\n";
  };
  for (const Part& p : r.parts)
    add(p.name, p.why.empty() ? time_text(p.seconds) : "left out",
        cat(p.what, p.why.empty() ? "" : ": " + p.why));
  if (r.task_seconds > 0) add("tasks", time_text(r.task_seconds), "at most: as many items of each as fit");
  return out;
}

std::string advice_words(const Json& a) {
  std::string out;
  if (a.contains("headroom"))
    out += cat("Headroom. ", printable(a["headroom"]["verdict"].get<std::string>()), "\n\n");
  if (a.contains("plan") && !a["plan"]["verdict"].get<std::string>().empty())
    out += cat("Plan. ", printable(a["plan"]["verdict"].get<std::string>()), "\n\n");
  return out;
}

std::string advice_text(const Json& a) {
  std::string out;
  if (!a["measured"].empty())
    out += cat("Against the model as it is: change [95% interval], p by Holm over ", a["measured"].size(),
               " tests\n", formatted("%-7s %-17s %6s  %-25s %5s\n", "", "measured on", "n", "change", "p"));
  for (const Json& row : a["measured"])
    out += formatted("%-7s %-17s %6ld  %-25s %5.3f %s\n", row["method"].get<std::string>().c_str(),
                     row["on"].get<std::string>().c_str(), row["n"].get<long>(), change_text(row).c_str(),
                     row["p_corrected"].get<double>(), row["verdict"].get<std::string>().c_str());
  if (!a["measured"].empty())
    out += "Of NLL (text, nats a token) less is better; of right answers (%) more.\n";
  out += "\n";
  for (const Json& v : a["verdicts"]) {
    out +=
        formatted("%-8s%s\n", v["method"].get<std::string>().c_str(), v["text"].get<std::string>().c_str());
    if (const std::string cost = cost_text(v); !cost.empty()) out += cat("        at ", cost, "\n");
  }
  if (!a["published"].empty()) {
    out += "\nPublished of this family\n";
    for (const Json& p : a["published"])
      out += formatted("  %-18s %-16s %-11s %.2f -> %.2f (%+.2f)\n", p["model"].get<std::string>().c_str(),
                       p["method"].get<std::string>().c_str(), p["on"].get<std::string>().c_str(),
                       p["before"].get<double>(), p["after"].get<double>(),
                       p["after"].get<double>() - p["before"].get<double>());
    std::vector<std::string> sources;
    for (const Json& p : a["published"])
      if (const std::string s = p["source"]; !std::ranges::count(sources, s)) sources.push_back(s);
    for (const std::string& s : sources) out += cat("  ", s, "\n");
  }
  out += "\nTry next\n";
  for (const auto& command : a["next"]) out += cat("  ", printable(command.get<std::string>()), "\n");
  return out;
}

}  // namespace rouse
