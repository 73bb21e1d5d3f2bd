/// report/saved_report.h - figures of whatever a folder or a file of saved results holds.
#pragma once

#include <string>
#include <vector>

#include "report/figure.h"

namespace rouse {

/// A page's worth of results.
struct SavedReport {
  std::string title, intro;
  std::vector<Section> sections;
};

/// Of a folder that `rouse repro` or `rouse eval` left, or one run of it; of a plan; of the JSON of
/// `rouse headroom`, `rouse report divergence` or `rouse bench`. `id` begins the figures' ids. Throws Error
/// (usage) naming what is not there or is none of these.
SavedReport saved_report(const std::string& path, const std::string& id = "f");

}  // namespace rouse
