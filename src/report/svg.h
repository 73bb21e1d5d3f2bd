/// report/svg.h - what drawings have in common: their frame, text that is data, and how wide it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace rouse {

constexpr double kSvgWidth = 720, kSvgRight = 20, kSvgTop = 14, kSvgBottom = 46;  ///< and its margins
constexpr size_t kLongestName = 34;                                               ///< of a row, in characters

/// Characters that mean something in HTML or would steer what shows it are written out.
std::string html_text(const std::string& text);
/// A name of at most n characters, for a drawing.
std::string svg_name(const std::string& name, size_t n);
/// How wide that is, about: of 13 px text in a wide font.
double svg_name_width(const std::string& name, size_t n);
/// The opening tag with the title and the description that a screen reader reads.
std::string svg_begin(const std::string& id, const std::string& title, const std::string& description,
                      double height);

/// Of numbers, whatever else stands among them; low > high: of none.
struct FiniteRange {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
};

}  // namespace rouse
