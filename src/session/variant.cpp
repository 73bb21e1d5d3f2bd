#include "session/variant.h"

#include <algorithm>

#include "base/error.h"
#include "base/quoting.h"

namespace rouse {

MethodOptions parse_variant(const std::string& text) {
  MethodOptions m;
  std::vector<std::string> words = split_quoted(text, " \t\r\n\v\f");
  std::erase(words, "");
  const std::string first = words.empty() ? "" : unquote(words[0]);
  const bool is_method =
      std::ranges::any_of(method_registry(), [&](const MethodEntry& e) { return first == e.name; });
  (is_method ? m.name : m.routing) = first;
  if (!is_method) m.given.insert("routing");
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = find_unquoted(words[i], "=");
    require_usage(equals != std::string::npos, "method \"", text, "\": \"", words[i], "\" is not name=value");
    const std::string key = words[i].substr(0, equals);
    require_usage(key != "method" && set_method_option(m, key, unquote(words[i].substr(equals + 1))),
                  "method \"", text, "\": unknown option ", key);
  }
  return m;
}

/// The policy with the folder of its file left out: "plan:out/x.json,lambda=0.1" is "plan:x.json,lambda=0.1".
static std::string policy_label(const std::string& policy) {
  const size_t begin = policy.find(':') + 1;
  if (!policy.starts_with("plan:") && !policy.starts_with("replay:")) return policy;
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
