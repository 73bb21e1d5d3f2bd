#include "session/options.h"

#include <algorithm>
#include <limits>

#include "base/lines.h"
#include "base/text.h"

namespace rouse {
namespace {

constexpr double kMost = std::numeric_limits<float>::max();
constexpr double kMostPrompt = LineReader::kMostBytes;

OptionSpec integer(const char* name, int low, int high, const char* help) {
  return {.name = name,
          .help = help,
          .type = OptionType::integer,
          .low = static_cast<double>(low),
          .high = static_cast<double>(high)};
}
OptionSpec real(const char* name, double low, double high, const char* help) {
  return {.name = name, .help = help, .type = OptionType::real, .low = low, .high = high};
}
OptionSpec above(OptionSpec spec) {
  spec.low_open = true;
  return spec;
}
OptionSpec typed(OptionType type, const char* name, const char* help) {
  return {.name = name, .help = help, .type = type};
}
OptionSpec text(const char* name, double most, const char* help) {
  return {.name = name, .help = help, .type = OptionType::text, .high = most};
}
OptionSpec words(const char* name, const char* words, const char* help) {
  return {.name = name, .help = help, .type = OptionType::word, .words = words};
}

template <class Target, class T>
OptionPlace in(Target* target, T Target::*member) {
  return target ? OptionPlace(&(target->*member)) : OptionPlace();
}

template <class T>
Option of_model(OptionSpec spec, const char* flag, T ModelOptions::*member, const char* short_flag = "") {
  return {.spec = spec,
          .group = OptionGroup::model,
          .flag = flag,
          .short_flag = short_flag,
          .place = [member](const OptionTargets& t) { return in(t.model, member); }};
}
template <class T>
Option of_prompt(OptionSpec spec, const char* flag, T PromptOptions::*member) {
  return {.spec = spec,
          .group = OptionGroup::prompt,
          .flag = flag,
          .request = true,
          .place = [member](const OptionTargets& t) { return in(t.prompt, member); }};
}
/// How a conversation becomes a prompt.
template <class T>
Option of_template(OptionSpec spec, const char* flag, T TemplateOptions::*member,
                   void (*check)(const Json& value) = nullptr) {
  return {
      .spec = spec,
      .group = OptionGroup::prompt,
      .flag = flag,
      .request = true,
      .check = check,
      .place = [member](const OptionTargets& t) { return in(t.prompt ? &t.prompt->chat : nullptr, member); }};
}
template <class T>
Option of_text(OptionSpec spec, const char* flag, T GenerateOptions::*member) {
  return {.spec = spec,
          .group = OptionGroup::generate,
          .flag = flag,
          .request = true,
          .place = [member](const OptionTargets& t) { return in(t.generate, member); }};
}
template <class T>
Option of_tokens(OptionSpec spec, const char* flag, T GenerateOptions::*member) {
  Option out = of_text(spec, flag, member);
  out.group = OptionGroup::detail;
  return out;
}
template <class T>
Option of_sampling(OptionSpec spec, const char* flag, T SamplingOptions::*member) {
  return {.spec = spec,
          .group = OptionGroup::generate,
          .flag = flag,
          .request = true,
          .place = [member](const OptionTargets& t) {
            return in(t.generate ? &t.generate->sampling : nullptr, member);
          }};
}

/// Kept where nothing but their reader knows.
Option apart(OptionSpec spec, OptionGroup group, const char* flag = "", const char* file_flag = "") {
  return {.spec = spec,
          .group = group,
          .flag = flag,
          .file_flag = file_flag,
          .request = true,
          .place = [](const OptionTargets&) { return OptionPlace(); }};
}

void add_model(std::vector<Option>& all) {
  using M = ModelOptions;
  all.push_back(of_model(text("model", 4096, "model file (GGUF); the default model if left out"),
                         "-m,--model", &M::model));
  all.push_back(
      of_model(integer("n_threads", 0, 1024, "threads (0: one a core)"), "-t,--threads", &M::n_thread));
  all.push_back(of_model(integer("n_ctx", 0, 1 << 24,
                                 "tokens that a text may have, prompt and answer, on each stream of its "
                                 "method (0: the model's trained context, at most 4096)"),
                         "-c,--ctx-size", &M::n_ctx));
  all.push_back(of_model(integer("n_batch", 1, 8192, "rows of a prompt that run together"), "-b,--batch-size",
                         &M::n_batch));
  all.push_back(
      of_model(integer("n_ubatch", 1, 8192, "the same by llama.cpp's name; where both are given it is this"),
               "--ubatch-size", &M::n_batch, "-ub"));
  all.push_back(of_model(words("engine", "auto native libllama",
                               "what runs the model: rouse's own engine, or libllama with its routers taken "
                               "over; auto: rouse's own for the families that it knows"),
                         "--engine", &M::engine));
  all.push_back(of_model(
      integer("n_slots", 0, 4096,
              "experts that a row of libllama's engine runs in a block, whatever it chooses (0: as many as "
              "the methods at hand need)"),
      "--slots", &M::n_slot));
  all.push_back(of_model(
      integer("n_gpu_layers", 0, 10000, "the last N blocks on the GPU; more than there are: the head too"),
      "--n-gpu-layers", &M::n_gpu_layer, "-ngl"));
  all.push_back(
      of_model(integer("n_cpu_moe", 0, 10000, "expert weights of the first N blocks stay on the CPU"),
               "--n-cpu-moe", &M::n_cpu_moe, "-ncmoe"));
  all.push_back(of_model(typed(OptionType::texts, "override_tensor",
                               "REGEX=CPU or REGEX=GPU: where matching tensors go; repeatable"),
                         "--override-tensor", &M::overrides, "-ot"));
  all.push_back(of_model(words("kv_type", "f16 f32 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl",
                               "type of the KV cache; rouse's own engine has f16 and f32"),
                         "--kv-type,--cache-type-k", &M::kv_type, "-ctk"));
  all.push_back(of_model(words("cache_type_v", "f16 f32 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl",
                               "llama.cpp's name for the values' type, which here is that of the keys"),
                         "--cache-type-v", &M::kv_type_v, "-ctv"));
  all.push_back(of_model(words("flash_attn", "on off", "flash attention where the backend has it"),
                         "--flash-attn", &M::flash, "-fa"));
  all.push_back({.spec = typed(OptionType::boolean, "mmap", "llama.cpp's switch, without effect here"),
                 .group = OptionGroup::model,
                 .flag = "--mmap,!--no-mmap",
                 .no_effect = "the file is always mapped",
                 .place = [](const OptionTargets&) { return OptionPlace(); }});
}

void add_prompt(std::vector<Option>& all) {
  using P = PromptOptions;
  all.push_back(of_prompt(text("prompt", kMostPrompt, "the prompt"), "-p,--prompt", &P::prompt));
  all.push_back(apart(typed(OptionType::messages, "messages",
                            "the prompt as a conversation: a list of {\"role\", \"content\"}"),
                      OptionGroup::prompt));
  all.push_back(of_prompt(typed(OptionType::tokens, "tokens", "the prompt as token ids: ID,ID,..."),
                          "--tokens", &P::tokens));
  all.push_back(
      of_prompt(typed(OptionType::boolean, "raw", "take the prompt as it is, without the chat template"),
                "--raw", &P::raw));
  all.push_back(
      of_prompt(text("system", kMostPrompt, "system message for the chat template"), "--system", &P::system));
  using T = TemplateOptions;
  all.push_back(
      of_template(text("chat_template", 4096,
                       "use this template instead of the file's (qa, chatml, llama3, ...); file:PATH "
                       "reads a Jinja template, on the command line alone"),
                  "--chat-template", &T::name));
  all.push_back(
      of_template(typed(OptionType::json, "chat_template_kwargs",
                        "variables of the file's template, a JSON object of true, false, numbers and "
                        "texts: {\"enable_thinking\": false}"),
                  "--chat-template-kwargs", &T::kwargs, check_template_kwargs));
  all.push_back(of_template(
      text("template_date", 10, "YYYY-MM-DD: the date that templates show the model (today's if left out)"),
      "--template-date", &T::date, check_template_date));
  all.push_back(of_prompt(
      typed(OptionType::boolean, "special",
            "whether control tokens count where the text spells them, such as </s>, or are text (default: "
            "they count with raw; of a chat template only its own)"),
      "--special,!--no-special", &P::special));
}

void add_generate(std::vector<Option>& all) {
  using G = GenerateOptions;
  using S = SamplingOptions;
  all.push_back(of_text(integer("n_predict", -1, 1 << 24, "tokens to generate at most (-1: as many as fit)"),
                        "-n,--predict,--n-predict", &G::n_predict));
  all.push_back(
      of_text(typed(OptionType::texts, "stop",
                    "text, or a control token by its name, that ends the answer and is not printed; "
                    "repeatable"),
              "--stop", &G::stop));
  all.push_back(of_text(typed(OptionType::boolean, "ignore_eos", "forbid the end token"), "--ignore-eos",
                        &G::ignore_eos));
  all.push_back(
      apart(typed(OptionType::json, "logit_bias",
                  "what is added to the scores of tokens, an object {\"ID\": -100 to 100}; -100 forbids "
                  "the token"),
            OptionGroup::generate));
  all.push_back(of_text(
      typed(OptionType::tokens, "follow", "token ids that the answer goes along, whatever it would choose"),
      "", &G::follow));
  Option grammar = of_text(text("grammar", 0, "GBNF that the text must follow"), "--grammar", &G::grammar);
  grammar.file_flag = "--grammar-file";
  all.push_back(grammar);
  all.push_back(apart(typed(OptionType::json, "json_schema",
                            "JSON schema (a subset, see docs/methods.md) that the text must follow"),
                      OptionGroup::generate, "-j,--json-schema", "--json-schema-file"));
  all.push_back(
      of_sampling(typed(OptionType::natural, "seed", "seed of the sampling"), "-s,--seed", &S::seed));
  all.push_back(of_sampling(real("temp", 0, kMost, "temperature; 0 is greedy"), "--temp", &S::temperature));
  all.push_back(
      of_sampling(integer("top_k", 0, INT32_MAX, "sample among the K best (0: all)"), "--top-k", &S::top_k));
  all.push_back(
      of_sampling(above(real("top_p", 0, 1, "sample among the best that hold P of the probability")),
                  "--top-p", &S::top_p));
  all.push_back(
      of_sampling(real("min_p", 0, 1, "sample among tokens of at least P times the best one's probability"),
                  "--min-p", &S::min_p));
  all.push_back(of_sampling(above(real("repeat_penalty", 0, kMost, "penalty on recent tokens (1: none)")),
                            "--repeat-penalty", &S::repeat_penalty));
  all.push_back(of_sampling(real("presence_penalty", -kMost, kMost, "subtracted from recent tokens"),
                            "--presence-penalty", &S::presence_penalty));
  all.push_back(of_sampling(real("frequency_penalty", -kMost, kMost, "subtracted for each occurrence"),
                            "--frequency-penalty", &S::frequency_penalty));
  all.push_back(of_sampling(integer("repeat_last_n", -1, INT32_MAX, "how many tokens are recent (-1: all)"),
                            "--repeat-last-n", &S::repeat_last_n));
  all.push_back(
      {.spec = integer("n", 1, kMaxSequence / 2, "samples of the text, their seeds in a row"),
       .group = OptionGroup::generate,
       .request = true,
       .place = [](const OptionTargets& t) { return t.n_sample ? OptionPlace(t.n_sample) : OptionPlace(); }});
  all.push_back(
      of_tokens(integer("log_probs", -1, 1000,
                        "how likely every token was, and so many of the likeliest in its place (-1: "
                        "left out)"),
                "--log-probs", &G::n_top));
  all.push_back(of_tokens(typed(OptionType::boolean, "experts", "the experts of every token, by block"),
                          "--experts", &G::routing));
}

void add_methods(std::vector<Option>& all) {
  for (const MethodOption& o : method_options())
    all.push_back(
        {.spec = o.spec,
         .group = OptionGroup::method,
         .flag = "--" + dashed(o.spec.name),
         .methods = o.methods,
         .request = true,
         .variant = std::string_view(o.spec.name) != "method",
         .place = [&o](const OptionTargets& t) { return t.method ? o.place(*t.method) : OptionPlace(); }});
}

/// What JSON schema calls the type, and its bounds.
Json property_of(const Option& option) {
  const OptionSpec& s = option.spec;
  Json out{{"description", s.help}};
  switch (s.type) {
    case OptionType::boolean:
      out["type"] = "boolean";
      break;
    case OptionType::integer:
      out["type"] = "integer";
      out["minimum"] = static_cast<int64_t>(s.low);
      out["maximum"] = static_cast<int64_t>(s.high);
      break;
    case OptionType::natural:
      out["type"] = "integer";
      out["minimum"] = 0;
      out["maximum"] = UINT64_MAX;
      break;
    case OptionType::real:
      out["type"] = "number";
      out[s.low_open ? "exclusiveMinimum" : "minimum"] = s.low;
      out[s.high_open ? "exclusiveMaximum" : "maximum"] = s.high;
      break;
    case OptionType::text:
      out["type"] = "string";
      break;
    case OptionType::word:
      out["enum"] = s.word_list();
      break;
    case OptionType::texts:
      out["anyOf"] = {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}};
      break;
    case OptionType::tokens:
      out["type"] = "array";
      out["minItems"] = 1;
      out["items"] = {{"type", "integer"}, {"minimum", 0}, {"maximum", INT32_MAX}};
      break;
    case OptionType::messages:
      out["type"] = "array";
      out["items"] = {
          {"type", "object"},
          {"required", {"role", "content"}},
          {"properties",
           {{"role", {{"enum", {"system", "user", "assistant"}}}}, {"content", {{"type", "string"}}}}}};
      break;
    case OptionType::json:
      if (option.spec.name == std::string_view("chat_template_kwargs")) out["type"] = "object";
      break;
  }
  if (option.spec.name == std::string_view("method")) {
    out["enum"] = Json::array();
    for (const MethodEntry& entry : method_registry()) out["enum"].push_back(entry.name);
  }
  if (Json value = option.default_value(); !value.is_null()) out["default"] = std::move(value);
  if (!option.flag.empty()) out["flag"] = option.long_flag();
  static const char* const kGroups[] = {"model", "prompt", "generate", "method", "detail"};
  out["group"] = kGroups[static_cast<size_t>(option.group)];
  if (!option.methods.empty()) out["methods"] = split(option.methods, ' ');
  return out;
}

}  // namespace

