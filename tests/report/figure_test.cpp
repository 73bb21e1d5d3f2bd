/// Figures of saved results: what they show is what the folder holds, and the page needs nothing else.
#include "report/figure.h"

#include <filesystem>
#include <fstream>
#include <regex>

#include "base/text.h"
#include "report/saved_report.h"
#include "support.h"

namespace rouse {
namespace {

namespace fs = std::filesystem;

/// Runs on the default test model, once for all tests.
const std::string& runs_folder() {
  static const TempDir dir;
  static const std::string folder = [] {
    const std::string out = dir / "runs";
    const CommandResult r = rouse(
        "eval --tasks lab_arithmetic --limit 12 --methods greedy --methods 'greedy routing=topk:1..4' "
        "--methods 'scmoe beta=0.1|0.3|0.5' --dev-share 0 -o " +
        out);
    EXPECT_EQ(r.code, 0) << r.err;
    return out;
  }();
  return folder;
}

std::vector<std::string> all(const std::string& text, const std::string& pattern) {
  std::vector<std::string> out;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    out.push_back((*it)[1].str());
  return out;
}

const Figure& figure(const std::vector<Figure>& figures, const std::string& id) {
  for (const Figure& f : figures)
    if (f.id == id) return f;
  ADD_FAILURE() << "no figure " << id;
  return figures.at(0);
}

}  // namespace

TEST(Figures, ShowTheRunFoldersNumbers) {
  const auto runs = read_runs(runs_folder());
  const auto figures = run_figures(runs, "f");
  const auto drawn = all(figure(figures, "f-lab_arithmetic-scores").svg, "data-x=\"([0-9.e+-]+)\"");
  ASSERT_EQ(drawn.size(), runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    const double value =
        runs[i].results["rouse"]["tasks"]["lab_arithmetic"]["groups"]["all"]["exact_match"]["value"];
    EXPECT_NEAR(*parse_double(drawn[i]), 100 * value, 1e-9);
  }
  const Figure& sweep = figure(figures, "f-lab_arithmetic-by-beta");
  EXPECT_EQ(all(sweep.svg, "data-x=\"([0-9.e+-]+)\""), (std::vector<std::string>{"0.1", "0.3", "0.5"}));
  EXPECT_EQ(
      all(figure(figures, "f-lab_arithmetic-by-k-of-the-routing").svg, "data-x=\"([0-9.e+-]+)\"").size(), 4u);
  EXPECT_EQ(figure(figures, "f-lab_arithmetic-pareto").table.size(), runs.size() + 1);
}

TEST(Figures, ArePartOfAPageThatNeedsNothingElse) {
  const SavedReport r = saved_report(runs_folder());
  const std::string page = html_page(r.title, r.intro, r.sections);
  EXPECT_NE(page.find("default-src 'none'; style-src 'sha256-"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find(" style=\""), std::string::npos) << "its policy would refuse it";
  for (const std::string& address : all(page, "(?:src|href)=\"([^\"]*)\""))
    EXPECT_TRUE(address.starts_with("#") || address.starts_with("data:")) << address;
  EXPECT_LT(page.size(), 3'000'000u);
}

TEST(Figures, NumbersGoOutAsCsvByTheRules) {
  EXPECT_EQ(csv_text({{"a", "b,c"}, {"say \"x\"", "two\nlines"}}),
            "a,\"b,c\"\r\n\"say \"\"x\"\"\",\"two\nlines\"\r\n");
}

TEST(Figures, HostileTextStaysTextInPageAndMarkdown) {
  Figure f{"id", "<img src=x>", "\"><script>alert(1)</script>", "", {{"<th>"}, {"</table>\u202e"}}, "&amp;"};
  const std::string page = html_page("</title><script>", "<i>", {{"<h1>", "<p>", {f}}});
  for (const char* bad : {"<img", "<script", "</table>\u202e", "<i>", "\u202e"})
    EXPECT_EQ(page.find(bad), std::string::npos) << bad;
  EXPECT_NE(page.find("&amp;amp;"), std::string::npos);
  EXPECT_EQ(markdown_page("t", "", {{"s", "", {f}}}, "").find("\u202e"), std::string::npos);
}

TEST(ReportHtml, WritesPagePicturesAndMarkdown) {
  const TempDir dir;
  const CommandResult r = rouse(cat("report html ", runs_folder(), " -o ", dir / "r.html", " --svg ",
                                    dir / "svg", " --markdown-file ", dir / "r.md"));
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(fs::exists(dir / "svg/f-lab_arithmetic-scores.svg"));
  std::ifstream in(dir / "r.md");
  const std::string markdown((std::istreambuf_iterator<char>(in)), {});
  EXPECT_NE(markdown.find("](svg/f-lab_arithmetic-scores.svg)"), std::string::npos) << markdown;
  EXPECT_EQ(rouse(cat("report html ", runs_folder(), " -o ", dir / "r.html")).code, 2)
      << "it is there already";
}

TEST(ReportHtml, SaysWhatIsNoResult) {
  const TempDir dir;
  std::ofstream(dir / "x.json") << "{\"a\": 1}";
  for (const auto& [what, wanted] : {std::pair{dir / "x.json", "is no plan"},
                                     {dir / "nothing", "is not there"},
                                     {std::string(dir / ""), "holds no"}}) {
    const CommandResult r = rouse(cat("report html ", what, " -o ", dir / "r.html"));
    EXPECT_EQ(r.code, 2) << r.err;
    EXPECT_NE(r.err.find(wanted), std::string::npos) << r.err;
  }
}

}  // namespace rouse
