#include "report/chart.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "report/svg.h"

namespace rouse {
namespace {

constexpr double kHeight = 320, kRow = 24;
constexpr size_t kShapes = 6, kLongestColumn = 16, kLongestLabel = 24, kLongestSeries = 44;  // characters

bool drawn(const Mark& m) {
  return std::isfinite(m.x) && std::isfinite(m.y);
}

/// From numbers to pixels along one axis.
class Scale {
 public:
  Scale(const Axis& axis, const FiniteRange& range, double from, double to) : from_(from), to_(to) {
    if (!axis.names.empty()) {
      low_ = -0.5, high_ = static_cast<double>(axis.names.size()) - 0.5;
      for (size_t i = 0; i < axis.names.size(); ++i) ticks_.push_back(static_cast<double>(i));
      return;
    }
    ticks_ = nice_ticks(range.low, range.high, axis.whole);
    low_ = ticks_.front(), high_ = ticks_.back();
  }
  double at(double v) const { return from_ + (to_ - from_) * (v - low_) / (high_ - low_); }
  const std::vector<double>& ticks() const { return ticks_; }

 private:
  double low_, high_, from_, to_;
  std::vector<double> ticks_;
};

/// The shape of a series' marks about a point.
std::string shape(size_t series, double x, double y, const char* data) {
  const auto polygon = [&](std::initializer_list<std::pair<double, double>> points) {
    std::string out = "<polygon points=\"";
    for (const auto& [dx, dy] : points) out += formatted("%.1f,%.1f ", x + dx, y + dy);
    return out + "\" " + data;
  };
  switch (series % kShapes) {
    case 0:
      return formatted("<circle cx=\"%.2f\" cy=\"%.2f\" r=\"4.5\" ", x, y) + data;
    case 1:
      return formatted("<rect x=\"%.2f\" y=\"%.2f\" width=\"8\" height=\"8\" ", x - 4, y - 4) + data;
    case 2:
      return polygon({{0, -5}, {5, 4}, {-5, 4}});
    case 3:
      return polygon({{0, -5.5}, {5.5, 0}, {0, 5.5}, {-5.5, 0}});
    case 4:
      return polygon({{-5, -4}, {5, -4}, {0, 5}});
    default:
      return polygon({{-4, -5}, {4, -5}, {6, 0}, {4, 5}, {-4, 5}, {-6, 0}});
  }
}

std::string interval_text(const Mark& m) {
  return std::isnan(m.low) ? "" : cat(" [", number_text(m.low), ", ", number_text(m.high), "]");
}

/// Boxes that text already stands in.
class Room {
 public:
  bool take(double x, double y, double width) {
    const Box box = box_of(x, y, width);
    if (box.left < 0 || box.right > kSvgWidth) return false;
    for (const Box& b : taken_)
      if (box.left < b.right && b.left < box.right && box.top < b.bottom && b.top < box.bottom) return false;
    taken_.push_back(box);
    return true;
  }
  void fill(double x, double y, double width) { taken_.push_back(box_of(x, y, width)); }

 private:
  struct Box {
    double left, top, right, bottom;
  };
  static Box box_of(double x, double y, double width) { return {x, y - 10, x + width, y + 2}; }
  std::vector<Box> taken_;
};

class Drawing {
 public:
  explicit Drawing(const Chart& c) : c_(c) {
    const bool named = c.series.size() > 1 || (!c.series.empty() && !c.series[0].name.empty());
    top_ = kSvgTop + (named ? 18 * std::ceil(static_cast<double>(c.series.size()) / 2) + 6 : 0);
    const bool down = !c.y.names.empty();  // the first name stands on top
    bottom_ = top_ + (down ? kRow * static_cast<double>(c.y.names.size()) + 8 : kHeight);
    FiniteRange x, y;
    for (const Series& s : c.series)
      for (const Mark& m : s.marks) {
        if (!drawn(m)) {
          ++n_left_out_;
          continue;
        }
        x.add(m.x), y.add(m.y);
        (c.across ? x : y).add(m.low), (c.across ? x : y).add(m.high);
      }
    x.add(c.x.reference), y.add(c.y.reference);
    y_.emplace_back(c.y, y, down ? top_ : bottom_, down ? bottom_ : top_);
    double widest = svg_name_width("000", 3);
    for (const double t : y_[0].ticks())
      widest = std::max(widest,
                        svg_name_width(down ? c.y.names[static_cast<size_t>(t)] : tick_text(t, y_[0].ticks()),
                                       kLongestName));
    left_ = (c.y.title.empty() ? 12 : 34) + widest;
    x_.emplace_back(c.x, x, left_, kSvgWidth - kSvgRight);
    if (!c.labels) return;
    for (const Series& s : c.series)
      for (const Mark& m : s.marks)
        if (drawn(m)) room_.fill(px(m) - 5, py(m) + 4, 10);
  }