std::string Option::long_flag() const {
  const size_t at = flag.find("--");
  return at == std::string::npos ? "" : flag.substr(at, flag.find(',', at) - at);
}

Json Option::default_value() const {
  for (const std::string_view of_the_heads : {"iti_alpha", "iti_heads"})  // decoding/iti.h
    if (spec.name == of_the_heads) return nullptr;
  ModelOptions model;
  PromptOptions prompt;
  GenerateOptions generate;
  MethodOptions method;
  int n_sample = 1;
  Json value = option_value(place({&model, &prompt, &generate, &method, &n_sample}));
  const bool nothing = (value.is_string() && value.get_ref<const std::string&>().empty()) ||
                       (value.is_array() && value.empty());
  return nothing ? Json() : value;
}

std::span<const Option> options() {
  static const std::vector<Option> all = [] {
    std::vector<Option> out;
    add_model(out);
    add_prompt(out);
    add_methods(out);
    add_generate(out);
    return out;
  }();
  return all;
}

const Option* find_option(const std::string& name) {
  const std::string wanted = underscored(name);
  for (const Option& option : options())
    if (wanted == option.spec.name) return &option;
  return nullptr;
}

void set_option(const Option& option, const OptionTargets& targets, const Json& value) {
  check_option(option.spec, value);
  if (option.check) option.check(value);
  if (option.group == OptionGroup::method && targets.method)
    set_method_option(*targets.method, *find_method_option(option.spec.name), value);
  else
    set_option(option.spec, option.place(targets), value);
}

Json options_json() {
  Json model = Json::object(), request = Json::object();
  for (const Option& option : options()) {
    if (option.group == OptionGroup::model) model[option.spec.name] = property_of(option);
    if (option.request) request[option.spec.name] = property_of(option);
  }
  const auto schema = [](Json properties) {
    return Json{{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  };
  return {{"model", schema(std::move(model))}, {"request", schema(std::move(request))}};
}

}  // namespace rouse
