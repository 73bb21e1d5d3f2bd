/// tests/own_text.h - models whose truth is known, because their text was drawn from them.
#pragma once

#include "base/random.h"
#include "base/statistics.h"
#include "calibration/budget_policy.h"
#include "calibration/corpus.h"
#include "edited.h"

namespace rouse {

/// A tiny Mixtral whose predictions are sharp, so that its own text is worth predicting: 3 layers of 8
/// experts.
inline std::string sharp_model(const TempDir& dir) {
  Edited file("mixtral.gguf");
  ggml_tensor* head = file.find("output.weight");
  auto* values = static_cast<float*>(head->data);
  for (int64_t i = 0; i < ggml_nelements(head); ++i) values[i] *= 3;
  file.write(dir / "sharp.gguf");
  return dir / "sharp.gguf";
}

/// A text that the model writes with these budgets.
inline std::vector<int> own_text(TinyModel& m, const std::vector<int>& budget, int n, Random& random) {
  BudgetPolicies policies(m.router());
  const RoutingPolicy policy = policies.make(budget);
  const SeqId seq = m.engine.open();
  std::vector<int> tokens{271};
  while (static_cast<int>(tokens.size()) < n) {
    const StepResult& r = m.engine.run({RowGroup{&policy, {{seq, tokens.back(), Output::logits}}}});
    std::vector<float> p(r.logits(0).begin(), r.logits(0).end());
    softmax(p);
    double u = random.uniform();
    size_t next = 0;
    while (next + 1 < p.size() && (u -= p[next]) > 0) ++next;
    tokens.push_back(static_cast<int>(next));
  }
  m.engine.close(seq);
  return tokens;
}

inline std::vector<Document> own_texts(TinyModel& m, const std::vector<int>& budget, int n_document,
                                       uint64_t seed) {
  Random random(seed);
  std::vector<Document> out;
  for (int d = 0; d < n_document; ++d) out.push_back({own_text(m, budget, 40, random), {}});
  choose_scored(out, 0, 1);
  return out;
}

}  // namespace rouse
