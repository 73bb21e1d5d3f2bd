/// server/tokens.cpp - texts to ids and back, templates, and what a model is, as vLLM and llama.cpp offer
/// them.
#include "base/text.h"
#include "server/reading.h"
#include "server/routes.h"

namespace rouse {
namespace {

Json model_json(const Service& s, const std::string& id, const MethodOptions& method) {
  const RouterSpec& router = s.session().router();
  const MethodOptions r = resolved(method, router);
  return {{"id", id},
          {"object", "model"},
          {"created", s.opened()},
          {"owned_by", "rouse"},
          {"max_model_len", s.session().engine->n_ctx()},
          {"rouse", {{"method", method_text(r)}, {"routing", r.routing}}}};
}

Json all_models(const Service& s) {
  Json out = Json::array({model_json(s, s.id(), s.options().base.method)});
  for (const std::string& preset : s.options().names->presets())
    out.push_back(model_json(s, s.id() + "@" + preset, s.options().names->preset(preset)));
  return out;
}

/// The text of "prompt" or "content", or messages under either name, by the template.
std::vector<int> ids_of(Exchange& x) {
  const JsonValue body(x.body, "");
  const Tokenizer& t = x.service.tokenizer();
  const auto flag = [&](const char* name, bool otherwise) {
    const auto value = body.find(name);
    return value ? value->boolean() : otherwise;
  };
  auto text = body.find("prompt");
  if (!text) text = body.find("content");
  auto messages = body.find("messages");
  if (text && text->json().is_array()) messages = text;
  if (messages) {
    const std::vector<ChatMessage> all = read_messages_of(*messages, x.service.options().tools);
    TemplateOptions form = template_options(x.service.options().base.prompt);
    form.generation_prompt = flag("add_generation_prompt", true);
    const std::shared_ptr<void> place = x.service.admit(1);  // templates take time
    return encode_chat(t, all, form);
  }
  if (!text) throw Error("prompt is missing", ErrorKind::usage, "prompt");
  const bool special = flag("add_special_tokens", flag("add_special", false));
  return t.encode(text->text(size_t{4} << 20), special, flag("parse_special", true));
}

}  // namespace

void list_models(Exchange& x) {
  x.reply({{"object", "list"}, {"data", all_models(x.service)}});
}

void one_model(Exchange& x) {
  const std::string id = x.request.path_params.at("id");
  for (const Json& model : all_models(x.service))
    if (model["id"] == id) return x.reply(model);
  throw Error(cat("model ", json_text(id), " is not here"), ErrorKind::usage, "model");
}

void tokenizer_info(Exchange& x) {
  const Tokenizer& t = x.service.tokenizer();
  const auto name = [&](int token) { return token >= 0 ? Json(t.piece(token, true)) : Json(); };
  x.reply({{"tokenizer_class", "rouse"},
           {"vocab_size", t.n_vocab()},
           {"bos_token", name(t.bos())},
           {"eos_token", name(t.eos())},
           {"pad_token", name(t.eos())},
           {"bos_token_id", t.bos() >= 0 ? Json(t.bos()) : Json()},
           {"eos_token_id", t.eos() >= 0 ? Json(t.eos()) : Json()},
           {"add_bos_token", t.adds_bos()},
           {"model_max_length", x.service.session().engine->n_ctx()},
           {"chat_template", t.chat_template().empty() ? Json() : Json(t.chat_template())}});
}

void tokenize(Exchange& x) {
  const std::vector<int> ids = ids_of(x);
  Json out{{"count", ids.size()}, {"max_model_len", x.service.session().engine->n_ctx()}, {"tokens", ids}};
  if (const auto pieces = JsonValue(x.body, "").find("with_pieces"); pieces && pieces->boolean()) {
    out["pieces"] = Json::array();
    for (const int id : ids) out["pieces"].push_back(x.service.tokenizer().piece(id, true));
  }
  x.reply(out);
}

void detokenize(Exchange& x) {
  const Tokenizer& t = x.service.tokenizer();
  const std::vector<int> ids = JsonValue(x.body, "").at("tokens").integers(0, 1 << 20, 0, t.n_vocab() - 1);
  const std::string text = t.decode(ids, true);
  x.reply({{"prompt", text}, {"content", text}});
}

void apply_template(Exchange& x) {
  const JsonValue body(x.body, "");
  const std::vector<ChatMessage> all = read_messages_of(body.at("messages"), x.service.options().tools);
  TemplateOptions form = template_options(x.service.options().base.prompt);
  if (const auto kwargs = body.find("chat_template_kwargs")) {
    check_template_kwargs(kwargs->json());
    form.kwargs = kwargs->json();
  }
  if (const auto on = body.find("add_generation_prompt")) form.generation_prompt = on->boolean();
  const std::shared_ptr<void> place = x.service.admit(1);
  x.reply({{"prompt", chat_text(x.service.tokenizer(), all, form)},
           {"tokens", encode_chat(x.service.tokenizer(), all, form)}});
}

}  // namespace rouse
