/// decoding/registry.cpp - every decoding method, in the order that `--help` lists them.
#include "base/error.h"
#include "base/text.h"
#include "decoding/methods.h"

namespace rouse {

static constexpr MethodEntry kMethods[] = {
    {"greedy", "the model's own logits: the best token, or with --temp above 0 a sampled one", standard},
    {"scmoe",
     "SCMoE: contrast of strong and weak routing (--weak --alpha --beta --strong-temp --weak-temp --exec)",
     scmoe},
};

std::span<const MethodEntry> method_registry() {
  return kMethods;
}

std::unique_ptr<Method> make_method(const MethodOptions& options, const RouterSpec& router,
                                    bool accelerated) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : kMethods) {
    if (options.name == entry.name) return entry.make(options, router, accelerated);
    names.emplace_back(entry.name);
  }
  throw Error(cat("unknown method \"", options.name, "\"; known: ", join(names, ", ")), Exit::usage);
}

std::string method_text(const MethodOptions& options, const RouterSpec& router) {
  return options.name == "scmoe" ? scmoe_text(options, router) : options.name;
}

}  // namespace rouse
