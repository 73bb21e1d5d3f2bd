#include "calibration/whatif.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/statistics.h"

namespace rouse {

std::string ExpertQuestion::text() const {
  return cat(ban ? "ban " : "force ", expert.first, ".", expert.second);
}

namespace {

/// One answer a question, in their order; the rows of a block run together.
Json ask(Probe& probe, const Tokenizer& tokenizer, const Document& document,
         const std::vector<int>& positions, const std::vector<ExpertQuestion>& questions,
         const std::function<void(double)>& progress, const std::atomic<bool>* stop) {
  std::map<int, std::vector<size_t>> by_layer;
  for (size_t q = 0; q < questions.size(); ++q) by_layer[questions[q].expert.first].push_back(q);
  std::vector<Json> answers(questions.size());
  double done = 0;
  for (const auto& [layer, some] : by_layer) {
    std::vector<Counterfactual> rows;
    for (const size_t q : some)
      for (const int token : positions)
        rows.push_back(
            {token, questions[q].expert.second, questions[q].ban ? Treatment::ban : Treatment::force});
    const std::vector<double> losses = probe.intervene(layer, rows);
    for (size_t i = 0; i < some.size(); ++i) {
      const auto after = std::span(losses).subspan(i * positions.size(), positions.size());
      Json tokens = Json::array();
      double sum = 0;
      for (size_t p = 0; p < positions.size(); ++p) {
        const double change = probe.kept_losses()[p] - after[p];  // of the log-probability
        sum += change;
        tokens.push_back({{"position", positions[p]},
                          {"token", tokenizer.piece(document.tokens[static_cast<size_t>(positions[p])])},
                          {"logprob", -probe.kept_losses()[p]},
                          {"change", change}});
      }
      answers[some[i]] = {{"what", questions[some[i]].text()}, {"change", sum}, {"tokens", tokens}};
    }
    if (progress) progress((done += 1) / static_cast<double>(by_layer.size()));
    if (stop && *stop) throw Error("interrupted", ErrorKind::interrupted);
  }
  return answers;
}

/// The experts of a block that may be treated so for a token: those chosen banned, the others forced.
std::vector<int> alike(const Probe& probe, const RouterSpec& router, int layer, int position, bool ban) {
  const std::vector<int>& chosen = probe.experts(layer, position);
  std::vector<int> out;
  for (int e = 0; e < router.n_expert; ++e)
    if ((std::count(chosen.begin(), chosen.end(), e) > 0) == ban) out.push_back(e);
  return out;
}

Json control_of(std::vector<double> changes) {
  if (changes.empty()) return nullptr;
  std::sort(changes.begin(), changes.end());
  return {{"experts", changes.size()},
          {"mean", mean(changes)},
          {"range", {quantile(changes, 0.025), quantile(changes, 0.975)}}};
}

/// Each answer beside those of the block's other experts that were treated alike.
void add_controls(const std::vector<ExpertQuestion>& questions, size_t n_asked, Json& answers) {
  for (size_t q = 0; q < n_asked; ++q) {
    std::map<int, double> others;
    for (size_t i = 0; i < questions.size(); ++i)
      if (questions[i].expert.first == questions[q].expert.first && questions[i].ban == questions[q].ban &&
          questions[i].expert.second != questions[q].expert.second)
        others[questions[i].expert.second] = answers[i]["change"].get<double>();
    std::vector<double> changes;
    for (const auto& [expert, change] : others) changes.push_back(change);
    answers[q]["control"] = control_of(std::move(changes));
  }
}

}  // namespace

Json what_if(Engine& engine, const Tokenizer& tokenizer, const WhatIf& o,
             const std::function<void(double)>& progress, const std::atomic<bool>* stop) {
  const RouterSpec& router = engine.spec().router;
  require_usage(router.moe(), "a dense model has no experts to ban or force");
  const auto n_prompt = static_cast<int>(o.prompt.size()), n = static_cast<int>(o.continuation.size());
  require_usage(n_prompt > 0 && n > 0, "the prompt or the continuation is empty");
  require_option(o.token >= 0 && o.token <= n, "token", " is ", o.token, ", the continuation has ", n,
                 " tokens");
  Document document{o.prompt, {}};
  document.tokens.insert(document.tokens.end(), o.continuation.begin(), o.continuation.end());
  std::vector<int> positions;
  for (int i = 1; i <= n; ++i)
    if (o.token == 0 || o.token == i) positions.push_back(n_prompt + i - 1);
  require_option(!o.rank || positions.size() == 1, "rank", " wants one token of the continuation, not ",
                 positions.size());

  ProbeOptions options;
  options.routing = o.routing;
  options.files = o.files;
  Probe probe(engine, options);
  probe.keep(document, positions);
  require_option(!o.control || positions.size() == 1, "control", " wants one token of the continuation, not ",
                 positions.size());
  std::vector<ExpertQuestion> questions = o.questions;
  const auto add = [&](int layer, bool ban) {
    for (const int e : alike(probe, router, layer, positions[0], ban)) questions.push_back({{layer, e}, ban});
  };
  for (size_t l = 0; o.rank && l < router.layers.size(); ++l)
    for (const bool ban : {true, false}) add(router.layers[l], ban);
  const size_t n_asked = questions.size();
  std::set<std::pair<int, bool>> controls;
  if (o.control && !o.rank)
    for (const ExpertQuestion& q : o.questions) controls.insert({q.expert.first, q.ban});
  for (const auto& [layer, ban] : controls) add(layer, ban);
  Json answers = ask(probe, tokenizer, document, positions, questions, progress, stop);
  if (o.control) add_controls(questions, n_asked, answers);
  answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(n_asked), answers.end());
  if (o.rank)
    std::stable_sort(answers.begin(), answers.end(), [](const Json& a, const Json& b) {
      return std::abs(a["change"].get<double>()) > std::abs(b["change"].get<double>());
    });
  return answers;
}

}  // namespace rouse
