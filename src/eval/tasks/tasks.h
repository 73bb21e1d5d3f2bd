/// eval/tasks/tasks.h - the benchmarks behind the table in registry.cpp.
#pragma once

#include "eval/task.h"

namespace rouse {

extern const TaskEntry kGsm8k, kStrategyqa, kMbpp, kHumaneval, kTruthfulqaMc1, kTruthfulqaMc2, kTruthfulqaGen,
    kFactorNews, kFactorWiki, kFactorExpert, kTriviaqa, kArcChallenge, kArcEasy, kMmlu, kWikitext, kLabFacts,
    kLabContrast, kLabArithmetic;

}  // namespace rouse
