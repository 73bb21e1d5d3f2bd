/// cli/whatif.cpp - what a token would have lost or won without an expert, or with another: counterfactual
/// rows.
#include <algorithm>
#include <cmath>
#include <iostream>

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

/// (block, expert) of "L.E"; RoutingPolicy checks the ranges.
std::pair<int, int> parse_expert(const std::string& text) {
  const size_t dot = text.find('.');
  const auto layer = parse_int(std::string_view(text).substr(0, dot));
  const auto expert =
      dot == std::string::npos ? std::nullopt : parse_int(std::string_view(text).substr(dot + 1));
  require_usage(layer && expert && *layer >= 0 && *layer < 1 << 20 && *expert >= 0 && *expert < 1 << 20, "\"",
                text, "\" is no expert, expected BLOCK.EXPERT");
  return {static_cast<int>(*layer), static_cast<int>(*expert)};
}

struct Question {
  std::string change;  ///< "ban 3.17"
  Intervention intervention;
};

Json ask(Probe& probe, const Tokenizer& tokenizer, const Document& document,
         const std::vector<int>& positions, const std::vector<Question>& questions) {
  Json out = Json::array();
  for (const Question& q : questions) {
    const std::vector<double> after = probe.intervene(q.intervention, positions);
    Json tokens = Json::array();
    double sum = 0;
    for (size_t i = 0; i < positions.size(); ++i) {
      const double change = probe.kept_losses()[i] - after[i];  // of the log-probability
      sum += change;
      tokens.push_back({{"position", positions[i]},
                        {"token", tokenizer.piece(document.tokens[static_cast<size_t>(positions[i])])},
                        {"logprob", -probe.kept_losses()[i]},
                        {"change", change}});
    }
    out.push_back({{"what", q.change}, {"change", sum}, {"tokens", tokens}});
  }
  return out;
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
  Document document{prompt_tokens(o.prompt, *session.tokenizer, text), {}};
  const auto n_prompt = static_cast<int>(document.tokens.size());
  const std::vector<int> continuation = session.tokenizer->encode(o.continuation, false, false);
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
  for (const std::string& e : o.ban) questions.push_back({"ban " + e, {parse_expert(e), true}});
  for (const std::string& e : o.force) questions.push_back({"force " + e, {parse_expert(e), false}});
  if (o.rank) {
    require_usage(positions.size() == 1, "--rank wants one token: give --token N");
    for (const int layer : router.layers) {
      const auto used = probe.experts(layer, positions[0]);
      for (int e = 0; e < router.n_expert; ++e) {
        const bool ban = std::count(used.begin(), used.end(), e) > 0;
        questions.push_back({cat(ban ? "ban " : "force ", layer, ".", e), {{layer, e}, ban}});
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
  sub->add_option("--continuation", o->continuation, "the text whose tokens are asked about")->required();
  sub->add_option("--ban", o->ban, "BLOCK.EXPERT without which the row of each token runs; repeatable")
      ->allow_extra_args(false);
  sub->add_option("--force", o->force, "BLOCK.EXPERT that replaces the row's last-ranked choice; repeatable")
      ->allow_extra_args(false);
  sub->add_option("--token", o->token, "only the N-th token of the continuation (0: all)")
      ->capture_default_str();
  sub->add_flag("--rank", o->rank,
                "every expert of every block, by effect on one token: chosen ones banned, others forced");
  sub->add_flag("--json", o->json, "print JSON");
  sub->callback([o] { std::exit(whatif(*o)); });
}

}  // namespace rouse
