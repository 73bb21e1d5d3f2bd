/// cli/whatif.cpp - the flags of `rouse whatif`, and its answers for people.
#include "calibration/whatif.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct WhatIfOptions {
  ModelOptions model;
  PromptOptions prompt;
  std::string continuation;
  std::vector<std::string> ban, force;
  int token = 0;  ///< of the continuation, from 1; 0: all
  bool rank = false;
};

void print(const Json& d, bool ranked) {
  for (const Json& a : d["answers"]) {
    std::printf("%-14s %+9.4f nats\n", a["what"].get<std::string>().c_str(), a["change"].get<double>());
    if (ranked) continue;
    for (const Json& t : a["tokens"])
      std::printf("    %-16s log p %9.4f  change %+9.4f\n",
                  Json(t["token"]).dump(-1, ' ', false, Json::error_handler_t::replace).c_str(),
                  t["logprob"].get<double>(), t["change"].get<double>());
  }
}

Json whatif(const WhatIfOptions& o, const std::atomic<bool>& stop) {
  require_usage(o.rank || !o.ban.empty() || !o.force.empty(), "give --ban L.E, --force L.E, or --rank");
  const std::string text = prompt_text(o.prompt);
  const Session session(o.model, 2);
  const RouterSpec& router = session.router();
  require_usage(router.moe(), "a dense model has no experts to ban or force");
  EncodedPairs pair = prompt_pair(o.prompt, *session.tokenizer, text, o.continuation);
  WhatIf question{std::move(pair.context), std::move(pair.continuations[0]), o.token, {}, o.rank};
  require_usage(!o.rank || o.token > 0 || question.continuation.size() == 1,
                "--rank wants one token: give --token N");
  for (const std::string& e : o.ban) question.questions.push_back({parse_expert("--ban", e, router), true});
  for (const std::string& e : o.force)
    question.questions.push_back({parse_expert("--force", e, router), false});
  ProgressBar bar("asking");
  Json answers = what_if(
      *session.engine, *session.tokenizer, question, [&](double done) { bar.update(done); }, &stop);
  return {{"answers", std::move(answers)}};
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
  on_result(
      *sub, [o](const std::atomic<bool>& stop) { return whatif(*o, stop); },
      [o](const Json& d) { print(d, o->rank); });
}

}  // namespace rouse
