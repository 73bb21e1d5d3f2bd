#include "report/figure.h"

#include <openssl/evp.h>

#include "base/text.h"
#include "gguf/hash.h"
#include "report/svg.h"

namespace rouse {
namespace {

/// Okabe and Ito's colours, darker on paper and lighter on a dark screen; the ink and grid of charts.
constexpr const char* kInk =
    "svg text{font:13px system-ui,sans-serif;fill:var(--ink)}svg .axis{fill:var(--soft)}"
    ".grid{stroke:var(--line);stroke-width:.6}.zero{stroke:var(--ink);stroke-width:1.4}"
    ".line{stroke:currentColor;stroke-width:2;fill:none}.band{fill:currentColor;fill-opacity:.14;stroke:none}"
    "svg g>circle,svg g>rect,svg g>polygon:not(.band){fill:currentColor;stroke:currentColor;stroke-width:1.6}"
    "svg g.open>circle,svg g.open>rect,svg g.open>polygon:not(.band){fill:var(--paper)}.heat{fill:var(--s0)}"
    ".s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{"
    "color:var(--s5)}"
    ".s6{color:var(--s6)}.s7{color:var(--s7)}";
constexpr const char* kLight =
    ":root{--ink:#1b1b1b;--soft:#555;--paper:#fff;--line:#c4c4c4;--s0:#005b99;--s1:#b34700;--s2:#00735a;--s3:"
    "#8a3f74;--s4:#7a6200;"
    "--s5:#27749e;--s6:#8c5a00;--s7:#444}";
constexpr const char* kDark =
    "@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#b5b5b5;--paper:#151515;--line:#4a4a4a;--"
    "s0:#6fb7ff;--s1:#ff9f5c;"
    "--s2:#4fd1ae;--s3:#e3a0cc;--s4:#e0c34a;--s5:#7ecbf0;--s6:#f0b85c;--s7:#c0c0c0}}";
constexpr const char* kPage =
    ":root{color-scheme:light dark}body{font:16px/1.5 "
    "system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;"
    "margin:2rem auto;padding:0 1rem}figure{margin:1.5rem 0 2.5rem}figure h3{margin:.2rem 0}figcaption "
    "p{margin:.2rem 0}"
    ".wide{overflow-x:auto}svg{max-width:100%;height:auto}table{border-collapse:collapse;margin:.6rem "
    "0;font-variant-numeric:tabular-nums}"
    "td,th{border-bottom:1px solid var(--line);padding:.2rem "
    ".7rem;text-align:left;vertical-align:top}.from{color:var(--soft);font-size:.9em}"
    ".text{white-space:pre-line}code{overflow-wrap:anywhere}nav a{margin-right:1em}"
    "a{color:var(--s0)}@media print{figure{break-inside:avoid}nav{display:none}}";

std::string base64_of_sha256(const std::string& text) {
  const std::string hex = sha256_of_text(text);
  std::vector<unsigned char> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

/// As a data: address.
std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const unsigned char c : text)
    out += std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~'
               ? std::string(1, static_cast<char>(c))
               : formatted("%%%02X", c);
  return out;
}

std::string table_html(const Table& table) {
  std::string out = "<table>";
  for (size_t r = 0; r < table.size(); ++r) {
    out += r == 0 ? "<thead><tr>" : "<tr>";
    for (const std::string& cell : table[r]) {
      const char* tag = r == 0 ? "th" : "td";
      out += cat("<", tag, r == 0 ? " scope=\"col\"" : "", ">", html_text(cell), "</", tag, ">");
    }
    out += r == 0 ? "</tr></thead>\n<tbody>" : "</tr>\n";
  }
  return out + "</tbody></table>";
}

std::string figure_html(const Figure& f) {
  std::string out = cat("<figure id=\"", f.id, "\"><figcaption><h3>", html_text(f.title), "</h3><p>",
                        html_text(f.description), "</p></figcaption>\n");
  if (!f.svg.empty())
    out += cat("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"", html_text(f.title), "\">",
               f.svg, "</div>\n");
  const std::string csv = cat("<p><a download=\"", f.id, ".csv\" href=\"data:text/csv;charset=utf-8,",
                              percent_encoded(csv_text(f.table)), "\">CSV</a></p>");
  const std::string table = cat("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"numbers\">",
                                table_html(f.table), "</div>", csv);
  out += f.svg.empty() ? table : cat("<details><summary>The numbers</summary>", table, "</details>");
  return out + cat("<p class=\"from\">", html_text(f.provenance), "</p></figure>\n");
}

}  // namespace

std::string html_page(const std::string& title, const std::string& intro,
                      const std::vector<Section>& sections) {
  const std::string style = cat(kLight, kDark, kInk, kPage);
  std::string out =
      cat("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
          "http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none'; style-src 'sha256-",
          base64_of_sha256(style),
          "'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>",
          html_text(title), "</title>\n<style>", style, "</style></head>\n<body><main><h1>", html_text(title),
          "</h1>\n<p class=\"text\">", html_text(intro), "</p>\n");
  if (sections.size() > 1) {
    out += "<nav aria-label=\"sections\">";
    for (size_t s = 0; s < sections.size(); ++s)
      out += cat("<a href=\"#part-", s, "\">", html_text(sections[s].title), "</a> ");
    out += "</nav>\n";
  }
  for (size_t s = 0; s < sections.size(); ++s) {
    out += cat("<section aria-labelledby=\"part-", s, "\"><h2 id=\"part-", s, "\">",
               html_text(sections[s].title), "</h2>\n");
    if (!sections[s].text.empty()) out += cat("<p class=\"text\">", html_text(sections[s].text), "</p>\n");
    for (const Figure& f : sections[s].figures) out += figure_html(f);
    out += "</section>\n";
  }
  return out + "</main></body></html>\n";
}

std::string markdown_page(const std::string& title, const std::string& intro,
                          const std::vector<Section>& sections, const std::string& svg_folder) {
  std::string out = cat("# ", printable(title), "\n\n", printable(intro, true), "\n");
  for (const Section& s : sections) {
    out += cat("\n## ", printable(s.title), "\n\n", s.text.empty() ? "" : printable(s.text, true) + "\n");
    for (const Figure& f : s.figures) {
      out += cat("\n### ", printable(f.title), "\n\n", printable(f.description), "\n\n");
      if (!f.svg.empty() && !svg_folder.empty())
        out += cat("![", printable(f.title), "](", svg_folder, "/", f.id, ".svg)\n\n");
      Table table = f.table;
      for (auto& row : table)
        for (std::string& cell : row) cell = printable(cell);
      out += cat(markdown_table(table), "\n", printable(f.provenance), "\n");
    }
  }
  return out;
}

std::string csv_text(const Table& table) {
  std::string out;
  for (const auto& row : table) {
    for (size_t c = 0; c < row.size(); ++c) {
      const bool quoted = row[c].find_first_of(",\"\r\n") != std::string::npos;
      std::string cell;
      for (const char ch : row[c]) cell += ch == '"' ? "\"\"" : std::string(1, ch);
      out += cat(c ? "," : "", quoted ? "\"" : "", cell, quoted ? "\"" : "");
    }
    out += "\r\n";
  }
  return out;
}

std::string standalone_svg(const std::string& svg) {
  const size_t at = svg.find('>') + 1;
  return cat(svg.substr(0, at), "<style>", kLight, kInk, "svg{background:#fff}</style>", svg.substr(at),
             "\n");
}

}  // namespace rouse
