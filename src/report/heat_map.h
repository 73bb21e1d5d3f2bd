/// report/heat_map.h - values of rows and columns, such as blocks and experts, as SVG.
#pragma once

#include <string>
#include <vector>

namespace rouse {

/// Of rows and columns: darker is more. values: [row][column]; NaN is left blank.
struct HeatMap {
  std::string id, title, description, row_title, column_title, value_title;
  std::vector<std::string> rows;
  std::vector<std::vector<double>> values;
};
std::string heat_svg(const HeatMap& map);

}  // namespace rouse
