#include "session/request.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/lines.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr size_t kMostText = LineReader::kMostBytes, kMostMessages = 4096;

std::vector<std::string> known_keys() {
  std::vector<std::string> out{"id", "preset"};
  for (const Option& option : options())
    if (option.request) out.emplace_back(option.spec.name);
  return out;
}

/// The fields by their names in the table.
std::map<std::string, JsonValue> fields_of(const JsonValue& record) {
  const std::vector<std::string> known = known_keys();
  std::map<std::string, JsonValue> out;
  for (const auto& [key, value] : record.fields()) {
    const std::string name = underscored(key);
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(cat("unknown key ", json_text(key), did_you_mean(name, known)), ErrorKind::usage, key);
    if (!out.emplace(name, value).second)
      throw Error(cat(json_text(key), " is given twice, with a dash and an underscore"), ErrorKind::usage,
                  name);
  }
  return out;
}

/// What `work` reads is the value of this key, if it is refused.
template <class Work>
void reading(const std::string& key, Work&& work) {
  try {
    work();
  } catch (const Error& e) {
    throw e.subject().empty() ? Error(e.what(), e.kind(), key) : e;
  }
}

/// {"17": -100} as (17, -100).
std::vector<std::pair<int, float>> read_logit_bias(const JsonValue& value) {
  constexpr size_t kMostBiases = 1024;
  std::vector<std::pair<int, float>> out;
  for (const auto& [key, bias] : value.fields()) {
    int token = 0;
    const auto [end, fault] = std::from_chars(key.data(), key.data() + key.size(), token);
    require_option(fault == std::errc() && end == key.data() + key.size() && token >= 0, "logit_bias",
                   " names token ", json_text(key), ", expected a token id");
    out.emplace_back(token, static_cast<float>(bias.real(-100, 100)));
  }
  require_option(out.size() <= kMostBiases, "logit_bias", " has ", out.size(), " tokens, expected at most ",
                 kMostBiases);
  return out;
}

/// The method that "method" names, which may be a preset.
void read_method(Request& request, const std::string& name, bool preset_used, const Names& names) {
  if (names.has_preset(name)) {
    require_option(!preset_used, "method", " and preset both name a preset, expected one of them");
    request.method = names.preset(name);
    return;
  }
  require_option(!preset_used || name == request.method.name, "method", " is ", json_text(name),
                 ", but the preset's is ", request.method.name);
  (void)method_entry(name);
  set_option(*find_option("method"), request.targets(), name);
}

/// Before all else: a preset brings its options, which other fields adjust.
void read_methods(Request& request, const std::map<std::string, JsonValue>& fields, const Names& names) {
  const auto method = fields.find("method"), preset = fields.find("preset");
  if (method != fields.end() || preset != fields.end()) request.method.given.clear();
  if (preset != fields.end())
    reading("preset", [&] { request.method = names.preset(preset->second.text()); });
  if (method != fields.end())
    reading("method", [&] { read_method(request, method->second.text(), preset != fields.end(), names); });
}

void read_field(Request& request, const std::string& name, const JsonValue& value,
                const RequestRules& rules) {
  if (name == "method" || name == "preset") return;  // read before
  if (name == "id") {
    request.id = request_id(value);
    return;
  }
  const Option& option = *find_option(name);
  require_option(rules.paths || name != "amateur", name.c_str(),
                 " is given when rouse starts, not by a request");
  set_option(option, request.targets(), value.json());
  if (name == "chat_template") request.prompt.chat.source.clear();
  if (name == "messages") {
    request.prompt.messages = read_messages(value);
  } else if (name == "json_schema") {
    request.json_schema = value.json();
    request.generate.grammar = json_schema_grammar(value.json().dump());
  } else if (name == "logit_bias") {
    request.generate.logit_bias = read_logit_bias(value);
  } else if (name == "grammar") {
    request.json_schema = nullptr;
  }
}

/// Whether the canonical form names it.
bool is_written(const Option& option, const Request& request, const Json& value) {
  const std::string name = option.spec.name;
  if (name == "grammar" && !request.json_schema.is_null()) return false;
  Request untouched;
  const bool changed = !value.is_null() && value != option_value(option.place(untouched.targets())) &&
                       !(value.is_array() && value.empty()) && value != Json("");
  if (option.group != OptionGroup::method) return changed;
  return request.method.given.count(dashed(name)) > 0 || (changed && method_reads(request.method.name, name));
}

}  // namespace

