/// decoding/scmoe.cpp - SCMoE (arXiv:2405.14507): the model's strong routing against a weak routing of
/// itself.
#include "base/error.h"
#include "decoding/methods.h"
#include "decoding/two_stream.h"

namespace rouse {

std::unique_ptr<Method> scmoe(const MethodOptions& options, const MethodModels& models) {
  const RouterSpec& router = models.spec.router;
  require_usage(router.moe(),
                "scmoe contrasts two routings of a Mixture-of-Experts model; this model is dense");
  const MethodOptions o = resolved(options, router);
  Stream strong = main_stream(o, models);
  Stream weak{option_policy(o, "weak", o.weak, router), 0, strong.shift};
  return std::make_unique<TwoStream>(o, models, std::move(strong), std::move(weak));
}

}  // namespace rouse
