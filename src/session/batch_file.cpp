#include "cli/batch_file.h"

#include "base/files.h"
#include "base/lines.h"

namespace rouse {

BatchItem batch_item(const RunOptions& base, const JsonValue& record) {
  (void)record.at("id");
  return {"", read_request(record, base.request, base.rules)};
}

std::vector<BatchItem> read_batch(const RunOptions& o) {
  std::vector<BatchItem> items;
  std::map<std::string, int64_t> lines;
  for (LineReader in(o.batch, "batch file"); in.next();) {
    if (in.blank()) continue;
    const Json record = parse_json(in.line(), in.where());
    try {
      items.push_back(batch_item(o, JsonValue(record, "")));
    } catch (const Error& e) {
      throw Error(cat(in.where(), ": ", e.what()), ErrorKind::usage, e.subject());
    }
    items.back().where = in.where();
    const std::string id = items.back().request.id.dump();
    const auto [first, fresh] = lines.emplace(id, in.number());
    require_usage(fresh, in.where(), ": id ", id, " occurs twice, first in line ", first->second);
  }
  return items;
}

std::map<std::string, EarlierAnswer> read_answers(const std::string& path) {
  constexpr size_t kMostTokens = size_t{1} << 24;
  std::map<std::string, EarlierAnswer> out;
  LineLog(path).read([&](std::string_view line, const std::string& where) {
    const Json json = parse_json(line, where);
    const JsonValue row(json, where);
    EarlierAnswer answer{where, "", "", row.find("error").has_value()};
    if (!answer.failed) {  // else it has text, or it is no answer and not ours to append to
      if (const auto samples = row.find("samples"))
        for (const JsonValue& sample : samples->list(1, kMaxSequence))
          sample.at("text").text(LineReader::kMostBytes);
      else
        row.at("text").text(LineReader::kMostBytes);
      if (const auto identity = row.find("identity")) answer.identity = identity->text();
      if (const auto prompt = row.find("prompt_tokens"))
        answer.inputs = AnswerIdentity::inputs(prompt->integers(0, kMostTokens, 0, INT32_MAX),
                                               row.at("policy_hash").text(), row.at("method").text());
    }
    out[request_id(row.at("id")).dump()] = answer;
  });
  return out;
}

}  // namespace rouse
