#include "server/reading.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace rouse {
namespace {

/// Fields whose names differ from our options'; of two for one option the later counts.
struct Renamed {
  const char *openai, *ours;
};
constexpr Renamed kRenamed[] = {{"max_tokens", "n_predict"},
                                {"max_completion_tokens", "n_predict"},
                                {"temperature", "temp"},
                                {"repetition_penalty", "repeat_penalty"}};

/// Read by the routes themselves.
const std::set<std::string> kOwn = {
    "model",   "messages",         "prompt", "stream",       "stream_options",
    "n",       "logprobs",         "echo",   "top_logprobs", "response_format",
    "tools",   "tool_choice",      "trace",  "method",       "return_token_ids",
    "best_of", "reasoning_effort", "suffix", "modalities",   "preset"};
/// Of no effect here, whatever they say.
const std::set<std::string> kHarmless = {"user",
                                         "metadata",
                                         "store",
                                         "service_tier",
                                         "safety_identifier",
                                         "prompt_cache_key",
                                         "verbosity",
                                         "parallel_tool_calls",
                                         "cache_prompt",
                                         "prompt_cache_retention"};
/// Documented by OpenAI, but not done here.
const std::set<std::string> kUndone = {"functions", "chat_template", "function_call",
                                       "audio",     "prediction",    "web_search_options"};
/// Options of a request that have another meaning here, or none.
const std::set<std::string> kNotOptions = {"prompt",  "messages", "tokens",    "raw",          "system",
                                           "special", "n",        "log_probs", "chat_template"};

std::vector<std::string> known_fields() {
  std::vector<std::string> out(kOwn.begin(), kOwn.end());
  out.insert(out.end(), kHarmless.begin(), kHarmless.end());
  out.insert(out.end(), kUndone.begin(), kUndone.end());
  for (const Renamed& r : kRenamed) out.emplace_back(r.openai);
  for (const Option& o : options())
    if (o.request && kNotOptions.count(o.spec.name) == 0) out.emplace_back(o.spec.name);
  return out;
}

[[noreturn]] void refuse(const std::string& field, const std::string& why) {
  throw Error(field + why, ErrorKind::usage, field);
}

/// Sorts a body's fields: options go into a record as read_request takes it, the routes' own stay apart.
class Fields {
 public:
  Fields(const Service& service, const Json& body, bool strict) : service_(service) {
    const JsonValue object(body, "");
    for (const auto& [key, value] : object.fields())
      if (!value.is_null()) sort(key, value, strict || service.options().strict);
    for (const Renamed& r : kRenamed)  // in this order, whatever the body's
      if (body.contains(r.openai) && !body[r.openai].is_null()) record[r.ours] = body[r.openai];
  }

  const Json* own(const std::string& name) const {
    const auto at = own_.find(name);
    return at == own_.end() ? nullptr : &at->second;
  }
  /// The field as a value whose errors name it.
  template <class Read>
  auto named(const std::string& name, Read&& read) const {
    try {
      return read(JsonValue(own_.at(name), name));
    } catch (const Error& e) {
      throw e.subject().empty() ? Error(e.what(), e.kind(), name) : e;
    }
  }
  bool flag(const std::string& name) const {
    const Json* value = own(name);
    if (value && !value->is_boolean())
      refuse(name, cat(" is ", json_text(*value), ", expected true or false"));
    return value && value->get<bool>();
  }
  int integer(const std::string& name, int low, int high, int otherwise) const {
    const Json* value = own(name);
    return value ? static_cast<int>(named(name, [&](const JsonValue& v) { return v.integer(low, high); }))
                 : otherwise;
  }
  Json record = Json::object();
  std::vector<std::string> ignored;

 private:
  void sort(const std::string& key, const JsonValue& value, bool strict) {
    static const std::vector<std::string> known = known_fields();
    if (kOwn.count(key)) {
      own_.emplace(key, value.json());
    } else if (kHarmless.count(key)) {
      return;
    } else if (kUndone.count(key)) {
      refuse(key, " is not done here");
    } else if (std::any_of(std::begin(kRenamed), std::end(kRenamed),
                           [&](const Renamed& r) { return key == r.openai; })) {
      return;
    } else if (const Option* option = find_option(key);
               option && option->request && kNotOptions.count(option->spec.name) == 0) {
      record[option->spec.name] = value.json();
    } else if (const std::string meant = did_you_mean(key, known); strict || !meant.empty()) {
      throw Error(cat("unknown field ", json_text(key), meant), ErrorKind::usage, key);
    } else if (ignored.size() < 64) {
      ignored.push_back(key);
    }
  }

