#include "base/table.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/text.h"
#include "base/unicode.h"

namespace rouse {
namespace {

constexpr size_t kMargin = 2, kGap = 2, kIndent = 6;  // before a row, between columns, before what goes on

std::vector<size_t> widths_of(const Table& table) {
  std::vector<size_t> out(table[0].size());
  for (const auto& row : table)
    for (size_t c = 0; c < row.size(); ++c) out[c] = std::max(out[c], n_character(row[c]));
  return out;
}

size_t whole_width(const std::vector<size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), kMargin + kGap * (widths.size() - 1));
}

/// Of the first column, in lines of `width`: so many that the rows fit, if names that long still tell each
/// from each; else all that there is room for, as rows take several lines anyway.
size_t name_width(const Table& table, const std::vector<size_t>& widths, size_t width) {
  constexpr size_t kLeast = 12;
  const size_t whole = whole_width(widths), most = std::min(widths[0], width - std::min(width, kMargin));
  if (whole <= width || widths[0] < kLeast + (whole - width)) return most;
  const size_t room = widths[0] - (whole - width);
  std::set<std::string> names, short_names;
  for (const auto& row : table) {
    names.insert(row[0]);
    short_names.insert(shortened(row[0], room));
  }
  return names.size() == short_names.size() ? room : most;
}

/// For each line of a row its first column.
std::vector<size_t> lines_of(const std::vector<size_t>& widths, size_t width) {
  std::vector<size_t> out{0};
  size_t used = kMargin + widths[0];
  for (size_t c = 1; c < widths.size(); ++c) {
    const bool fits = width == 0 || used + kGap + widths[c] <= width;
    if (!fits) out.push_back(c);
    used = (fits ? used + kGap : kIndent) + widths[c];
  }
  return out;
}

}  // namespace

std::string table_text(const Table& table, size_t width) {
  std::vector<size_t> widths = widths_of(table);
  if (width > 0) widths[0] = name_width(table, widths, width);
  const std::vector<size_t> first = lines_of(widths, width);
  std::string out;
  for (const auto& row : table) {
    std::string line(kMargin, ' ');
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0 && std::ranges::count(first, c)) {
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
        line = std::string(kIndent, ' ');
      } else if (c > 0) {
        line += std::string(kGap, ' ');
      }
      const std::string cell = c == 0 ? shortened(row[c], widths[c]) : row[c];
      line += cell + std::string(widths[c] - n_character(cell), ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string markdown_table(const Table& table) {
  std::string out;
  for (size_t r = 0; r < table.size(); ++r) {
    out += "| " + join(table[r], " | ") + " |\n";
    if (r > 0) continue;
    for (size_t c = 0; c < table[r].size(); ++c) out += "|---";
    out += "|\n";
  }
  return out;
}

std::string shortened(const std::string& text, size_t width) {
  const std::u32string all = code_points(text);
  if (all.size() <= width) return text;
  constexpr size_t kDots = 3;
  if (width <= kDots) return std::string(width, '.');
  const size_t kept = width - kDots, begin = (kept + 1) / 2;
  const std::u32string_view view = all;
  return utf8(view.substr(0, begin)) + "..." + utf8(view.substr(all.size() - (kept - begin)));
}

}  // namespace rouse
