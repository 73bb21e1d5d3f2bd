/// decoding/registry.cpp - every decoding method, in the order that `--help` lists them.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/known.h"
#include "base/quoting.h"
#include "base/text.h"
#include "decoding/files.h"
#include "decoding/methods.h"

namespace rouse {

static constexpr MethodEntry kMethods[] = {
    {.name = "greedy",
     .help = "the model's own logits: the best token, or with a temperature above 0 a sampled one",
     .make = standard},
    {.name = "scmoe",
     .help = "SCMoE: contrast of strong and weak routing of the model",
     .make = scmoe,
     .n_cell = [](const MethodOptions&, int64_t n_ctx) { return 2 * n_ctx; }},
    {.name = "cd",
     .help = "contrastive decoding: contrast with a smaller model (the option amateur)",
     .make = contrastive_decoding,
     .amateur = true},
    {.name = "dola",
     .help = "DoLa: contrast with the logits of an early layer",
     .make = dola,
     .likelihood = false},
    {.name = "contrastive",
     .help = "contrastive search: probable candidates that do not repeat the context",
     .make = contrastive_search,
     .samples = false,
     .scores = false,
     .n_cell = [](const MethodOptions& o, int64_t n_ctx) { return n_ctx + o.candidates; }},
    {.name = "roe",
     .help = "RoE: the mean of the logits of several routes of every token",
     .make = roe,
     .n_cell = [](const MethodOptions& o, int64_t n_ctx) { return o.routes * n_ctx; }},
    {.name = "beam",
     .help = "beam search: the most probable text that N hypotheses find",
     .make = beam_search,
     .samples = false,
     .grammar = false,
     .scores = false,
     .n_cell = [](const MethodOptions& o, int64_t n_ctx) { return (o.beams + 1) * n_ctx; }},
};

std::span<const MethodEntry> method_registry() {
  return kMethods;
}

const MethodEntry& method_entry(const std::string& name) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : kMethods) {
    if (name == entry.name) return entry;
    names.emplace_back(entry.name);
  }
  throw Error(cat("unknown method \"", name, "\"", known_names(name, names)), ErrorKind::usage, "method");
}

std::unique_ptr<Method> make_method(const MethodOptions& options, const MethodModels& models) {
  const MethodEntry& entry = method_entry(options.name);
  check_given(options);
  require_option(options.routing_per_sample.empty(), "routing_per_sample",
                 " is for several samples of one text");
  require_of(!entry.amateur || models.amateur, ErrorKind::usage, "amateur", "method ", options.name,
             " contrasts with a second model, and none was given");
  return entry.make(options, models);
}

std::vector<std::shared_ptr<const Method>> sample_methods(const MethodOptions& options, int n,
                                                          const MethodModels& models) {
  std::map<std::string, std::shared_ptr<const Method>> by_routing;
  std::vector<std::shared_ptr<const Method>> out;
  for (int i = 0; i < n; ++i) {
    const MethodOptions sample = of_sample(options, i);
    auto& made = by_routing[sample.routing];
    if (!made) made = make_method(sample, models);
    out.push_back(made);
  }
  return out;
}

int64_t n_cell(const MethodOptions& options, int64_t n_ctx) {
  const MethodEntry& entry = method_entry(options.name);
  return entry.n_cell ? entry.n_cell(options, n_ctx) : n_ctx;
}

int most_experts(const MethodOptions& options, const RouterSpec& router) {
  if (!router.moe()) return 0;
  const MethodOptions o = resolved(options, router);
  std::vector<std::pair<const char*, std::string>> texts{
      {"routing", o.routing}, {"weak", o.weak}, {"route_policy", o.route_policy}};
  for (const std::string& text : split_quoted(o.routing_per_sample, ","))
    texts.emplace_back("routing_per_sample", unquote(text));
  int most = 0;
  for (const auto& [option, text] : texts) {
    if (!text.empty()) most = std::max(most, option_policy(o, option, text, router).most_experts());
  }
  return most;
}

MethodOptions resolved(MethodOptions options, const RouterSpec& router) {
  if (options.weak.empty() && options.name == "scmoe") options.weak = router.published_weak();
  if (options.route_policy.empty() && options.name == "roe")
    options.route_policy =
        cat("explore:", router.n_expert_used, ",keep=0,pool=", router.n_selectable(), ",temp=0.5",
            options.routing.substr(std::min(options.routing.size(), find_unquoted(options.routing, "+"))));
  if (!options.iti.empty()) {
    const MethodOptions usual;  // the paper's, of the paper's model
    const auto left_out = [&](const char* name, auto MethodOptions::*value) {
      return !options.given.count(name) && options.*value == usual.*value;
    };
    const bool heads = left_out("iti-heads", &MethodOptions::iti_heads),
               alpha = left_out("iti-alpha", &MethodOptions::iti_alpha);
    if (!heads && !alpha) return options;
    const auto file = files_of(options).iti(options.iti);
    if (heads) options.iti_heads = usual_iti_heads(file->n_layer * file->n_head);
    if (alpha) options.iti_alpha = usual_iti_alpha(file->n_head * file->width);
  }
  return options;
}

RoutingPolicy option_policy(const MethodOptions& options, const char* option, const std::string& text,
                            const RouterSpec& router) {
  try {
    return RoutingPolicy(text, router, files_of(options));
  } catch (const Error& e) {
    throw e.subject().empty() ? Error(e.what(), e.kind(), option) : e;
  }
}

Stream main_stream(const MethodOptions& options, const MethodModels& models) {
  const MethodFiles& files = files_of(options);
  Stream stream{option_policy(options, "routing", options.routing, models.spec.router)};
  if (!options.iti.empty()) {
    models.abilities.need(models.abilities.shifts, "iti", "shifts of heads");
    const MethodOptions o = resolved(options, models.spec.router);
    stream.shift = head_shift(*files.iti(o.iti), models.spec, o.iti_alpha, o.iti_heads);
  }
  return stream;
}

std::string method_table() {
  std::string out =
      "| method | any routing policy, ITI | sampling, penalties, self-consistency | grammar, JSON schema | "
      "scores "
      "a given text |\n|---|---|---|---|---|\n";
  const auto yes = [](bool value) { return value ? "yes" : "no"; };
  for (const MethodEntry& e : kMethods)
    out +=
        cat("| `", e.name, "` | yes | ", yes(e.samples), " | ", yes(e.grammar), " | ", yes(e.scores), " |\n");
  return out;
}

Room Method::room(int model, int n_prompt, int n_predict) const {
  Room room;
  for (const Stream& s : streams()) room.streams += s.model == model;
  room.cells = room.streams * (n_prompt + n_predict);
  return room;
}

static constexpr const char* kNoDistribution =
    "this method's score is not a distribution, so it cannot score a given text";

double Method::score(std::span<const Answer>, int, float) const {
  throw Error(kNoDistribution, ErrorKind::usage);
}

std::vector<int> Method::likeliest(std::span<const Answer>, size_t) const {
  throw Error(kNoDistribution, ErrorKind::usage);
}

}  // namespace rouse
