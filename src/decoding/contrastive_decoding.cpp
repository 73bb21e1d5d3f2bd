/// decoding/contrastive_decoding.cpp - contrastive decoding (arXiv:2210.15097, arXiv:2309.09117): SCMoE's
/// formula with a second, smaller model that shares the vocabulary as the weak side.
#include "decoding/methods.h"
#include "decoding/two_stream.h"

namespace rouse {

std::unique_ptr<Method> contrastive_decoding(const MethodOptions& options, const MethodModels& models) {
  return std::make_unique<TwoStream>(
      options, models, main_stream(options, models),
      Stream{option_policy(options, "amateur_routing", options.amateur_routing, models.amateur->router), 1});
}

}  // namespace rouse
