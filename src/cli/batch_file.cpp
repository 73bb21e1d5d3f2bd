#include "cli/batch_file.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/files.h"
#include "base/lines.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr size_t kMostText = LineReader::kMostBytes, kMostTokens = size_t{1} << 24, kMostStops = 1024;

const Json& id_of(const JsonValue& record) {
  const JsonValue id = record.at("id");
  if (!id.json().is_string() && !id.json().is_number_integer()) id.refuse("text or an integer");
  return id.json();
}

float real(const JsonValue& value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(value.real(-kMost, kMost));
}
int integer(const JsonValue& value) {
  return static_cast<int>(value.integer(INT32_MIN, INT32_MAX));
}

/// What is none of a method's options; their ranges are checked where they are used. False when there is no
/// such key.
bool set_option(BatchItem& item, const std::string& key, const JsonValue& value) {
  RunOptions& o = item.options;
  SamplingOptions& s = o.generate.sampling;
  if (key == "prompt")
    item.prompt = value.text(kMostText);
  else if (key == "tokens")
    for (const int id : value.integers(1, kMostTokens, 0, INT32_MAX))
      o.prompt.tokens += cat(o.prompt.tokens.empty() ? "" : ",", id);
  else if (key == "raw")
    o.prompt.raw = value.boolean();
  else if (key == "special")
    o.prompt.special = value.boolean();
  else if (key == "system")
    o.prompt.system = value.text(kMostText);
  else if (key == "n_predict")
    o.generate.n_predict = static_cast<int>(value.integer(0, 1 << 24));
  else if (key == "ignore_eos")
    o.generate.ignore_eos = value.boolean();
  else if (key == "json_schema")
    o.generate.grammar = json_schema_grammar(value.json().dump());
  else if (key == "grammar")
    o.generate.grammar = value.text();
  else if (key == "stop")
    o.generate.stop = value.json().is_string() ? std::vector{value.text()} : value.texts(0, kMostStops);
  else if (key == "temp")
    s.temperature = real(value);
  else if (key == "top_k")
    s.top_k = integer(value);
  else if (key == "top_p")
    s.top_p = real(value);
  else if (key == "min_p")
    s.min_p = real(value);
  else if (key == "seed")
    s.seed = value.natural();
  else if (key == "repeat_penalty")
    s.repeat_penalty = real(value);
  else if (key == "presence_penalty")
    s.presence_penalty = real(value);
  else if (key == "frequency_penalty")
    s.frequency_penalty = real(value);
  else if (key == "repeat_last_n")
    s.repeat_last_n = integer(value);
  else
    return false;
  return true;
}

/// An option of a method, as text or a number.
bool set_of_method(MethodOptions& method, const std::string& key, const JsonValue& value) {
  const bool known =
      std::any_of(method_options().begin(), method_options().end(), [&](const MethodOption& o) {
        std::string name = o.name;
        std::replace(name.begin(), name.end(), '-', '_');
        return key == name || key == o.name;
      });
  if (!known) return false;
  if (value.json().is_string()) return set_method_option(method, key, value.text());
  if (!value.json().is_number()) value.refuse("text or a number");
  return set_method_option(method, key, value.json().dump());
}

std::string sampling_text(const SamplingOptions& s) {
  return cat(number_text(s.temperature), ' ', s.top_k, ' ', number_text(s.top_p), ' ', number_text(s.min_p),
             ' ', number_text(s.repeat_penalty), ' ', number_text(s.presence_penalty), ' ',
             number_text(s.frequency_penalty), ' ', s.repeat_last_n, ' ', s.seed);
}

std::string numbers_text(const std::vector<int>& numbers) {
  std::string out;
  for (const int n : numbers) out += cat(n, ',');
  return out;
}

}  // namespace

BatchItem batch_item(const RunOptions& base, const JsonValue& record) {
  BatchItem item{id_of(record), "", base, ""};
  MethodOptions& method = item.options.method;
  if (record.find("method")) method.given.clear();  // the command line's options were for its own method
  std::set<std::string> keys;
  for (const auto& [key, value] : record.fields()) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '-', '_');
    require_usage(keys.insert(name).second, "\"", key, "\" is given twice, with a dash and an underscore");
    require_usage(key == "id" || set_of_method(method, key, value) || set_option(item, key, value),
                  "unknown key ", json_text(key));
  }
  require_usage(!(keys.count("prompt") && keys.count("tokens")), "give one of prompt and tokens");
  return item;
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
      throw Error(cat(in.where(), ": ", e.what()), ErrorKind::usage);
    }
    items.back().where = in.where();
    const auto [first, fresh] = lines.emplace(items.back().id.dump(), in.number());
    require_usage(fresh, in.where(), ": id ", items.back().id.dump(), " occurs twice, first in line ",
                  first->second);
  }
  return items;
}

std::map<std::string, EarlierAnswer> read_answers(const std::string& path) {
  std::map<std::string, EarlierAnswer> out;
  LineLog(path).read([&](std::string_view line, const std::string& where) {
    const Json json = parse_json(line, where);
    const JsonValue row(json, where);
    EarlierAnswer answer{where, "", "", row.find("error").has_value()};
    if (!answer.failed) {
      row.at("text").text(kMostText);  // else it is no answer, and not ours to append to
      if (const auto identity = row.find("identity")) answer.identity = identity->text();
      if (const auto prompt = row.find("prompt_tokens"))
        answer.inputs = cat(numbers_text(prompt->integers(0, kMostTokens, 0, INT32_MAX)), ' ',
                            row.at("policy_hash").text(), ' ', row.at("method").text());
    }
    out[id_of(row).dump()] = answer;
  });
  return out;
}

AnswerIdentity::AnswerIdentity(const Session& session)
    : session_(session),
      model_(session.model->file().fingerprint()),
      amateur_(session.amateur ? session.amateur->file().fingerprint() : "") {}

std::string AnswerIdentity::of(const BatchItem& item) const {
  const RunOptions& o = item.options;
  const GenerateOptions& g = o.generate;
  std::string text =
      cat(inputs(item), '\n', model_, ' ', method_entry(o.method.name).amateur ? amateur_ : "", '\n',
          o.method.iti.empty() ? "" : file_text(o.method.iti, "ITI file"), '\n', o.model.kv_type, '\n',
          g.n_predict, ' ', g.ignore_eos, ' ', sampling_text(g.sampling), '\n', g.grammar);
  for (const std::string& stop : g.stop) text += cat('\n', stop.size(), ' ', stop);
  const auto method = make_method(o.method, session_.models());
  for (const Stream& stream : method->streams()) text += cat('\n', hex64(stream.policy.hash()));
  return hex64(hash_text(text));
}

std::string AnswerIdentity::inputs(const BatchItem& item) const {
  const RunOptions& o = item.options;
  return cat(numbers_text(prompt_tokens(o.prompt, *session_.tokenizer, item.prompt)), ' ',
             hex64(make_method(o.method, session_.models())->streams()[0].policy.hash()), ' ',
             method_text(resolved(o.method, session_.router())));
}

}  // namespace rouse
