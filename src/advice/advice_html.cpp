/// advice/advice_html.cpp - an advice as one page: what the file is, the evidence drawn as intervals, tables
/// of the same numbers, and how it was come by.
#include <algorithm>
#include <cmath>

#include "advice/advice_text.h"
#include "base/text.h"

namespace rouse {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : printable(text, true)) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string text_of(const Json& object, const char* key) {
  return escaped(object[key].get<std::string>());
}

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--line:#bbb;--helps:#0b62a8;--hurts:#b35900;--none:#6b6b6b}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#151515;--line:#555;--helps:#6fb7ff;--hurts:#ffb066;--none:#a8a8a8}}
@media print{:root{--ink:#000;--paper:#fff;--line:#999;--helps:#0b62a8;--hurts:#b35900;--none:#555}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
td,th{border-bottom:1px solid var(--line);padding:.25rem .7rem;text-align:left;vertical-align:top}
td.n,th.n{text-align:right}
td:nth-child(n+4){white-space:nowrap}
.wide{overflow-x:auto}
svg text{fill:var(--ink);font:13px system-ui,sans-serif}
.helps{color:var(--helps)}.hurts{color:var(--hurts)}.none{color:var(--none)}
code{font-size:.9em;overflow-wrap:anywhere}
)";

const char* class_of(const std::string& verdict) {
  return verdict == "helps" ? "helps" : verdict == "hurts" ? "hurts" : "none";
}

/// A round step of an axis of this span: 1, 2 or 5 times a power of ten, three to seven of them.
double step_of(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 3)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if (span / (factor * power) <= 6) return factor * power;
  return 10 * power;
}

/// Of rows with one unit: every change as a point in its interval, against no change.
std::string forest(const std::vector<Json>& rows, const std::string& title) {
  constexpr double kLeft = 210, kWidth = 430, kRow = 24, kTop = 8;
  double low = 0, high = 0;
  for (const Json& row : rows) {
    low = std::min({low, row["interval"][0].get<double>(), row["change"].get<double>()});
    high = std::max({high, row["interval"][1].get<double>(), row["change"].get<double>()});
  }
  if (!(high > low)) low = -1, high = 1;
  const double step = step_of(high - low);
  low = std::floor(low / step) * step, high = std::ceil(high / step) * step;
  const auto x = [&](double v) { return kLeft + kWidth * (v - low) / (high - low); };
  const double bottom = kTop + kRow * static_cast<double>(rows.size()) + 6;
  std::string out = formatted(
      "<svg role=\"img\" viewBox=\"0 0 700 %.0f\" width=\"700\" style=\"max-width:100%%\">", bottom + 26);
  out += cat("<title>", escaped(title), "</title>");
  for (int i = 0; low + i * step <= high + step / 2; ++i) {
    const double v = low + i * step, at = x(v);
    out += formatted(
        "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.1f\" stroke=\"var(--line)\" stroke-width=\"%s\"/>",
        at, at, kTop, bottom, std::abs(v) < step / 2 ? "2" : ".5");
    out += formatted(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>", at, bottom + 18,
        std::abs(v) < step / 2
            ? "0"
            : formatted("%+.*f", std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9))), v)
                  .c_str());
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& row = rows[i];
    const double y = kTop + kRow * (static_cast<double>(i) + .5);
    const std::string name = row["method"].get<std::string>() + ", " + row["on"].get<std::string>();
    out += cat("<g class=\"", class_of(row["verdict"]), "\">",
               formatted("<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", kLeft - 10, y + 4),
               escaped(name), "</text>");
    out += formatted(
        "<line x1=\"%.2f\" x2=\"%.2f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"currentColor\" "
        "stroke-width=\"2.5\"/>",
        x(row["interval"][0].get<double>()), x(row["interval"][1].get<double>()), y, y);
    out += formatted(
        "<circle cx=\"%.2f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" stroke=\"currentColor\" "
        "stroke-width=\"2\"/></g>",
        x(row["change"].get<double>()), y, row["verdict"] == "no evidence" ? "var(--paper)" : "currentColor");
  }
  return out + "</svg>";
}

std::string figures(const Json& measured) {
  std::string out;
  for (const auto& [on_text, title] :
       {std::pair{true, "Change of NLL on text, nats a token; left is better"},
        std::pair{false, "Change of right answers, percentage points; right is better"}}) {
    std::vector<Json> rows;
    for (const Json& row : measured)
      if ((row["unit"] == "%") != on_text && (on_text == row["low_is_good"].get<bool>())) rows.push_back(row);
    if (rows.empty()) continue;
    out +=
        cat("<figure><figcaption>", title,
            " (point and 95% interval; filled where p &lt; 0.05 after Holm)</figcaption><div class=\"wide\">",
            forest(rows, title), "</div></figure>\n");
  }
  return out;
}