  const Service& service_;
  std::map<std::string, Json> own_;
};

/// "method": a name, or {"name", options}; and the model's id may name a preset.
void read_method(const Service& service, Fields& f, Call& call) {
  const std::string& id = service.id();
  call.model = id;
  if (f.own("model")) {
    call.model = f.named("model", [](const JsonValue& v) { return v.text(256); });
    const Names& names = *service.options().names;
    if (call.model.starts_with(id + "@") && names.has_preset(call.model.substr(id.size() + 1)))
      f.record["preset"] = call.model.substr(id.size() + 1);
    else if (call.model != id)
      throw Error(cat("model ", json_text(call.model), " is not here; there is ", id,
                      names.presets().empty() ? "" : ", and " + id + "@ with " + join(names.presets(), ", ")),
                  ErrorKind::usage, "model");
  }
  if (const Json* preset = f.own("preset")) f.record["preset"] = *preset;
  const Json* method = f.own("method");
  if (!method) return;
  if (!method->is_object()) {
    f.record["method"] = *method;
    return;
  }
  f.named("method", [&](const JsonValue& v) {
    f.record["method"] = v.at("name").text(256);
    for (const auto& [key, value] : v.fields()) {
      const Option* option = find_option(key);
      if (key == "name") continue;
      require_option(option && option->group == OptionGroup::method, "method", ": unknown option ",
                     json_text(key));
      f.record[option->spec.name] = value.json();
    }
    return 0;
  });
}

/// JSON of any kind, or by a schema.
void read_format(Fields& f) {
  if (!f.own("response_format")) return;
  f.named("response_format", [&](const JsonValue& v) {
    const std::string type = v.at("type").text(64);
    if (type == "text") return 0;
    if (type == "json_object")
      f.record["json_schema"] = {{"type", "object"}};
    else if (type == "json_schema")
      f.record["json_schema"] = v.at("json_schema").at("schema").json();
    else
      v.at("type").refuse("text, json_object or json_schema");
    return 0;
  });
}

/// What the template is shown of tools; nothing where the server was not started with --tools.
Json read_tools(const Service& service, Fields& f) {
  if (const Json* choice = f.own("tool_choice"))
    if (*choice != "auto" && *choice != "none")
      refuse("tool_choice",
             cat(" is ", json_text(*choice), ", expected auto or none: no call can be forced here"));
  const Json* tools = f.own("tools");
  if (!tools || tools->empty()) return nullptr;
  f.named("tools", [](const JsonValue& v) {
    for (const JsonValue& tool : v.list(0, 256)) (void)tool.at("function").at("name").text(256);
    return 0;
  });
  const Json* choice = f.own("tool_choice");
  if (choice && *choice == "none") return nullptr;
  if (service.options().tools) return *tools;
  f.ignored.emplace_back("tools");
  return nullptr;
}

void read_trace(Fields& f, Call& call) {
  if (!f.own("trace")) return;
  const std::string what = f.named("trace", [](const JsonValue& v) { return v.text(64); });
  if (what != "experts" && what != "gates")
    refuse("trace", cat(" is ", json_text(what), ", expected experts or gates"));
  call.gates = what == "gates";
  call.experts = true;
}

/// Fields of both routes, into the record.
void read_common(const Service& service, Fields& f, Call& call) {
  read_method(service, f, call);
  read_format(f);
  read_trace(f, call);
  call.stream = f.flag("stream");
  call.token_ids = f.flag("return_token_ids");
  if (f.own("stream_options"))
    f.named("stream_options", [&](const JsonValue& v) {
      if (const auto usage = v.find("include_usage")) call.usage = usage->boolean();
      return 0;
    });
  if (const Json* n = f.own("n")) f.record["n"] = *n;
  const Json* n = f.own("n");
  if (n && n->is_number() && *n > 1 && !f.record.contains("temp") &&
      service.options().base.generate.sampling.temperature == 0)
    f.record["temp"] = 1.0;  // as OpenAI's: several samples of greedy would be the same
  if (const auto seed = f.record.find("seed");
      seed != f.record.end() && seed->is_number_integer() && *seed < 0)
    *seed = static_cast<uint64_t>(seed->get<int64_t>());
  if (f.own("best_of") && f.integer("best_of", 1, INT32_MAX, 1) != (n && n->is_number() ? *n : Json(1)))
    refuse("best_of", " is not done here, expected n's value or nothing");
  if (const Json* suffix = f.own("suffix"); suffix && *suffix != "") refuse("suffix", " is not done here");
  if (const Json* kinds = f.own("modalities"); kinds && *kinds != Json({"text"}))
    refuse("modalities", cat(" is ", json_text(*kinds), ", expected [\"text\"]"));
  if (const Json* effort = f.own("reasoning_effort")) {
    Json kwargs = f.record.value("chat_template_kwargs", Json::object());
    if (kwargs.is_object() && !kwargs.contains("reasoning_effort")) kwargs["reasoning_effort"] = *effort;
    f.record["chat_template_kwargs"] = kwargs;
  }
}

Request request_of(const Service& service, const Json& record, const Call& call, int n_top) {
  Request request = read_request(JsonValue(record, ""), service.options().base, service.rules());
  request.generate.reuse = !call.experts && !request.generate.routing;
  request.generate.routing = request.generate.routing || call.experts;
  request.generate.n_top = call.log_probs ? n_top : -1;
  return request;
}

/// A prompt, a list of them, ids, or a list of lists of ids.
std::vector<Json> prompts_of(const Service& service, const JsonValue& prompt) {
  constexpr size_t kMostPrompts = 256;
  const Json& value = prompt.json();
  const auto one = [&](const Json& p) {
    Json record = Json::object();
    if (p.is_string() && p.get_ref<const std::string&>().empty() && service.tokenizer().bos() >= 0)
      record["tokens"] = {service.tokenizer().bos()};
    else
      record[p.is_string() ? "prompt" : "tokens"] = p;
    return record;
  };
  const bool several = value.is_array() && !value.empty() && !value[0].is_number();
  if (!value.is_string() && !value.is_array()) prompt.refuse("a text, token ids, or a list of those");
  if (!several) return {one(value)};
  std::vector<Json> out;
  for (const JsonValue& p : prompt.list(1, kMostPrompts)) out.push_back(one(p.json()));
  return out;
}

}  // namespace

