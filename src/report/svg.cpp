#include "report/svg.h"

#include <algorithm>

#include "base/error.h"
#include "base/table.h"
#include "base/text.h"
#include "base/unicode.h"

namespace rouse {

std::string html_text(const std::string& text) {
  std::string out;
  for (const char c : printable(text, true)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string svg_name(const std::string& name, size_t n) {
  return html_text(shortened(name, n));
}

double svg_name_width(const std::string& name, size_t n) {
  return 7.9 * static_cast<double>(std::min(n_character(name), n));
}

std::string svg_begin(const std::string& id, const std::string& title, const std::string& description,
                      double height) {
  return cat(formatted("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" "
                       "width=\"%.0f\" height=\"%.0f\" ",
                       kSvgWidth, height, kSvgWidth, height),
             "aria-labelledby=\"", id, "-t ", id, "-d\"><title id=\"", id, "-t\">", html_text(title),
             "</title><desc id=\"", id, "-d\">", html_text(description), "</desc>");
}

}  // namespace rouse
