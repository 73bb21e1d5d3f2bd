/// routing/trace.h - recorded routing: which experts each row used, layer by layer, as JSON Lines.
///
/// The first line is a header, then one line a row:
///   {"format":"rouse-trace","version":1,"arch":"llama","n_expert":16,"layers":[0,1,2]}
///   {"position":0,"token":17,"experts":[[3,5],[0,9],[2,4]],"gates":[[0.4,0.2],...]}
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "routing/router_spec.h"

namespace rouse {

struct TraceRow {
  int64_t position = 0;
  int token = 0;
  std::vector<std::vector<int>> experts;  ///< [n_moe_layer][count], best first
  std::vector<std::vector<float>> gates;  ///< the same shape; the router's gates of those experts
};

struct Trace {
  int n_expert = 0;
  std::vector<int> layers;  ///< block numbers
  std::vector<TraceRow> rows;
};

void write_trace_header(std::ostream& out, const std::string& arch, const RouterSpec& router);
void write_trace_row(std::ostream& out, const TraceRow& row);
/// Throws Error (exit 3) naming the line; every id is checked against n_expert, positions run 0, 1, 2...
Trace read_trace(const std::string& path);

}  // namespace rouse