/// The content's text, whole or in parts. Who calls a tool may say nothing.
static std::string content_of(const JsonValue& message, bool needed) {
  constexpr size_t kMostParts = 256, kMostText = size_t{4} << 20;
  const auto content = message.find("content");
  if (!content && needed) throw Error(message.place() + "content is missing", ErrorKind::usage, "messages");
  if (!content || content->json().is_string()) return content ? content->text(kMostText) : "";
  std::string out;
  for (const JsonValue& part : content->list(0, kMostParts)) {
    if (part.at("type").text(64) != "text") part.at("type").refuse("text: nothing else is read here");
    out += part.at("text").text(kMostText);
  }
  return out;
}

/// As templates take them: arguments as the object that their text spells.
static Json calls_of(const JsonValue& calls) {
  Json out = Json::array();
  for (const JsonValue& call : calls.list(0, 256)) {
    const JsonValue function = call.at("function");
    Json one{{"type", "function"}, {"function", {{"name", function.at("name").text(256)}}}};
    if (const auto id = call.find("id")) one["id"] = id->text(256);
    Json arguments = Json::object();
    if (const auto given = function.find("arguments")) {
      arguments = given->json();
      if (arguments.is_string()) arguments = parse_json(given->text(), given->place() + "arguments");
    }
    one["function"]["arguments"] = std::move(arguments);
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<ChatMessage> read_messages_of(const JsonValue& messages, bool tools) {
  constexpr size_t kMostMessages = 4096;
  std::vector<ChatMessage> out;
  for (const JsonValue& message : messages.list(1, kMostMessages)) {
    std::string role = message.at("role").text(64);
    if (role == "developer") role = "system";
    if (role != "system" && role != "user" && role != "assistant" && !(tools && role == "tool"))
      message.at("role").refuse(tools
                                    ? "system, user, assistant or tool"
                                    : "system, user or assistant (tool: where the server runs with --tools)");
    out.push_back({role, content_of(message, role != "assistant")});
    if (!tools) continue;
    Json extra = Json::object();
    if (const auto calls = message.find("tool_calls"); calls && role == "assistant")
      extra["tool_calls"] = calls_of(*calls);
    for (const char* key : {"tool_call_id", "name", "reasoning_content"})
      if (const auto value = message.find(key)) extra[key] = value->text();
    if (!extra.empty()) out.back().extra = std::move(extra);
  }
  return out;
}

Call read_chat_call(const Service& service, const Json& body, bool strict) {
  Call call;
  call.chat = true;
  Fields f(service, body, strict);
  read_common(service, f, call);
  const Json tools = read_tools(service, f);
  if (!f.own("messages")) refuse("messages", " is missing");
  if (f.own("prompt")) refuse("prompt", " does not go with messages");
  const std::vector<ChatMessage> messages =
      f.named("messages", [&](const JsonValue& v) { return read_messages_of(v, service.options().tools); });
  call.log_probs = f.flag("logprobs");
  const int n_top = f.integer("top_logprobs", 0, 100, 0);
  if (n_top > 0 && !call.log_probs) refuse("top_logprobs", " wants logprobs: true");
  if (!f.record.contains("n_predict")) f.record["n_predict"] = service.session().engine->n_ctx();
  call.texts.push_back(request_of(service, f.record, call, n_top));
  call.texts[0].prompt.messages = messages;
  call.texts[0].prompt.chat.tools = tools;
  call.tools = !tools.is_null();
  call.ignored = f.ignored;
  return call;
}

Call read_completion_call(const Service& service, const Json& body, bool strict) {
  constexpr int kDefaultTokens = 16;  // OpenAI's
  Call call;
  Fields f(service, body, strict);
  read_common(service, f, call);
  (void)read_tools(service, f);
  if (!f.own("prompt")) refuse("prompt", " is missing");
  if (f.own("messages")) refuse("messages", " belongs to /v1/chat/completions");
  call.echo = f.flag("echo");
  const int n_top = f.integer("logprobs", 0, 100, -1);
  call.log_probs = n_top >= 0;
  if (!f.record.contains("n_predict")) f.record["n_predict"] = kDefaultTokens;
  const std::vector<Json> prompts =
      f.named("prompt", [&](const JsonValue& v) { return prompts_of(service, v); });
  for (const Json& prompt : prompts) {
    Json record = f.record;
    record["raw"] = true;
    record.update(prompt);
    call.texts.push_back(f.named(
        "prompt", [&](const JsonValue&) { return request_of(service, record, call, std::max(n_top, 0)); }));
  }
  call.ignored = f.ignored;
  return call;
}

Request read_lane(const Service& service, const Json& body) {
  Json record = body;
  JsonValue lane(body, "");
  (void)lane.fields();
  record.erase("name");
  if (const auto method = lane.find("method"); method && method->json().is_object()) {
    record["method"] = method->at("name").text(256);
    for (const auto& [key, value] : method->fields())
      if (key != "name") record[key] = value.json();
  }
  record.erase("messages");
  Request out = read_request(JsonValue(record, ""), service.options().base, service.rules());
  if (const auto messages = lane.find("messages")) {
    if (lane.find("prompt") || lane.find("tokens")) refuse("messages", " does not go with another prompt");
    out.prompt.messages = read_messages_of(*messages, false);
  }
  return out;
}

std::string openai_name(const std::string& option, const Json& body) {
  if (!body.is_object() || body.contains(option)) return option;
  for (const Renamed& r : kRenamed)
    if (option == r.ours && body.contains(r.openai)) return r.openai;
  if (option == "log_probs") return "logprobs";
  if (option == "tokens") return "prompt";
  if (option == "json_schema") return "response_format";
  if (option == "n_ctx") return body.contains("messages") ? "messages" : "prompt";
  return option;
}

}  // namespace rouse