  std::string svg() {
    std::string description = c_.description;
    if (n_left_out_) description += cat(" ", n_left_out_, " marks are no numbers and are not drawn.");
    const double height = bottom_ + kSvgBottom + (crowded() ? 40 : 0);
    std::string out = svg_begin(c_.id, c_.title, description, height);
    out += axes() + legend();
    for (size_t s = 0; s < c_.series.size(); ++s) out += series(s);
    return out + "</svg>";
  }

 private:
  double px(const Mark& m) const { return x_[0].at(m.x); }
  double py(const Mark& m) const { return y_[0].at(m.y); }
  /// Names along the x axis that would run into each other stand aslant.
  bool crowded() const {
    if (c_.x.names.empty()) return false;
    double widest = 0;
    for (const std::string& name : c_.x.names)
      widest = std::max(widest, svg_name_width(name + " ", kLongestColumn + 1));
    return widest * static_cast<double>(c_.x.names.size()) > kSvgWidth - kSvgRight - left_;
  }

  std::string axes() const {
    std::string out;
    const Scale &x = x_[0], &y = y_[0];
    for (const double t : x.ticks()) {
      const double at = x.at(t);
      out += formatted("<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", at, at, top_,
                       bottom_);
      const std::string text = c_.x.names.empty()
                                   ? tick_text(t, x.ticks())
                                   : svg_name(c_.x.names[static_cast<size_t>(t)], kLongestColumn);
      if (crowded())
        out += formatted("<text transform=\"translate(%.1f %.1f) rotate(-35)\" text-anchor=\"end\">", at + 4,
                         bottom_ + 16);
      else
        out +=
            formatted("<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", at, bottom_ + 18);
      out += text + "</text>";
    }
    for (const double t : y.ticks()) {
      const double at = y.at(t);
      out += formatted("<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", left_,
                       kSvgWidth - kSvgRight, at, at);
      const std::string text = c_.y.names.empty()
                                   ? tick_text(t, y.ticks())
                                   : svg_name(c_.y.names[static_cast<size_t>(t)], kLongestName);
      out +=
          formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", left_ - 8, at + 4) + text + "</text>";
    }
    if (std::isfinite(c_.x.reference))
      out += formatted("<line class=\"zero\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                       x.at(c_.x.reference), x.at(c_.x.reference), top_, bottom_);
    if (std::isfinite(c_.y.reference))
      out += formatted("<line class=\"zero\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", left_,
                       kSvgWidth - kSvgRight, y.at(c_.y.reference), y.at(c_.y.reference));
    out += formatted("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" class=\"axis\">",
                     (left_ + kSvgWidth - kSvgRight) / 2, bottom_ + (crowded() ? 80 : 38)) +
           html_text(c_.x.title) + "</text>";
    if (!c_.y.title.empty())
      out += formatted(
                 "<text transform=\"translate(13 %.1f) rotate(-90)\" text-anchor=\"middle\" class=\"axis\">",
                 (top_ + bottom_) / 2) +
             html_text(c_.y.title) + "</text>";
    return out;
  }

  std::string legend() const {
    if (top_ == kSvgTop) return "";
    std::string out;
    for (size_t s = 0; s < c_.series.size(); ++s) {
      const double x = left_ + 8 + static_cast<double>(s % 2) * (kSvgWidth - left_) / 2;
      const double y = kSvgTop + 18 * static_cast<double>(s / 2);
      out += cat("<g class=\"", class_of(s), "\">", shape(s, x, y, ""), "/></g>",
                 formatted("<text x=\"%.1f\" y=\"%.1f\">", x + 12, y + 4),
                 svg_name(c_.series[s].name, kLongestSeries), "</text>");
    }
    return out;
  }

  std::string class_of(size_t s) const { return cat("s", s % 8, c_.series[s].open ? " open" : ""); }

  /// Band, line, then marks.
  std::string series(size_t s) {
    const Series& of = c_.series[s];
    std::vector<Mark> marks;
    std::ranges::copy_if(of.marks, std::back_inserter(marks), drawn);
    std::string out = cat("<g class=\"", class_of(s), "\" data-series=\"", html_text(of.name), "\">");
    if (of.line && marks.size() > 1) out += band(marks) + path(marks, of.step, s);
    for (const Mark& m : marks) {
      if (!of.line && std::isfinite(m.low)) out += whisker(m);
      const std::string data = cat("data-x=\"", number_text(m.x), "\" data-y=\"", number_text(m.y), "\"",
                                   std::isnan(m.low) ? ""
                                                     : cat(" data-low=\"", number_text(m.low),
                                                           "\" data-high=\"", number_text(m.high), "\""));
      const double measured = c_.across ? m.x : m.y;
      out += cat(shape(s, px(m), py(m), data.c_str()), "><title>",
                 html_text(m.label.empty() ? of.name : m.label), ": ",
                 c_.across || !c_.x.names.empty() ? "" : cat(number_text(m.x), ", "), number_text(measured),
                 interval_text(m), "</title>", closing(s));
    }
    if (c_.labels)
      for (const Mark& m : marks) out += label(m);
    return out + "</g>";
  }
  static const char* closing(size_t s) {
    return s % kShapes == 0 ? "</circle>" : s % kShapes == 1 ? "</rect>" : "</polygon>";
  }

  std::string band(const std::vector<Mark>& marks) const {
    std::string there, back;
    for (const Mark& m : marks) {
      if (std::isnan(m.low)) return "";
      there += formatted("%.1f,%.1f ", px(m), y_[0].at(m.high));
      back = formatted("%.1f,%.1f ", px(m), y_[0].at(m.low)) + back;
    }
    return cat("<polygon class=\"band\" points=\"", there, back, "\"/>");
  }
  std::string path(const std::vector<Mark>& marks, bool step, size_t s) const {
    std::string points;
    for (size_t i = 0; i < marks.size(); ++i) {
      if (step && i > 0)
        points += formatted("%.1f,%.1f ", (px(marks[i - 1]) + px(marks[i])) / 2, py(marks[i - 1])) +
                  formatted("%.1f,%.1f ", (px(marks[i - 1]) + px(marks[i])) / 2, py(marks[i]));
      points += formatted("%.1f,%.1f ", px(marks[i]), py(marks[i]));
    }
    static const char* kDashes[] = {"", "7 3", "2 3", "9 3 2 3"};
    return cat("<polyline class=\"line\" stroke-dasharray=\"", kDashes[s % 4], "\" points=\"", points,
               "\"/>");
  }
  std::string whisker(const Mark& m) const {
    const double x1 = c_.across ? x_[0].at(m.low) : px(m), x2 = c_.across ? x_[0].at(m.high) : px(m);
    const double y1 = c_.across ? py(m) : y_[0].at(m.low), y2 = c_.across ? py(m) : y_[0].at(m.high);
    return formatted("<line class=\"line\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%.2f\" y2=\"%.2f\"/>", x1, x2, y1,
                     y2);
  }
  /// Right, left, above or below the mark, where nothing stands yet; else not at all: the title has it.
  std::string label(const Mark& m) {
    const double width = svg_name_width(m.label, kLongestLabel);
    for (const auto& [dx, dy] : {std::pair{8.0, 4.0},
                                 {-8 - width, 4.0},
                                 {-width / 2, -9.0},
                                 {-width / 2, 18.0},
                                 {8.0, -8.0},
                                 {8.0, 16.0}})
      if (room_.take(px(m) + dx, py(m) + dy, width))
        return formatted("<text x=\"%.1f\" y=\"%.1f\">", px(m) + dx, py(m) + dy) +
               svg_name(m.label, kLongestLabel) + "</text>";
    return "";
  }

  const Chart& c_;
  double left_, top_, bottom_;
  size_t n_left_out_ = 0;
  std::vector<Scale> x_, y_;  ///< one each: they need what is worked out first
  Room room_;
};

}  // namespace

std::string chart_svg(const Chart& chart) {
  return Drawing(chart).svg();
}

std::vector<double> nice_ticks(double low, double high, bool whole) {
  if (!std::isfinite(low) || !std::isfinite(high)) low = 0, high = 1;
  if (!(high > low)) {
    const double pad = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= whole ? 1 : pad, high += whole ? 1 : pad;
  }
  const double power = std::pow(10, std::floor(std::log10((high - low) / 3)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if ((high - low) / (factor * power) <= 6) {
      step = factor * power;
      break;
    }
  if (whole) step = std::max(1.0, std::round(step));
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  std::vector<double> out;
  for (double i = first; i <= last; ++i) out.push_back(i * step);
  if (out.size() < 2) out.push_back(out.back() + step);
  return out;
}

std::string tick_text(double tick, const std::vector<double>& ticks) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1,
               most = std::max(std::abs(ticks.front()), std::abs(ticks.back()));
  if (std::abs(tick) < step / 1e6) return "0";
  if (most >= 1e6 || step < 1e-4) return formatted("%.3g", tick);
  return formatted("%.*f", std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9))), tick);
}

}  // namespace rouse
