/// Charts: what is drawn can be read back, and odd data leaves a legible figure.
#include "report/chart.h"

#include <regex>

#include "base/json.h"
#include "base/text.h"
#include "report/heat_map.h"
#include "support.h"

namespace rouse {
namespace {

double attribute(const std::string& element, const std::string& name) {
  std::smatch found;
  EXPECT_TRUE(std::regex_search(element, found, std::regex(" " + name + "=\"(-?[0-9.e+-]+)\"")))
      << name << element;
  return found.empty() ? NAN : parse_double(found[1].str()).value_or(NAN);
}

std::vector<std::string> circles(const std::string& svg) {
  std::vector<std::string> out;
  const std::regex circle("<circle [^>]*data-x[^>]*>");
  for (std::sregex_iterator it(svg.begin(), svg.end(), circle), end; it != end; ++it)
    out.push_back(it->str());
  return out;
}

/// Numbers of the ticks along x, with their places.
std::vector<std::pair<double, double>> x_ticks(const std::string& svg) {
  std::vector<std::pair<double, double>> out;
  const std::regex tick("<text class=\"tick\" x=\"([0-9.]+)\"[^>]*>([^<]*)<");
  for (std::sregex_iterator it(svg.begin(), svg.end(), tick), end; it != end; ++it)
    out.emplace_back(*parse_double((*it)[1].str()), *parse_double((*it)[2].str()));
  return out;
}

Chart points(std::vector<Mark> marks) {
  return {"c", "Title", "Description.", {"x, units"}, {"y, units"}, {{"marks", std::move(marks)}}};
}

}  // namespace

TEST(Chart, ItsMarksStandWhereItsTicksSay) {
  const std::vector<Mark> marks{
      {1.5, 0.25, 0.2, 0.3, "a"}, {3, 0.5, 0.4, 0.7, "b"}, {7.25, -0.125, -0.3, 0, "c"}};
  const std::string svg = chart_svg(points(marks));
  const auto found = circles(svg);
  ASSERT_EQ(found.size(), 3u);
  const auto ticks = x_ticks(svg);
  ASSERT_GE(ticks.size(), 3u);
  const auto [x0, v0] = ticks.front();
  const auto [x1, v1] = ticks.back();
  for (size_t i = 0; i < marks.size(); ++i) {
    EXPECT_EQ(attribute(found[i], "data-x"), marks[i].x);
    EXPECT_EQ(attribute(found[i], "data-y"), marks[i].y);
    EXPECT_EQ(attribute(found[i], "data-low"), marks[i].low);
    EXPECT_EQ(attribute(found[i], "data-high"), marks[i].high);
    EXPECT_NEAR(v0 + (attribute(found[i], "cx") - x0) / (x1 - x0) * (v1 - v0), marks[i].x, 0.02) << found[i];
  }
  EXPECT_GT(attribute(found[2], "cy"), attribute(found[1], "cy")) << "larger values stand higher";
}

TEST(Chart, TicksAreRoundAndHoldTheData) {
  EXPECT_EQ(nice_ticks(0, 1), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(nice_ticks(0, 10, true), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(1, 3, true), (std::vector<double>{1, 2, 3}));
  for (const auto& [low, high] :
       {std::pair{-1.7, 93.2}, {0.00012, 0.00019}, {-1e9, 1e12}, {5.0, 5.0}, {0.0, 0.0}, {-3.0, -3.0}}) {
    const auto ticks = nice_ticks(low, high);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 8u);
    EXPECT_LE(ticks.front(), low + 1e-9 * std::abs(low)) << "but for rounding";
    EXPECT_GE(ticks.back(), high - 1e-9 * std::abs(high));
  }
  EXPECT_EQ(tick_text(0.6000000000000001, nice_ticks(0, 1)), "0.6");
  EXPECT_EQ(tick_text(-0.0, nice_ticks(-1, 1)), "0");
  EXPECT_EQ(nice_ticks(NAN, INFINITY), nice_ticks(0, 1));
}

TEST(Chart, OddDataLeavesALegibleFigure) {
  for (const std::vector<Mark>& marks : {std::vector<Mark>{},
                                         {{1, 2}},
                                         {{NAN, 1}, {1, INFINITY}},
                                         {{3, 3}, {3, 3}},
                                         {{1e300, -1e300}, {-1e300, 1e300}}}) {
    const std::string svg = chart_svg(points(marks));
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
  }
  EXPECT_NE(chart_svg(points({{NAN, 1}, {1, 2}})).find("1 marks are no numbers"), std::string::npos);
}

TEST(Chart, LabelsDoNotRunIntoEachOther) {
  std::vector<Mark> marks;
  for (int i = 0; i < 60; ++i)
    marks.push_back({1 + 0.001 * i, 2 + 0.001 * (i % 7), NAN, NAN, cat("expert ", i)});
  Chart c = points(marks);
  c.labels = true;
  const std::string svg = chart_svg(c);
  const std::regex label("<text x=\"([0-9.-]+)\" y=\"([0-9.-]+)\">expert [0-9]+<");
  std::vector<std::pair<double, double>> at;
  for (std::sregex_iterator it(svg.begin(), svg.end(), label), end; it != end; ++it)
    at.emplace_back(*parse_double((*it)[1].str()), *parse_double((*it)[2].str()));
  EXPECT_GE(at.size(), 2u);
  for (size_t i = 0; i < at.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_TRUE(std::abs(at[i].second - at[j].second) >= 12 || std::abs(at[i].first - at[j].first) >= 55);
}

TEST(Chart, HostileAndLongNamesAreText) {
  Chart c = points({{1, 0, NAN, NAN, "<script>\"&\u202e\x1b[31m"}});
  c.y.names = {std::string(10000, 'n'), "<b>"};
  c.title = "</title><script>";
  const std::string svg = chart_svg(c);
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_EQ(svg.find("\x1b"), std::string::npos);
  EXPECT_EQ(svg.find("\u202e"), std::string::npos);
  EXPECT_LT(svg.size(), 20000u) << "a name is cut where it is drawn";
}

TEST(Chart, AHeatMapOfAWholeModelHoldsEveryValue) {
  HeatMap map{"h", "Use", "d", "block", "expert", "use", {}, {}};
  for (int r = 0; r < 48; ++r) {
    map.rows.push_back(cat(r));
    map.values.emplace_back();
    for (int e = 0; e < 128; ++e) map.values.back().push_back(r == 3 && e == 5 ? NAN : r * 128 + e);
  }
  const std::string svg = heat_svg(map);
  size_t n = 0;
  for (size_t at = svg.find("data-value"); at != std::string::npos; at = svg.find("data-value", at + 1)) ++n;
  EXPECT_EQ(n, 48u * 128 - 1);
  EXPECT_NE(svg.find("data-value=\"6143\""), std::string::npos);
}

}  // namespace rouse
