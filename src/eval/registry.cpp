/// eval/registry.cpp - every benchmark, in the order that `rouse eval --help` lists them.
#include "eval/tasks/tasks.h"

namespace rouse {

static const TaskEntry* const kTasks[] = {
    &kGsm8k,         &kStrategyqa, &kMbpp,       &kHumaneval,    &kTruthfulqaMc1, &kTruthfulqaMc2,
    &kTruthfulqaGen, &kFactorNews, &kFactorWiki, &kFactorExpert, &kTriviaqa,      &kArcChallenge,
    &kArcEasy,       &kMmlu,       &kWikitext,   &kLabFacts,     &kLabContrast,   &kLabArithmetic,
};

std::span<const TaskEntry* const> task_registry() {
  return kTasks;
}

}  // namespace rouse
