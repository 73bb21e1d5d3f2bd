#include "routing/trace.h"

#include <ostream>
#include <unordered_set>

#include "base/json.h"
#include "base/lines.h"

namespace rouse {

void write_trace_header(std::ostream& out, const std::string& arch, const RouterSpec& router) {
  out << nlohmann::json{{"format", "rouse-trace"},
                        {"version", 1},
                        {"arch", arch},
                        {"n_expert", router.n_expert},
                        {"layers", router.layers}}
      << '\n';
}

void write_trace_row(std::ostream& out, const TraceRow& row) {
  out << nlohmann::json{{"position", row.position},
                        {"token", row.token},
                        {"experts", row.experts},
                        {"gates", row.gates}}
      << '\n';
}

static Trace parse_header(const JsonValue& line) {
  if (line.at("format").text() != "rouse-trace") line.at("format").refuse("\"rouse-trace\"");
  line.at("version").integer(1, 1);
  line.only({"format", "version", "arch", "n_expert", "layers"});
  Trace trace;
  trace.n_expert = static_cast<int>(line.at("n_expert").integer(1, 4096));
  trace.layers = line.at("layers").integers(1, 1024, 0, 1023);
  for (size_t l = 1; l < trace.layers.size(); ++l)
    if (trace.layers[l - 1] >= trace.layers[l]) line.at("layers")[l].refuse("more than the entry before it");
  return trace;
}

static TraceRow parse_row(const JsonValue& line, const Trace& trace) {
  line.only({"position", "token", "experts", "gates"});
  TraceRow row;
  const auto position = static_cast<int64_t>(trace.rows.size());
  row.position = line.at("position").integer(position, position);
  if (const auto token = line.find("token")) row.token = static_cast<int>(token->integer(0, INT32_MAX));
  const size_t n = trace.layers.size(), n_expert = static_cast<size_t>(trace.n_expert);
  for (const JsonValue& layer : line.at("experts").list(n, n)) {
    row.experts.push_back(layer.integers(1, n_expert, 0, trace.n_expert - 1));
    const std::vector<int>& ids = row.experts.back();
    if (std::unordered_set<int>(ids.begin(), ids.end()).size() < ids.size())
      layer.refuse("experts that differ");
  }
  if (const auto gates = line.find("gates"))
    for (const JsonValue& layer : gates->list(n, n)) {
      const size_t k = row.experts[row.gates.size()].size();
      const std::vector<double> values = layer.reals(k, k, -1e30, 1e30);
      row.gates.emplace_back(values.begin(), values.end());
    }
  return row;
}

Trace read_trace(const std::string& path) {
  constexpr size_t kMaxRows = 1 << 20;
  Trace trace;
  for (LineReader in(path, "trace", ErrorKind::bad_file); in.next();) {
    const Json json = parse_json(in.line(), in.where(), ErrorKind::bad_file);
    const JsonValue line(json, in.where(), ErrorKind::bad_file);
    if (in.number() == 1) {
      trace = parse_header(line);
      continue;
    }
    require_file(trace.rows.size() < kMaxRows, in.where(), ": more than ", kMaxRows, " rows");
    trace.rows.push_back(parse_row(line, trace));
  }
  require_file(!trace.rows.empty(), path, ": the trace has no rows");
  return trace;
}

}  // namespace rouse
