/// report/chart.h - one chart as data, and as SVG: readable on paper, by a screen reader and without colour.
///
/// Every mark carries its numbers as data attributes and as a title, so that what is drawn can be read back.
/// Series differ in colour (Okabe and Ito's), shape and dash.
#pragma once

#include <cmath>
#include <string>
#include <vector>

namespace rouse {

struct Mark {
  double x = 0, y = 0;
  double low = NAN, high = NAN;  ///< 95% interval of the measured coordinate; NaN: none
  std::string label = "";        ///< names the mark
};

struct Series {
  std::string name;
  std::vector<Mark> marks;
  bool line = false;  ///< marks are joined, intervals are a band
  bool step = false;  ///< joined by steps
  bool open = false;  ///< marks are not filled: what is not sure, or not chosen
};

struct Axis {
  std::string title;                    ///< with its unit
  std::vector<std::string> names = {};  ///< categories at 0, 1, 2, ...; empty: numbers
  bool whole = false;                   ///< whole numbers only
  double reference = NAN;               ///< a line there, such as no change
};

struct Chart {
  std::string id, title, description;
  Axis x, y;
  std::vector<Series> series;
  bool across = false;  ///< intervals are of x: categories down the side
  bool labels = false;  ///< marks are labelled in the drawing, where there is room
};

/// A chart, 720 wide. Marks that are NaN or infinite are left out; the description then says how many.
std::string chart_svg(const Chart& chart);

/// Round numbers that hold [low, high], three to seven of them. Of a range without width, or that is not
/// finite, one about it.
std::vector<double> nice_ticks(double low, double high, bool whole = false);
/// As few decimals as tell such ticks apart.
std::string tick_text(double tick, const std::vector<double>& ticks);

}  // namespace rouse
