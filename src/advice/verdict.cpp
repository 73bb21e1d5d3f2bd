#include "advice/verdict.h"

#include <algorithm>

#include "base/text.h"
#include "calibration/certify.h"

namespace rouse {

const char* verdict_text(Verdict verdict) {
  return verdict == Verdict::helps ? "helps" : verdict == Verdict::hurts ? "hurts" : "no evidence";
}

Measured measured_on_documents(const std::vector<double>& before, const std::vector<double>& change,
                               const std::vector<int>& count, uint64_t seed) {
  Measured out;
  std::vector<double> sums;
  std::vector<int> counts;
  double total = 0;
  for (size_t d = 0; d < count.size(); ++d) {
    if (count[d] == 0) continue;
    sums.push_back(change[d]), counts.push_back(count[d]);
    total += before[d], out.n += count[d];
  }
  out.n_group = static_cast<int64_t>(sums.size());
  if (sums.empty()) return out;
  const MeanChange mean = mean_change(sums, counts, seed);
  out.before = total / static_cast<double>(out.n);
  out.change = mean.mean;
  out.interval = {mean.low, mean.high};
  out.p = sign_flip_p(sums, seed);
  return out;
}

void judge(std::vector<Measured>& rows) {
  std::vector<double> p;
  for (const Measured& row : rows) p.push_back(row.p);
  const std::vector<double> corrected = holm(p);
  for (size_t i = 0; i < rows.size(); ++i) {
    Measured& row = rows[i];
    row.p_corrected = corrected[i];
    const double gain = row.low_is_good ? -row.change : row.change;
    const bool sure = row.p_corrected < kVerdictLevel && gain != 0;
    row.verdict = !sure ? Verdict::no_evidence : gain > 0 ? Verdict::helps : Verdict::hurts;
  }
}

std::vector<MethodVerdict> method_verdicts(const std::vector<Measured>& rows) {
  std::vector<MethodVerdict> out;
  for (const Measured& first : rows) {
    if (std::ranges::count(out, first.method, &MethodVerdict::method)) continue;
    std::vector<std::string> helps, hurts;
    for (const Measured& row : rows)
      if (row.method == first.method && row.verdict != Verdict::no_evidence)
        (row.verdict == Verdict::helps ? helps : hurts).push_back(row.on);
    MethodVerdict& v = out.emplace_back(MethodVerdict{first.method, Verdict::no_evidence, "no evidence"});
    if (helps.empty() && hurts.empty()) continue;
    if (hurts.empty()) v.verdict = Verdict::helps;
    if (helps.empty()) v.verdict = Verdict::hurts;
    v.text = helps.empty() ? "" : cat("helps on ", join(helps, " and "));
    if (!hurts.empty()) v.text += cat(v.text.empty() ? "" : ", ", "hurts on ", join(hurts, " and "));
  }
  return out;
}

Json measured_json(const Measured& row) {
  return {{"method", row.method},
          {"on", row.on},
          {"metric", row.metric},
          {"unit", row.unit},
          {"low_is_good", row.low_is_good},
          {"n", row.n},
          {"n_group", row.n_group},
          {"before", row.before},
          {"change", row.change},
          {"interval", {row.interval.low, row.interval.high}},
          {"p", row.p},
          {"p_corrected", row.p_corrected},
          {"verdict", verdict_text(row.verdict)}};
}

}  // namespace rouse
