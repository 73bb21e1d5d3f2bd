/// routing/registry.cpp - every way to choose experts, in the order that `--help` lists them.
#include "routing/choices.h"

namespace rouse {

static constexpr ChoiceEntry kChoices[] = {
    {"topk", "topk[:K]",
     "the K experts with the highest score; the model's own rule without K. topk:K,anchored divides by the "
     "gates of the trained K",
     top_k},
    {"rank", "rank:J", "only the J-th best expert (SCMoE's weak stream)", rank},
    {"random", "random:N[,seed=S]",
     "N experts drawn uniformly, the same for the same seed, layer and position", random_choice, nullptr,
     true},
    {"explore", "explore[:K]",
     "the M best, and K - M of the next P drawn by gate^(1/T) (Expert-Sample); also keep=M, pool=P, temp=T, "
     "seed=S",
     explore, nullptr, true},
    {"dynamic", "dynamic:P[,max=K]", "the shortest prefix of ranks whose gates sum past P", dynamic},
    {"plan", "plan:FILE[,lambda=L]",
     "Counterfactual Routing: what `rouse calibrate` measured; also layers-only, experts-only, k=K, kmax=M, "
     "anchored, any-quant",
     nullptr, plan},
    {"replay", "replay:TRACE", "the experts recorded by `rouse trace`; TRACE,gates: and their weights",
     nullptr, replay},
};

std::span<const ChoiceEntry> choice_registry() {
  return kChoices;
}

}  // namespace rouse
