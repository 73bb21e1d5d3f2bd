/// eval/tasks/tasks.h - the benchmarks behind the table in registry.cpp.
#pragma once

#include "eval/task.h"

namespace rouse {

extern const TaskEntry kGsm8k, kStrategyqa, kMbpp, kHumaneval, kTruthfulqaMc1, kTruthfulqaMc2, kTruthfulqaGen,
    kFactorNews, kFactorWiki, kFactorExpert, kTriviaqa, kArcChallenge, kArcEasy, kMmlu, kWikitext, kLabFacts,
    kLabContrast, kLabArithmetic;

/// Under published protocols.
extern const TaskEntry kGsm8kScmoe, kGsm8kHarness, kStrategyqaScmoe, kMbppScmoe, kHumanevalScmoe;

}  // namespace rouse
