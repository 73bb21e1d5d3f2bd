#include "report/repro_tables.h"

#include <cmath>
#include <limits>

#include "report/tables.h"

namespace rouse {
namespace {

std::string number_cell(const char* format, const JsonValue& number) {
  constexpr double kMost = std::numeric_limits<double>::max();
  char text[400] = "";  // %f of the largest number
  if (!number.is_null()) std::snprintf(text, sizeof text, format, number.real(-kMost, kMost));
  return text;
}

/// "1.23 [1.10, 1.40]", or "" where there is no value.
std::string interval_cell(const char* format, const JsonValue& value, const JsonValue& interval) {
  if (value.is_null()) return "";
  return cat(number_cell(format, value), " [", number_cell(format, interval[0]), ", ",
             number_cell(format, interval[1]), "]");
}

constexpr size_t kMostRows = 1 << 20;

}  // namespace

std::string divergence_table(const JsonValue& d) {
  Table table{
      {"routing", "KL, all tokens", "KL, mathematical expressions", "KL, stop words", "unchosen experts"}};
  for (const JsonValue& row : d.at("rows").list(0, kMostRows)) {
    table.push_back({row.at("other").text()});
    for (const char* kind : {"all", "math", "stop_words"}) {
      const JsonValue kl = row.at("kl").at(kind);
      table.back().push_back(interval_cell("%.3f", kl.at("mean"), kl.at("interval")));
    }
    const auto unchosen = row.find("unchosen");
    table.back().push_back(unchosen ? cat(std::lround(100 * unchosen->real(0, 1)), "%") : "");
  }
  return markdown_table(table);
}

std::string latency_table(const JsonValue& d) {
  Table table{{"method", "seconds a 512 tokens", "time of a token / greedy"}};
  for (const JsonValue& row : d.at("rows").list(0, kMostRows)) {
    const auto ratio = row.find("step_ratio_to_greedy");
    table.push_back({row.at("name").text(), number_cell("%.2f", row.at("seconds_per_512_tokens")),
                     ratio ? interval_cell("%.2f", *ratio, row.at("step_ratio_to_greedy_interval")) : ""});
  }
  return markdown_table(table);
}

std::string profile_table(const JsonValue& d) {
  Table layers{{"block", "R", "experts"}}, dormant{{"dormant expert", "impact (CEI)", "gate"}};
  for (const JsonValue& layer : d.at("layers").list(0, kMostRows))
    layers.push_back({cat(layer.at("block").integer(0, INT32_MAX)), number_cell("%.4g", layer.at("R")),
                      cat(layer.at("k").integer(0, INT32_MAX))});
  for (const JsonValue& e : d.at("dormant").list(0, kMostRows))
    dormant.push_back(
        {e.at("expert").text(), number_cell("%.4g", e.at("impact")), number_cell("%.4g", e.at("gate"))});
  return cat(markdown_table(layers), "\n", markdown_table(dormant));
}

std::string choices_text(const JsonValue& choices) {
  std::string out;
  for (const JsonValue& c : choices.list(0, kMostRows))
    out += cat("- ", c.at("task").text(), ", ", c.at("method").text(), ": chose `", c.at("chosen").text(),
               "` on ", c.at("settings")[0].at("n").integer(0, INT32_MAX), " development items\n");
  return out;
}

}  // namespace rouse
