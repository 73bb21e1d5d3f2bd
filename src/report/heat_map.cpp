#include "report/heat_map.h"

#include "base/error.h"
#include "base/text.h"
#include "report/svg.h"

namespace rouse {

std::string heat_svg(const HeatMap& map) {
  size_t n_column = 1;
  double widest = svg_name_width("0", 1);
  FiniteRange range;
  for (const auto& row : map.values) {
    n_column = std::max(n_column, row.size());
    for (const double v : row) range.add(v);
  }
  for (const std::string& name : map.rows) widest = std::max(widest, svg_name_width(name, kLongestName));
  const double left = 26 + widest, cell = (kSvgWidth - kSvgRight - left) / static_cast<double>(n_column);
  const double tall = std::clamp(cell, 8.0, 18.0),
               height = kSvgTop + tall * static_cast<double>(map.values.size()) + kSvgBottom;
  std::string out = svg_begin(map.id, map.title, map.description, height);
  for (size_t r = 0; r < map.values.size(); ++r) {
    const double y = kSvgTop + tall * static_cast<double>(r);
    const std::string name = r < map.rows.size() ? map.rows[r] : "";
    out += formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", left - 8, y + tall / 2 + 4) +
           svg_name(name, kLongestName) + "</text>";
    for (size_t c = 0; c < map.values[r].size(); ++c) {
      const double v = map.values[r][c];
      if (!std::isfinite(v)) continue;
      const double share = range.high > range.low ? (v - range.low) / (range.high - range.low) : 1;
      out += formatted(
                 "<rect class=\"heat\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                 "fill-opacity=\"%.3f\" ",
                 left + cell * static_cast<double>(c), y, cell, tall - 1, 0.06 + 0.94 * share) +
             cat("data-value=\"", number_text(v), "\"><title>", html_text(name), ", ", c, ": ",
                 number_text(v), "</title></rect>");
    }
  }
  out += formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"axis\">",
                   (left + kSvgWidth - kSvgRight) / 2, height - 14) +
         html_text(cat(map.column_title, "; darker: more ", map.value_title,
                       range.high >= range.low ? cat(" (", formatted("%.3g", range.low), " to ",
                                                     formatted("%.3g", range.high), ")")
                                               : "")) +
         "</text>";
  out +=
      formatted("<text transform=\"translate(13 %.1f) rotate(-90)\" text-anchor=\"middle\" class=\"axis\">",
                height / 2 - kSvgBottom / 2) +
      html_text(map.row_title) + "</text>";
  return out + "</svg>";
}

}  // namespace rouse
