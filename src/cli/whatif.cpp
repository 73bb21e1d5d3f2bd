/// cli/whatif.cpp - what a token would have lost or won without an expert, or with another: counterfactual
/// rows.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "calibration/probe.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct WhatIfOptions {
  ModelOptions model;
  PromptOptions prompt;
  std::string continuation;
  std::vector<std::string> ban, force;
  int token = 0;  ///< of the continuation, from 1; 0: all
  bool rank = false, json = false;
};

struct Question {
  std::pair<int, int> expert;  ///< block, expert
  bool ban;
  std::string text() const { return cat(ban ? "ban " : "force ", expert.first, ".", expert.second); }
};

/// One answer a question, in their order; the rows of a block run together.
Json ask(Probe& probe, const Tokenizer& tokenizer, const Document& document,
         const std::vector<int>& positions, const std::vector<Question>& questions) {
  std::map<int, std::vector<size_t>> by_layer;
  for (size_t q = 0; q < questions.size(); ++q) by_layer[questions[q].expert.first].push_back(q);
  std::vector<Json> answers(questions.size());
  ProgressBar bar("asking");
  double done = 0;
  for (const auto& [layer, some] : by_layer) {
    std::vector<Counterfactual> rows;
    for (const size_t q : some)
      for (const int token : positions) rows.push_back({token, questions[q].expert.second, questions[q].ban});
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
    bar.update((done += 1) / static_cast<double>(by_layer.size()));
    if (interrupted) throw Error("interrupted", ErrorKind::interrupted);
  }
  return answers;
}

void print(const Json& answers, bool ranked) {
  for (const Json& a : answers) {
    std::printf("%-14s %+9.4f nats\n", a["what"].get<std::string>().c_str(), a["change"].get<double>());
    if (ranked) continue;
    for (const Json& t : a["tokens"])
      std::printf("    %-16s log p %9.4f  change %+9.4f\n",
                  Json(t["token"]).dump(-1, ' ', false, Json::error_handler_t::replace).c_str(),
                  t["logprob"].get<double>(), t["change"].get<double>());
  }
}

int whatif(const WhatIfOptions& o) {
  require_usage(o.rank || !o.ban.empty() || !o.force.empty(), "give --ban L.E, --force L.E, or --rank");
  const std::string text = prompt_text(o.prompt);
  ModelOptions m = o.model;
  Session session(m, 2);
  const RouterSpec& router = session.model->spec().router;
  require_usage(router.moe(), "a dense model has no experts to ban or force");
  EncodedPairs pair = prompt_pair(o.prompt, *session.tokenizer, text, o.continuation);
  Document document{std::move(pair.context), {}};
  const auto n_prompt = static_cast<int>(document.tokens.size());
  const std::vector<int>& continuation = pair.continuations[0];
  require_usage(!continuation.empty() && n_prompt > 0, "the prompt or the continuation is empty");
  require_usage(o.token >= 0 && o.token <= static_cast<int>(continuation.size()), "--token is ", o.token,
                ", the continuation has ", continuation.size(), " tokens");
  document.tokens.insert(document.tokens.end(), continuation.begin(), continuation.end());
  std::vector<int> positions;
  for (int i = 1; i <= static_cast<int>(continuation.size()); ++i)
    if (o.token == 0 || o.token == i) positions.push_back(n_prompt + i - 1);

  Probe probe(*session.engine, {});
  probe.keep(document, positions);
  std::vector<Question> questions;
  for (const std::string& e : o.ban) questions.push_back({parse_expert("--ban", e, router), true});
  for (const std::string& e : o.force) questions.push_back({parse_expert("--force", e, router), false});
  if (o.rank) {
    require_usage(positions.size() == 1, "--rank wants one token: give --token N");
    for (const int layer : router.layers) {
      const auto used = probe.experts(layer, positions[0]);
      for (int e = 0; e < router.n_expert; ++e) {
        questions.push_back({{layer, e}, std::count(used.begin(), used.end(), e) > 0});
      }
    }
  }
  Json answers = ask(probe, *session.tokenizer, document, positions, questions);
  probe.release();
  if (o.rank)
    std::stable_sort(answers.begin(), answers.end(), [](const Json& a, const Json& b) {
      return std::abs(a["change"].get<double>()) > std::abs(b["change"].get<double>());
    });
  if (o.json)
    std::cout << Json{{"answers", answers}}.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    print(answers, o.rank);
  return 0;
}

}  // namespace

void add_whatif(CLI::App& app) {
  auto o = std::make_shared<WhatIfOptions>();
  CLI::App* sub = app.add_subcommand(
      "whatif", "How the log-probability of a continuation changes when an expert is banned or forced");
  add_model_options(*sub, o->model);
  add_prompt_options(*sub, o->prompt);
  sub->add_option(
         "--continuation", o->continuation,
         "the text whose tokens are asked about; where it shares a token with white space at the end of the "
         "prompt, that counts to it")
      ->required();
  sub->add_option("--ban", o->ban, "BLOCK.EXPERT without which the row of each token runs; repeatable")
      ->allow_extra_args(false);
  sub->add_option("--force", o->force, "BLOCK.EXPERT that replaces the row's last-ranked choice; repeatable")
      ->allow_extra_args(false);
  sub->add_option("--token", o->token, "only the N-th token of the continuation (0: all)")
      ->capture_default_str();
  sub->add_flag("--rank", o->rank,
                "every expert of every block, by effect on one token: chosen ones banned, others forced");
  sub->add_flag("--json", o->json, "print JSON");
  on_run(*sub, [o] { return whatif(*o); });
}

}  // namespace rouse
