#include "session/batch_file.h"

#include "base/lines.h"

namespace rouse {

std::vector<BatchItem> read_batch(const std::string& path, const Request& base, const RequestRules& rules) {
  std::vector<BatchItem> items;
  std::map<std::string, int64_t> lines;
  for (LineReader in(path, "batch file"); in.next();) {
    if (in.blank()) continue;
    const Json record = parse_json(in.line(), in.where());
    try {
      const JsonValue item(record, "");
      (void)item.at("id");
      items.push_back({in.where(), read_request(item, base, rules)});
    } catch (const Error& e) {
      throw Error(cat(in.where(), ": ", e.what()), ErrorKind::usage, e.subject());
    }
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
