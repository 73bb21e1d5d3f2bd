/// eval/registry.cpp - every benchmark, in the order that `rouse eval --help` lists them.
#include "eval/tasks/tasks.h"

namespace rouse {

static const TaskEntry* const kTasks[] = {
    &kGsm8k,         &kStrategyqa, &kMbpp,       &kHumaneval,    &kTruthfulqaMc1, &kTruthfulqaMc2,
    &kTruthfulqaGen, &kFactorNews, &kFactorWiki, &kFactorExpert, &kTriviaqa,      &kArcChallenge,
    &kArcEasy,       &kMmlu,       &kWikitext,   &kLabFacts,     &kLabContrast,   &kLabArithmetic,
};

/// Published protocols, likewise.
static const TaskEntry* const kProtocols[] = {
    &kGsm8kScmoe, &kStrategyqaScmoe, &kMbppScmoe, &kHumanevalScmoe, &kGsm8kHarness,
};

std::span<const TaskEntry* const> task_registry() {
  return kTasks;
}
std::span<const TaskEntry* const> protocol_registry() {
  return kProtocols;
}

}  // namespace rouse
