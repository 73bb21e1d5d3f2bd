#include "session/methods_json.h"

#include "routing/policy.h"
#include "session/options.h"

namespace rouse {

Json methods_json() {
  Json methods = Json::array(), policies = Json::array();
  for (const MethodEntry& e : method_registry())
    methods.push_back({{"name", e.name}, {"help", e.help}, {"log_probs", e.samples}});
  for (const ChoiceEntry& e : choice_registry()) policies.push_back({{"usage", e.usage}, {"help", e.help}});
  return {{"methods", methods}, {"policies", policies}, {"request", options_json()["request"]}};
}

}  // namespace rouse
