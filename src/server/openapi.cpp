#include "server/openapi.h"

#include <set>

#include "session/options.h"

namespace rouse {
namespace {

Json typed(const char* type) {
  return {{"type", type}};
}
Json list_of(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}
Json object(Json properties, std::vector<std::string> required = {}) {
  Json out{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = required;
  return out;
}
Json ref(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

/// Our options as a request of OpenAI's takes them.
Json option_properties() {
  static const std::set<std::string> without = {"prompt",        "messages", "tokens",   "raw",
                                                "system",        "special",  "n",        "log_probs",
                                                "chat_template", "temp",     "n_predict"};
  Json out = Json::object();
  const Json all = options_json();
  for (const auto& [name, property] : all["request"]["properties"].items()) {
    if (without.count(name)) continue;
    Json p = property;
    for (const char* own : {"flag", "group", "methods"}) p.erase(own);
    out[name] = std::move(p);
  }
  return out;
}

Json message_schema() {
  return list_of(object({{"role", typed("string")}, {"content", Json::object()}}, {"role"}));
}

Json generation_properties(const Service& service) {
  Json out = option_properties();
  Json ids = Json::array({service.id()});
  for (const std::string& preset : service.options().names->presets())
    ids.push_back(service.id() + "@" + preset);
  out["model"] = {{"type", "string"}, {"enum", std::move(ids)}};
  out["stream"] = typed("boolean");
  out["max_tokens"] = {{"type", "integer"}, {"minimum", 0}};
  out["temperature"] = {{"type", "number"}, {"minimum", 0}};
  out["n"] = {{"type", "integer"}, {"minimum", 1}};
  out["method"] = {
      {"description", "a name of /v1/rouse/methods or of a preset, or an object {name, options}"}};
  out["trace"] = {{"enum", {"experts", "gates"}}, {"description", "the experts of every token, by block"}};
  return out;
}

Json schemas(const Service& service) {
  Json chat = generation_properties(service), completion = generation_properties(service),
       lane = option_properties();
  chat["messages"] = message_schema();
  completion["prompt"] = {{"description", "a text, token ids, or a list of those"}};
  completion["echo"] = typed("boolean");
  completion["logprobs"] = {{"type", "integer"}, {"minimum", 0}, {"maximum", 100}};
  chat["logprobs"] = typed("boolean");
  chat["top_logprobs"] = {{"type", "integer"}, {"minimum", 0}, {"maximum", 100}};
  lane["prompt"] = typed("string");
  lane["n_predict"] = {{"type", "integer"}, {"minimum", 0}};
  Json compare = lane, score = option_properties(), whatif = lane;
  compare["lanes"] = list_of(typed("object"));
  compare["stream"] = typed("boolean");
  score["context"] = typed("string");
  score["continuations"] = list_of(typed("string"));
  score["lanes"] = list_of(typed("object"));
  whatif["continuation"] = typed("string");
  whatif["ban"] = whatif["force"] = list_of({{"type", "string"}, {"description", "BLOCK.EXPERT"}});
  whatif["token"] = {{"type", "integer"}, {"minimum", 0}};
  whatif["rank"] = whatif["stream"] = typed("boolean");
  whatif["control"] = {
      {"type", "boolean"},
      {"description", "beside each change those of the block's other experts, treated alike"}};
  whatif["continuation_tokens"] = list_of({{"type", "integer"}, {"minimum", 0}});
  Json gates = lane;
  gates["next"] = {{"type", "integer"},
                   {"minimum", 0},
                   {"description", "so many of the experts not chosen, by gate, are shown as well"}};
  gates["last"] = {{"type", "integer"}, {"minimum", 0}, {"description", "only of the last so many tokens"}};
  const Json nullable = {{"type", {"string", "null"}}};
  const Json error = object({{"error", object({{"message", typed("string")},
                                               {"type", typed("string")},
                                               {"param", nullable},
                                               {"code", nullable}},
                                              {"message", "type", "param", "code"})}},
                            {"error"});
  return {{"chat", object(chat, {"messages"})},
          {"completion", object(completion, {"prompt"})},
          {"tokenize", object({{"prompt", {{"description", "a text, or messages"}}},
                               {"add_special_tokens", typed("boolean")}})},
          {"detokenize", object({{"tokens", list_of(typed("integer"))}}, {"tokens"})},
          {"template", object({{"messages", message_schema()}}, {"messages"})},
          {"compare", object(compare)},
          {"score", object(score, {"context", "continuations"})},
          {"whatif", object(whatif)},
          {"gates", object(gates)},
          {"error", error}};
}

/// "/v1/models/{id}" of "/v1/models/:id", and the parameters.
std::string path_of(const std::string& path, Json& parameters) {
  const size_t colon = path.find(':');
  if (colon == std::string::npos) return path;
  const std::string name = path.substr(colon + 1);
  parameters.push_back({{"name", name},
                        {"in", "path"},
                        {"required", true},
                        {"schema", {{"type", "string"}, {"minLength", 1}}}});
  return path.substr(0, colon) + "{" + name + "}";
}

}  // namespace

Json openapi_json(const Service& service) {
  Json paths = Json::object();
  const Json failure = {{"description", "what was wrong"},
                        {"content", {{"application/json", {{"schema", ref("error")}}}}}};
  for (const Route& r : routes()) {
    Json parameters = Json::array();
    const std::string path = path_of(r.path, parameters);
    const bool plain = path == "/metrics";
    Json content = {{plain ? "text/plain" : "application/json", Json::object()}};
    static const std::set<std::string_view> streams = {"chat", "completion", "compare", "whatif"};
    if (streams.count(r.request)) content["text/event-stream"] = Json::object();
    Json operation = {
        {"summary", r.summary},
        {"responses", {{"200", {{"description", "done"}, {"content", content}}}, {"default", failure}}}};
    if (!parameters.empty()) operation["parameters"] = std::move(parameters);
    if (*r.request)
      operation["requestBody"] = {{"required", true},
                                  {"content", {{"application/json", {{"schema", ref(r.request)}}}}}};
    paths[path][std::string(r.method) == "GET" ? "get" : "post"] = std::move(operation);
  }
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "rouse: " + service.id()}, {"version", "1"}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", schemas(service)},
            {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace rouse
