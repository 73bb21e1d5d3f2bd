#include "routing/trace.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "base/error.h"

namespace rouse {

using nlohmann::json;

void write_trace_header(std::ostream& out, const std::string& arch, const RouterSpec& router) {
  out << json{{"format", "rouse-trace"},
              {"version", 1},
              {"arch", arch},
              {"n_expert", router.n_expert},
              {"layers", router.layers}}
      << '\n';
}

void write_trace_row(std::ostream& out, const TraceRow& row) {
  out << json{{"position", row.position},
              {"token", row.token},
              {"experts", row.experts},
              {"gates", row.gates}}
      << '\n';
}

static TraceRow parse_row(const json& line, const Trace& trace) {
  TraceRow row;
  row.position = line.at("position").get<int64_t>();
  row.token = line.value("token", 0);
  row.experts = line.at("experts").get<std::vector<std::vector<int>>>();
  require(row.position == static_cast<int64_t>(trace.rows.size()), "position ", row.position, ", expected ",
          trace.rows.size());
  require(row.experts.size() == trace.layers.size(), row.experts.size(), " layers, expected ",
          trace.layers.size());
  for (const auto& ids : row.experts) {
    require(!ids.empty() && std::set<int>(ids.begin(), ids.end()).size() == ids.size(),
            "no experts, or one twice");
    for (const int id : ids)
      require(id >= 0 && id < trace.n_expert, "expert ", id, " is outside 0..", trace.n_expert - 1);
  }
  return row;
}

Trace read_trace(const std::string& path) {
  constexpr size_t kMaxRows = 1 << 20;
  std::ifstream in(path);
  require_model(in.good(), path, ": cannot open this trace");
  Trace trace;
  std::string text;
  for (size_t number = 1; std::getline(in, text); ++number) {
    try {
      const json line = json::parse(text);
      if (number == 1) {
        require(line.value("format", "") == "rouse-trace", "no rouse-trace header");
        require(line.value("version", 0) == 1, "trace version ", line.value("version", 0), ", expected 1");
        trace.n_expert = line.at("n_expert").get<int>();
        trace.layers = line.at("layers").get<std::vector<int>>();
        require(trace.n_expert > 0 && !trace.layers.empty(), "a trace of a model without experts");
      } else {
        require(trace.rows.size() < kMaxRows, "more than ", kMaxRows, " rows");
        trace.rows.push_back(parse_row(line, trace));
      }
    } catch (const std::exception& e) {
      throw Error(cat(path, ":", number, ": ", e.what()), Exit::bad_model);
    }
  }
  require_model(!trace.rows.empty(), path, ": the trace has no rows");
  return trace;
}

}  // namespace rouse
