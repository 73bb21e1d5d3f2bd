#include "decoding/options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

using O = MethodOptions;

static const MethodOption kOptions[] = {
    {"method", "", "decoding method (see below)", &O::name},
    {"routing", "", "routing policy (see below); of the strong stream where there are two", &O::routing},
    {"weak", "scmoe", "weak routing (default rank:k of a top-k model)", &O::weak},
    {"amateur", "cd", "the smaller model (GGUF) of contrastive decoding; same vocabulary", &O::amateur},
    {"amateur-routing", "cd", "routing policy of the amateur", &O::amateur_routing},
    {"alpha", "scmoe cd", "a token is plausible from alpha times the best one's probability", &O::alpha},
    {"beta", "scmoe cd", "strength of the contrast", &O::beta},
    {"strong-temp", "scmoe cd", "divides the strong logits", &O::strong_temp},
    {"weak-temp", "scmoe cd", "divides the weak logits", &O::weak_temp},
    {"exec", "scmoe cd", "plain, fused, lazy or auto: the same tokens at another speed", &O::execution},
    {"dola-layers", "dola", "premature layers: low, high, or a list of them N,N,... (0: the embeddings)",
     &O::dola_layers},
    {"dola-variant", "dola", "transformers, or scmoe (the SCMoE authors': repetition penalty 1.2)",
     &O::dola_variant},
    {"relative-top", "dola", "a token is kept from so many times the best one's probability",
     &O::relative_top},
    {"final-norm", "dola", "1: premature rows pass the final norm before the head", &O::final_norm},
    {"penalty-alpha", "contrastive", "weight of the degeneration penalty", &O::penalty_alpha},
    {"candidates", "contrastive", "how many of the best tokens are tried", &O::candidates},
    {"beams", "beam", "hypotheses kept", &O::beams},
    {"length-penalty", "beam", "a finished text scores its log-probability over length to this power",
     &O::length_penalty},
    {"iti", "", "shift attention heads by this file of `rouse iti fit` (inference-time intervention)",
     &O::iti},
    {"iti-alpha", "", "strength of the shift, in standard deviations", &O::iti_alpha},
    {"iti-heads", "", "how many of the best heads are shifted", &O::iti_heads},
};

std::span<const MethodOption> method_options() {
  return kOptions;
}

bool set_method_option(MethodOptions& options, std::string name, const std::string& value) {
  std::replace(name.begin(), name.end(), '_', '-');
  const auto found =
      std::find_if(std::begin(kOptions), std::end(kOptions), [&](const auto& o) { return name == o.name; });
  if (found == std::end(kOptions)) return false;
  options.given.insert(name);
  if (const auto* text = std::get_if<std::string O::*>(&found->member)) {
    options.** text = value;
  } else if (const auto* real = std::get_if<float O::*>(&found->member)) {
    const auto number = parse_double(value);
    require_usage(number && std::abs(*number) <= std::numeric_limits<float>::max(), name, ": \"", value,
                  "\" is not a number");
    options.** real = static_cast<float>(*number);
  } else {
    const auto number = parse_int(value);
    require_usage(number && *number >= INT32_MIN && *number <= INT32_MAX, name, ": \"", value,
                  "\" is not a whole number");
    options.*std::get<int O::*>(found->member) = static_cast<int>(*number);
  }
  return true;
}

static bool reads(const MethodOption& option, const std::string& method) {
  return !*option.methods || cat(" ", option.methods, " ").find(cat(" ", method, " ")) != std::string::npos;
}

bool method_reads(const std::string& method, const std::string& option) {
  return std::any_of(std::begin(kOptions), std::end(kOptions),
                     [&](const MethodOption& o) { return option == o.name && reads(o, method); });
}

void check_given(const MethodOptions& options) {
  for (const MethodOption& option : kOptions)
    require_usage(!options.given.count(option.name) || reads(option, options.name), "--", option.name,
                  " has no effect on method ", options.name, "; it is for ", option.methods);
  const bool shifted = !options.iti.empty();
  for (const char* name : {"iti-alpha", "iti-heads"})
    require_usage(shifted || !options.given.count(name), "--", name, " has no effect without --iti");
}

std::string method_text(const MethodOptions& options) {
  std::vector<std::string> parts;
  const MethodOptions usual;
  for (const MethodOption& option : kOptions) {
    const std::string name = option.name;
    if (name == "method" || name == "routing" || !reads(option, options.name)) continue;
    if (options.iti.empty() && name.rfind("iti", 0) == 0) continue;
    std::string value;
    if (const auto* text = std::get_if<std::string O::*>(&option.member))
      value = options.**text;
    else if (const auto* real = std::get_if<float O::*>(&option.member))
      value = cat(options.**real);
    else
      value = cat(options.*std::get<int O::*>(option.member));
    const bool neutral = (name == "strong-temp" && options.strong_temp == 1) ||
                         (name == "weak-temp" && options.weak_temp == 1) ||
                         (name == "final-norm" && !options.final_norm) ||
                         (name == "amateur-routing" && value == usual.amateur_routing) ||
                         (name == "dola-variant" && value == usual.dola_variant) ||
                         (name == "length-penalty" && options.length_penalty == 1);
    if (neutral || value.empty()) continue;
    if (name == "amateur" || name == "iti") value = value.substr(value.find_last_of('/') + 1);
    parts.push_back(cat(name, "=", value));
  }
  return parts.empty() ? options.name : cat(options.name, "(", join(parts, ","), ")");
}

}  // namespace rouse
