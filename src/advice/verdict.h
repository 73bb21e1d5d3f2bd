/// advice/verdict.h - whether a method does better than the model as it is, by evidence: paired differences
/// on the same documents or items, tests corrected over all that were made, and words for what comes of them.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/statistics.h"

namespace rouse {

enum class Verdict { helps, no_evidence, hurts };
/// "helps", "no evidence", "hurts".
const char* verdict_text(Verdict verdict);
constexpr double kVerdictLevel = 0.05;  ///< of p, two-sided, corrected by Holm

/// One method measured against the model as it is.
struct Measured {
  std::string method;  ///< as variants are written
  std::string on;      ///< what it was measured on: "text, hard tokens", "gsm8k"
  std::string metric;  ///< "NLL", "acc"
  std::string unit;    ///< of the values: "nats a token", "%"
  bool low_is_good = false;
  int64_t n = 0;           ///< tokens or items
  int64_t n_group = 0;     ///< what is resampled: documents or items
  double before = 0;       ///< the model as it is
  double change = 0;       ///< with the method, less that
  Interval interval;       ///< 95%, by bootstrap over groups
  double p = 1;            ///< two-sided
  double p_corrected = 1;  ///< by judge()
  Verdict verdict = Verdict::no_evidence;
};

/// Of documents: `change[d]` is the sum over count[d] tokens of what changed, `before[d]` that of what it
/// was. Documents without a token do not count. p by random signs of the documents' sums.
Measured measured_on_documents(const std::vector<double>& before, const std::vector<double>& change,
                               const std::vector<int>& count, uint64_t seed);

/// Holm over all rows; verdicts.
void judge(std::vector<Measured>& rows);

/// A method over all that it was measured on.
struct MethodVerdict {
  std::string method;
  Verdict verdict = Verdict::no_evidence;
  std::string text;  ///< "helps on gsm8k, hurts on text, all tokens"
};
/// In the order in which methods come first. Helps where a row does and none hurts, hurts where a row does
/// and none helps; where both, no verdict is right for all uses: no evidence, and the text says so.
std::vector<MethodVerdict> method_verdicts(const std::vector<Measured>& rows);

Json measured_json(const Measured& row);

}  // namespace rouse
