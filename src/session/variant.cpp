#include "session/variant.h"

#include <algorithm>

#include "base/error.h"
#include "base/quoting.h"
#include "session/options.h"

namespace rouse {

/// "name=value" of a variant.
static void set_word(MethodOptions& method, const std::string& word) {
  const size_t equals = find_unquoted(word, "=");
  require_usage(equals != std::string::npos, "\"", word, "\" is not name=value");
  const std::string name = word.substr(0, equals);
  const Option* option = find_option(name);
  if (!option || !option->variant) {
    std::vector<std::string> known;
    for (const Option& o : options())
      if (o.variant) known.emplace_back(o.spec.name);
    throw Error(cat("unknown option ", name, did_you_mean(underscored(name), known)), ErrorKind::usage, name);
  }
  set_option(*option, {.method = &method}, option_literal(option->spec, unquote(word.substr(equals + 1))));
}

MethodOptions parse_variant(const std::string& text) {
  MethodOptions m;
  std::vector<std::string> words = split_quoted(text, " \t\r\n\v\f");
  std::erase(words, "");
  const std::string first = words.empty() ? "" : unquote(words[0]);
  const bool is_method =
      std::ranges::any_of(method_registry(), [&](const MethodEntry& e) { return first == e.name; });
  (is_method ? m.name : m.routing) = first;
  if (!is_method) m.given.insert("routing");
  for (size_t i = 1; i < words.size(); ++i) try {
      set_word(m, words[i]);
    } catch (const Error& e) {
      throw e.within(cat("method \"", text, "\""));
    }
  return m;
}

/// The policy with the folders of its files left out: "plan:out/x.json,lambda=0.1" is
/// "plan:x.json,lambda=0.1".
static std::string policy_label(const std::string& policy) {
  if (const size_t steer = find_unquoted(policy, "+steer:"); steer != std::string::npos)
    return policy_label(policy.substr(0, steer)) + "+" + policy_label(policy.substr(steer + 1));
  const size_t begin = policy.find(':') + 1;
  if (!policy.starts_with("plan:") && !policy.starts_with("replay:") && !policy.starts_with("steer:"))
    return policy;
  const std::string_view rest = std::string_view(policy).substr(begin);
  const size_t end = std::min({rest.size(), find_unquoted(rest, ","), find_unquoted(rest, "+")});
  const std::string path = unquote(rest.substr(0, end));
  return cat(policy.substr(0, begin), quote(path.substr(path.find_last_of('/') + 1)), rest.substr(end));
}

std::string variant_label(const std::string& method, const std::string& policy) {
  if (policy == "topk") return method;
  const std::string routing = policy_label(policy);
  return method == "greedy" ? routing : cat(method, " ", routing);
}

std::string variant_label(const MethodOptions& method, const RoutingPolicy& policy) {
  return variant_label(method_text(method), policy.text());
}

}  // namespace rouse
