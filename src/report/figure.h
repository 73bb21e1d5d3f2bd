/// report/figure.h - what saved results look like: figures with the numbers behind them, and the page they
/// stand on.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "eval/saved_runs.h"
#include "report/tables.h"

namespace rouse {

struct Figure {
  std::string id, title, description;
  std::string svg;         ///< "" for a table alone
  Table table;             ///< its numbers, the first row the columns' names
  std::string provenance;  ///< model, settings, n, how intervals were made
};

/// Of runs of `rouse eval`, for every task: scores; differences from the first run; every option that three
/// or more runs vary, as a curve; score by cost; votes. `id` begins the figures' ids.
std::vector<Figure> run_figures(const std::vector<EvalRun>& runs, const std::string& id);
/// Of the JSON that `rouse report divergence`, `bench`, `plan show` and `headroom` print. Files are input:
/// all throw Error (usage) naming what one lacks.
std::vector<Figure> divergence_figures(const JsonValue& divergence, const std::string& id);
std::vector<Figure> latency_figures(const JsonValue& latency, const std::string& id);
std::vector<Figure> profile_figures(const JsonValue& profile, const std::string& id);
std::vector<Figure> headroom_figures(const JsonValue& headroom, const std::string& id);

struct Section {
  std::string title, text;  ///< text: of paragraphs, lines
  std::vector<Figure> figures;
};
/// One self-contained page that needs no script: every figure with its description, its numbers as a table
/// and as CSV, and where they come from. Nothing is loaded from anywhere, which its policy says too.
std::string html_page(const std::string& title, const std::string& intro,
                      const std::vector<Section>& sections);
/// The sections as Markdown; figures by their names in a folder, as they are written by `--svg`.
std::string markdown_page(const std::string& title, const std::string& intro,
                          const std::vector<Section>& sections, const std::string& svg_folder);
/// Fields quoted where they must be (RFC 4180).
std::string csv_text(const Table& table);
/// An SVG that stands alone: with its colours.
std::string standalone_svg(const std::string& svg);

}  // namespace rouse