std::vector<ChatMessage> read_messages(const JsonValue& value) {
  std::vector<ChatMessage> out;
  for (const JsonValue& message : value.list(1, kMostMessages)) {
    message.only({"role", "content"});
    const std::string& role = message.at("role").text();
    if (role != "system" && role != "user" && role != "assistant")
      message.at("role").refuse("system, user or assistant");
    out.push_back({role, message.at("content").text(kMostText)});
  }
  return out;
}

const Json& request_id(const JsonValue& id) {
  if (!id.json().is_string() && !id.json().is_number_integer()) id.refuse("text or an integer");
  return id.json();
}

Request read_request(const JsonValue& record, const Request& base, const RequestRules& rules) {
  Request request = base;
  request.id = nullptr;
  request.prompt.prompt.clear();
  request.prompt.messages.clear();
  request.prompt.tokens.clear();
  request.prompt.file.clear();
  const std::map<std::string, JsonValue> fields = fields_of(record);
  const auto exclude = [&](const char* one, const char* other) {
    if (fields.count(one) && fields.count(other))
      throw Error(cat("give one of ", one, " and ", other), ErrorKind::usage, other);
  };
  exclude("prompt", "tokens");
  exclude("prompt", "messages");
  exclude("tokens", "messages");
  exclude("grammar", "json_schema");
  read_methods(request, fields, *rules.names);
  for (const auto& field : fields)
    reading(field.first, [&] { read_field(request, field.first, field.second, rules); });
  request.method.files = rules.paths ? names_or_paths(rules.names) : rules.names;
  return request;
}

Json request_json(const Request& request) {
  Request copy = request;
  Json out = Json::object();
  if (!request.id.is_null()) out["id"] = request.id;
  for (const Option& option : options()) {
    if (!option.request) continue;
    const std::string name = option.spec.name;
    if (name == "messages") {
      for (const ChatMessage& m : request.prompt.messages)
        out[name].push_back({{"role", m.role}, {"content", m.content}});
    } else if (name == "json_schema") {
      if (!request.json_schema.is_null()) out[name] = request.json_schema;
    } else if (name == "logit_bias") {
      for (const auto& [token, bias] : request.generate.logit_bias)
        out[name][std::to_string(token)] = static_cast<double>(bias);
    } else if (const Json value = option_value(option.place(copy.targets()));
               is_written(option, copy, value)) {
      out[name] = value;
    }
  }
  return out;
}

std::vector<std::unique_ptr<Generation>> start_request(const Session& session, const Request& request,
                                                       OnText on_text, OnText on_reasoning) {
  require_option(request.n_sample == 1 || request.generate.sampling.temperature > 0 ||
                     samples_differ(request.method, request.n_sample),
                 "n", " is ", request.n_sample,
                 ", but samples of one routing would be the same at temperature 0");
  require_option(request.n_sample > 1 || request.method.routing_per_sample.empty(), "routing_per_sample",
                 " is for several samples of one text");
  check_options(request.method, request.generate);
  const std::vector<int> prompt = prompt_tokens(request.prompt, *session.tokenizer);
  GenerateOptions generate = session.limited(request.generate);
  generate.reasoning = reasoning_of(request.prompt, *session.tokenizer, prompt);
  return start_samples(session.engines(), *session.tokenizer,
                       sample_methods(request.method, request.n_sample, session.models()), prompt, generate,
                       std::move(on_text), std::move(on_reasoning));
}

Json request_result_json(std::span<const std::unique_ptr<Generation>> samples, const Request& request,
                         const RouterSpec& router) {
  if (samples.size() == 1) return generation_json(*samples[0], request.method, router);
  Json rows = Json::array();
  for (size_t i = 0; i < samples.size(); ++i)
    rows.push_back(generation_json(*samples[i], of_sample(request.method, static_cast<int>(i)), router));
  return {{"samples", std::move(rows)}};
}

}  // namespace rouse
