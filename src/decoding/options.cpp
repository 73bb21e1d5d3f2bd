#include "decoding/options.h"

#include <algorithm>
#include <limits>

#include "base/quoting.h"
#include "base/text.h"
#include "routing/later_seed.h"

namespace rouse {

using O = MethodOptions;

namespace {

constexpr double kMost = std::numeric_limits<float>::max();
constexpr size_t kMostPolicy = 1 << 16, kMostPath = 4096;

constexpr OptionSpec text(const char* name, const char* help, size_t most = 1024) {
  return {.name = name, .help = help, .type = OptionType::text, .high = static_cast<double>(most)};
}
constexpr OptionSpec words(const char* name, const char* help, const char* words) {
  return {.name = name, .help = help, .type = OptionType::word, .words = words};
}
constexpr OptionSpec integer(const char* name, const char* help, int low, int high) {
  return {.name = name,
          .help = help,
          .type = OptionType::integer,
          .low = static_cast<double>(low),
          .high = static_cast<double>(high)};
}
constexpr OptionSpec real(const char* name, const char* help, double low, double high) {
  return {.name = name, .help = help, .type = OptionType::real, .low = low, .high = high};
}
constexpr OptionSpec above(OptionSpec spec) {
  spec.low_open = true;
  return spec;
}

const MethodOption kOptions[] = {
    {text("method", "decoding method (see below)"), "", &O::name},
    {text("routing", "routing policy (see below); of the strong stream where there are two", kMostPolicy), "",
     &O::routing},
    {text("weak",
          "weak routing (default the published one: rank:k of a top-k model for k up to 2, topk:1 above)",
          kMostPolicy),
     "scmoe", &O::weak},
    {text("amateur", "the smaller model (GGUF) of contrastive decoding; same vocabulary", kMostPath), "cd",
     &O::amateur},
    {text("amateur_routing", "routing policy of the amateur", kMostPolicy), "cd", &O::amateur_routing},
    {above(real("alpha", "a token is plausible from alpha times the best one's probability", 0, 1)),
     "scmoe cd", &O::alpha},
    {real("beta", "strength of the contrast", 0, 1e6), "scmoe cd", &O::beta},
    {real("strong_temp", "divides the strong logits", 1e-3, 1e3), "scmoe cd", &O::strong_temp},
    {real("weak_temp", "divides the weak logits", 1e-3, 1e3), "scmoe cd", &O::weak_temp},
    {words("exec", "the same tokens at another speed", "plain fused lazy auto"), "scmoe cd", &O::execution},
    {text("dola_layers", "premature layers: low, high, or a list of them N,N,... (0: the embeddings)"),
     "dola", &O::dola_layers},
    {words("dola_variant", "whose DoLa; scmoe is the SCMoE authors' (repetition penalty 1.2)",
           "transformers scmoe"),
     "dola", &O::dola_variant},
    {real("relative_top", "a token is kept from so many times the best one's probability", 0, 1), "dola",
     &O::relative_top},
    {integer("final_norm", "1: premature rows pass the final norm before the head", 0, 1), "dola",
     &O::final_norm},
    {real("penalty_alpha", "weight of the degeneration penalty", 0, 1), "contrastive", &O::penalty_alpha},
    {integer("candidates", "how many of the best tokens are tried", 1, 64), "contrastive", &O::candidates},
    {integer("routes", "rows of every token, each by another route", 1, 64), "roe", &O::routes},
    {text("route_policy",
          "policy of the routes behind the first, their seeds in a row (default the model's top-k under "
          "Gumbel "
          "noise: explore:K,keep=0,pool=E,temp=0.5 of K of E experts)",
          kMostPolicy),
     "roe", &O::route_policy},
    {integer("beams", "hypotheses kept", 1, 64), "beam", &O::beams},
    {real("length_penalty", "a finished text scores its log-probability over length to this power", -20, 20),
     "beam", &O::length_penalty},
    {text("routing_per_sample",
          "policies of several samples of a text, in turn: topk:6,topk:8,...; one with commas in quotes; "
          "seeds "
          "move on from sample to sample",
          kMostPolicy),
     "", &O::routing_per_sample},
    {text("iti", "shift attention heads by this file of `rouse iti fit` (inference-time intervention)",
          kMostPath),
     "", &O::iti},
    {real("iti_alpha",
          "strength of the shift, in standard deviations; left out: in proportion to the model's width, 15 "
          "at LLaMA-7B's",
          -kMost, kMost),
     "", &O::iti_alpha},
    {integer("iti_heads",
             "how many of the best heads are shifted; left out: 48 of every 1024 that the model has", 1,
             INT32_MAX),
     "", &O::iti_heads},
};

}  // namespace

std::span<const MethodOption> method_options() {
  return kOptions;
}

OptionPlace MethodOption::place(MethodOptions& options) const {
  return std::visit([&](auto m) { return OptionPlace(&(options.*m)); }, member);
}

const MethodOption* find_method_option(const std::string& name) {
  const auto found =
      std::find_if(std::begin(kOptions), std::end(kOptions),
                   [wanted = underscored(name)](const MethodOption& o) { return wanted == o.spec.name; });
  return found == std::end(kOptions) ? nullptr : found;
}

void set_method_option(MethodOptions& options, const MethodOption& option, const Json& value) {
  set_option(option.spec, option.place(options), value);
  options.given.insert(dashed(option.spec.name));
}

bool set_method_option(MethodOptions& options, const std::string& name, const std::string& value) {
  const MethodOption* option = find_method_option(name);
  if (option) set_method_option(options, *option, option_literal(option->spec, value));
  return option != nullptr;
}

static bool reads(const MethodOption& option, const std::string& method) {
  return !*option.methods || cat(" ", option.methods, " ").find(cat(" ", method, " ")) != std::string::npos;
}

bool method_reads(const std::string& method, const std::string& option) {
  const MethodOption* found = find_method_option(option);
  return found && reads(*found, method);
}

void check_given(const MethodOptions& options) {
  for (const MethodOption& option : kOptions)
    require_option(!options.given.count(dashed(option.spec.name)) || reads(option, options.name),
                   option.spec.name, " has no effect on method ", options.name, "; it is for ",
                   option.methods);
  const bool shifted = !options.iti.empty();
  for (const char* name : {"iti_alpha", "iti_heads"})
    require_option(shifted || !options.given.count(dashed(name)), name, " has no effect without iti");
}

MethodOptions of_sample(const MethodOptions& options, int i) {
  MethodOptions out = options;
  if (options.routing_per_sample.empty()) return out;
  const std::vector<std::string> policies = split_quoted(options.routing_per_sample, ",");
  const std::string& policy = policies[static_cast<size_t>(i) % policies.size()];
  out.routing = with_later_seed(unquote(policy), static_cast<uint64_t>(i));
  out.routing_per_sample.clear();
  out.given.erase("routing-per-sample");
  return out;
}

bool samples_differ(const MethodOptions& options, int n_sample) {
  std::set<std::string> routings;
  for (int i = 0; i < n_sample; ++i) routings.insert(of_sample(options, i).routing);
  return static_cast<int>(routings.size()) == n_sample;
}

std::string method_text(const MethodOptions& options) {
  std::vector<std::string> parts;
  MethodOptions usual, own = options;
  for (const MethodOption& option : kOptions) {
    const std::string name = dashed(option.spec.name);
    if (name == "method" || name == "routing" || !reads(option, options.name)) continue;
    if (options.iti.empty() && name.rfind("iti", 0) == 0) continue;
    std::string value = std::visit([&](auto member) { return cat(options.*member); }, option.member);
    const bool usually_left_out = name == "strong-temp" || name == "weak-temp" || name == "final-norm" ||
                                  name == "amateur-routing" || name == "dola-variant" ||
                                  name == "length-penalty";
    const bool neutral =
        usually_left_out && option_value(option.place(own)) == option_value(option.place(usual));
    if (neutral || value.empty()) continue;
    if (name == "amateur" || name == "iti") value = value.substr(value.find_last_of('/') + 1);
    parts.push_back(cat(name, "=", value));
  }
  return parts.empty() ? options.name : cat(options.name, "(", join(parts, ","), ")");
}

}  // namespace rouse