std::string measured_table(const Json& measured) {
  std::string out =
      "<div class=\"wide\"><table><tr><th>method<th>measured on<th>metric<th class=\"n\">n<th class=\"n\">as "
      "it is<th class=\"n\">change "
      "<th>95% interval<th class=\"n\">p<th class=\"n\">p (Holm)<th>verdict</tr>\n";
  for (const Json& row : measured) {
    const int digits = row["unit"] == "%" ? 1 : 4;
    const auto number = [&](double v, const char* form) { return formatted(form, digits, v); };
    out +=
        cat("<tr><td>", text_of(row, "method"), "<td>", text_of(row, "on"), "<td>", text_of(row, "metric"),
            ", ", text_of(row, "unit"), "<td class=\"n\">", row["n"].get<int64_t>(), "<td class=\"n\">",
            number(row["before"].get<double>(), "%.*f"), "<td class=\"n\">",
            number(row["change"].get<double>(), "%+.*f"), "<td>[",
            number(row["interval"][0].get<double>(), "%+.*f"), ", ",
            number(row["interval"][1].get<double>(), "%+.*f"), "]<td class=\"n\">",
            formatted("%.4f<td class=\"n\">%.4f", row["p"].get<double>(), row["p_corrected"].get<double>()),
            "<td class=\"", class_of(row["verdict"]), "\">", text_of(row, "verdict"), "</tr>\n");
  }
  return out + "</table></div>\n";
}

std::string verdict_table(const Json& verdicts) {
  std::string out =
      "<div class=\"wide\"><table><tr><th>method<th>verdict<th class=\"n\">expert evaluations<th "
      "class=\"n\">time a token</tr>\n";
  for (const Json& v : verdicts) {
    out += cat("<tr><td>", text_of(v, "method"), "<td class=\"", class_of(v["verdict"]), "\">",
               text_of(v, "text"), "<td class=\"n\">");
    if (v.contains("expert_evaluations_ratio"))
      out += formatted("%.2fx", v["expert_evaluations_ratio"].get<double>());
    out += "<td class=\"n\">";
    if (v.contains("step_ratio"))
      out += formatted("%.2fx [%.2f, %.2f]", v["step_ratio"].get<double>(),
                       v["step_ratio_interval"][0].get<double>(), v["step_ratio_interval"][1].get<double>());
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

}  // namespace

std::string advice_html(const Json& a) {
  const Json& model = a["model"];
  const std::string name = model["name"].get<std::string>().empty() ? model["file"] : model["name"];
  std::string out =
      cat("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width\"><title>",
          escaped(name), ": advice</title><style>", kStyle,
          "</style></head><body>\n<h1>Does another routing help ", escaped(name),
          "?</h1>\n<p style=\"white-space:pre-line\">", escaped(advice_model_text(model)), "</p>\n");
  out += cat("<h2>Verdicts</h2>\n", verdict_table(a["verdicts"]),
             "<h2>Evidence</h2>\n<p>Every method against the model as it is, on "
             "the same documents or items; two-sided tests, p corrected by Holm over all ",
             a["measured"].size(),
             ". No evidence is not evidence of nothing: the interval says what could still be.</p>\n",
             figures(a["measured"]), measured_table(a["measured"]));
  if (a.contains("headroom"))
    out += cat("<h2>Headroom</h2>\n<p>", text_of(a["headroom"], "verdict"), "</p>\n");
  if (a.contains("plan")) out += cat("<h2>Plan</h2>\n<p>", text_of(a["plan"], "verdict"), "</p>\n");
  if (!a["published"].empty()) {
    out +=
        "<h2>Published of this family</h2>\n<div class=\"wide\"><table><tr><th>model<th>method<th>on<th "
        "class=\"n\">greedy<th class=\"n\">with<th>source</tr>\n";
    for (const Json& p : a["published"])
      out += cat("<tr><td>", text_of(p, "model"), "<td>", text_of(p, "method"), "<td>", text_of(p, "on"),
                 formatted("<td class=\"n\">%.2f<td class=\"n\">%.2f<td>", p["before"].get<double>(),
                           p["after"].get<double>()),
                 text_of(p, "source"), "</tr>\n");
    out += "</table></div>\n";
  }
  out += "<h2>Try next</h2>\n";
  for (const Json& command : a["next"]) out += cat("<p><code>", escaped(command), "</code></p>\n");
  std::string texts;
  for (const Json& text : a["options"]["text"])
    texts += cat(texts.empty() ? "" : ", ", text.get<std::string>());
  out +=
      cat("<h2>Provenance</h2>\n<p>Model fingerprint <code>", text_of(model, "fingerprint"), "</code>; text ",
          escaped(texts), ", documents of at most ", a["options"]["document_tokens"].get<int>(),
          " tokens, half learned from and half judged on; seed ", a["options"]["seed"].get<uint64_t>(),
          "; budget ", formatted("%.0f s", a["options"]["budget_seconds"].get<double>()),
          formatted(", took %.0f s", a.value("seconds", 0.0)), ".</p>\n</body></html>\n");
  return out;
}

}  // namespace rouse
