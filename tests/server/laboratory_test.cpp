/// What only rouse is asked: lanes, what if, gates.
#include <set>

#include "base/statistics.h"
#include "calibration/whatif.h"
#include "running.h"

namespace rouse {

TEST(Laboratory, RunsLanesSideBySide) {
  const Running r;
  const Json body{{"prompt", "What is the capital of Chad?"},
                  {"n_predict", 6},
                  {"lanes",
                   {{{"name", "own"}},
                    {{"name", "third"}, {"routing", "rank:3"}},
                    {{"method", {{"name", "scmoe"}, {"beta", 0.25}}}}}}};
  const Json lanes = r.post("/v1/rouse/compare", body)["lanes"];
  ASSERT_EQ(lanes.size(), 3u);
  EXPECT_EQ(lanes[0]["lane"], "own");
  EXPECT_EQ(lanes[1]["policy"], "rank:3");
  EXPECT_NE(lanes[2]["method"].get<std::string>().find("beta=0.25"), std::string::npos);
  std::map<std::string, std::string> texts;
  int n_result = 0;
  for (const Json& event : r.events("/v1/rouse/compare", body)) {
    if (event.contains("text")) texts[event["lane"]] += event["text"];
    n_result += event.contains("result");
  }
  EXPECT_EQ(n_result, 3);
  for (const Json& lane : lanes) EXPECT_EQ(texts[lane["lane"]], lane["text"]);
  EXPECT_NE(r.post("/v1/rouse/compare", {{"prompt", "x"}, {"lanes", {{{"routing", "rank:99"}}}}},
                   400)["error"]["message"]
                .get<std::string>()
                .find("lane 0"),
            std::string::npos);
}

TEST(Laboratory, AsksWhatIf) {
  Running r;
  const Session& s = r.service.session();
  const std::string prompt = "Question: What is the capital of France?\nAnswer:";
  const Json reply = r.post("/v1/rouse/whatif", {{"prompt", prompt},
                                                 {"raw", true},
                                                 {"continuation", " Paris"},
                                                 {"ban", {"0.1", "2.0"}},
                                                 {"force", {"3.5"}}});
  PromptOptions text;
  text.raw = true;
  EncodedPairs pair = prompt_pair(text, *s.tokenizer, prompt, " Paris");
  WhatIf question{std::move(pair.context),
                  std::move(pair.continuations[0]),
                  0,
                  {{{0, 1}, true}, {{2, 0}, true}, {{3, 5}, false}},
                  false};
  Json expected;
  r.service.engine().run([&] { expected = what_if(*s.engine, *s.tokenizer, question); });
  EXPECT_EQ(reply["answers"], expected);
  EXPECT_EQ(r.post("/v1/rouse/whatif", {{"prompt", "x"}, {"continuation", " y"}, {"ban", {"99.1"}}},
                   400)["error"]["param"],
            "ban");
}

TEST(Laboratory, TellsHowFarARankingIs) {
  Running r;
  const Json body{{"prompt", "Question: What is the capital of France?\nAnswer:"},
                  {"raw", true},
                  {"continuation", " Paris"},
                  {"token", 1},
                  {"rank", true}};
  const std::vector<Json> events = r.events("/v1/rouse/whatif", body);
  const size_t n_block = r.service.session().router().layers.size();
  ASSERT_GE(events.size(), 2u);
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i]["total"], n_block);
    EXPECT_GT(events[i]["done"], i == 0 ? Json(0) : events[i - 1]["done"]);
  }
  EXPECT_EQ(events.back()["result"], r.post("/v1/rouse/whatif", body));
  EXPECT_TRUE(r.idle());
  Json wrong = body;
  wrong["stream"] = "yes";
  EXPECT_EQ(r.post("/v1/rouse/whatif", wrong, 400)["error"]["param"], "stream");
}

TEST(Laboratory, EndsARankingThatTakesTooLong) {
  ServiceOptions o = small_service();
  o.request_seconds = 0;
  Running r(o);
  const Json body{{"prompt", "x"}, {"raw", true}, {"continuation", " y"}, {"token", 1}, {"rank", true}};
  const Json error = r.post("/v1/rouse/whatif", body, 503)["error"];
  EXPECT_EQ(error["message"], "the request took more than 0 s");
  EXPECT_TRUE(r.idle());
}

TEST(Laboratory, NamesTheTokensOfItsLanes) {
  const Running r;
  const Tokenizer& t = r.service.tokenizer();
  const Json body{{"prompt", "What is the capital of Chad?"}, {"n_predict", 4}, {"log_probs", 3}};
  const Json lane = r.post("/v1/rouse/compare", body)["lanes"][0];
  ASSERT_EQ(lane["pieces"].size(), lane["tokens"].size());
  for (size_t i = 0; i < lane["tokens"].size(); ++i) {
    EXPECT_EQ(lane["pieces"][i], t.piece(lane["tokens"][i].get<int>(), true));
    for (const Json& best : lane["top_log_probs"][i])
      EXPECT_EQ(best["text"], t.piece(best["token"].get<int>(), true));
  }
  Json pieces = Json::array();
  for (const Json& event : r.events("/v1/rouse/compare", body))
    if (event.contains("pieces"))
      for (const Json& piece : event["pieces"]) pieces.push_back(piece);
  EXPECT_EQ(pieces, lane["pieces"]);
}

TEST(Laboratory, AsksWhatIfOfIdsBesideAControl) {
  Running r;
  const std::string prompt = "Question: What is the capital of France?\nAnswer:";
  const auto n_expert = r.service.session().router().n_expert;
  const int k = r.service.session().router().n_expert_used;
  const Json text{
      {"prompt", prompt}, {"raw", true}, {"continuation", " Paris"}, {"token", 1}, {"rank", true}};
  const Json ranked = r.post("/v1/rouse/whatif", text)["answers"];
  const auto& t = r.service.tokenizer();
  const PromptOptions as_is = [] {
    PromptOptions o;
    o.raw = true;
    return o;
  }();
  const EncodedPairs pair = prompt_pair(as_is, t, prompt, " Paris");
  Json ids{{"tokens", pair.context}, {"continuation_tokens", {pair.continuations[0][0]}}, {"control", true}};
  std::string banned, forced;
  std::vector<double> bans, forces;  // of block 0
  for (const Json& answer : ranked) {
    const std::string what = answer["what"];
    if (!what.starts_with("ban 0.") && !what.starts_with("force 0.")) continue;
    const bool ban = what.starts_with("ban");
    std::string& asked = ban ? banned : forced;
    if (asked.empty())
      asked = what.substr(what.find(' ') + 1);
    else
      (ban ? bans : forces).push_back(answer["change"]);
  }
  ids["ban"] = {banned};
  ids["force"] = {forced};
  const Json answers = r.post("/v1/rouse/whatif", ids)["answers"];
  ASSERT_EQ(answers.size(), 2u);
  for (const Json& answer : answers) {
    const bool ban = answer["what"].get<std::string>().starts_with("ban");
    const std::vector<double>& others = ban ? bans : forces;
    const Json& control = answer["control"];
    ASSERT_EQ(control["experts"], static_cast<int>(others.size()));
    EXPECT_EQ(others.size(), static_cast<size_t>(ban ? k - 1 : n_expert - k - 1));
    EXPECT_NEAR(control["mean"], mean(others), 1e-4);
    EXPECT_LE(control["range"][0], control["mean"]);
    EXPECT_GE(control["range"][1], control["mean"]);
  }
  Json both = text;
  both["control"] = true;
  const Json beside = r.post("/v1/rouse/whatif", both)["answers"];
  EXPECT_EQ(beside.size(), ranked.size());
  for (const Json& answer : beside) EXPECT_TRUE(answer.contains("control"));
  ids["continuation_tokens"] = {1, 2};
  EXPECT_EQ(r.post("/v1/rouse/whatif", ids, 400)["error"]["param"], "control");
  ids["continuation_tokens"] = {-1};
  EXPECT_EQ(r.post("/v1/rouse/whatif", ids, 400)["error"]["param"], "continuation_tokens");
}

/// Of a text of two tokens the first alone is routed, so that a mask for all of it is one for that token.
TEST(Laboratory, AsksWhatIfUnderTheRoutingAsked) {
  const Running r;
  for (const std::string routing : {"topk:1", "rank:2", "topk+mask:0.3"}) {
    const Json gates = r.post("/v1/rouse/gates", {{"tokens", {5}}, {"routing", routing}});
    const std::string expert = cat("1.", gates["tokens"][0]["experts"][1][0].get<int>());
    const auto log_prob = [&](const std::string& policy) {
      const Json lane = r.post("/v1/rouse/compare",
                               {{"tokens", {5}}, {"follow", {7}}, {"log_probs", 0}, {"routing", policy}});
      return lane["lanes"][0]["log_probs"][0].get<double>();
    };
    const Json answer = r.post("/v1/rouse/whatif", {{"tokens", {5}},
                                                    {"continuation_tokens", {7}},
                                                    {"routing", routing},
                                                    {"ban", {expert}}})["answers"][0];
    const size_t mask = routing.find("+mask:");
    const std::string banned =
        mask == std::string::npos ? routing + "+mask:" + expert : routing + "," + expert;
    EXPECT_NEAR(answer["tokens"][0]["logprob"], log_prob(routing), 1e-4) << routing;
    EXPECT_NEAR(answer["tokens"][0]["logprob"].get<double>() + answer["change"].get<double>(),
                log_prob(banned), 1e-4)
        << routing;
    EXPECT_GT(std::abs(answer["change"].get<double>()), 1e-4) << routing;
  }
}

TEST(Laboratory, ShowsTheGatesOfExpertsNotChosen) {
  const Running r;
  const RouterSpec& router = r.service.session().router();
  const Json body{{"prompt", "The capital"}, {"raw", true}};
  Json more = body;
  more["last"] = 1;
  more["next"] = router.n_expert;
  const Json whole = r.post("/v1/rouse/gates", body)["tokens"],
             last = r.post("/v1/rouse/gates", more)["tokens"];
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0]["experts"], whole.back()["experts"]);
  EXPECT_FALSE(whole.back().contains("next"));
  for (size_t b = 0; b < router.layers.size(); ++b) {
    std::set<int> all = last[0]["experts"][b].get<std::set<int>>();
    const auto next = last[0]["next"][b].get<std::vector<int>>();
    all.insert(next.begin(), next.end());
    EXPECT_EQ(all.size(), static_cast<size_t>(router.n_expert));
    const auto gates = last[0]["next_gates"][b].get<std::vector<double>>();
    EXPECT_TRUE(std::is_sorted(gates.rbegin(), gates.rend()));
    EXPECT_GE(last[0]["gates"][b].back().get<double>(), gates[0]);
  }
  more["next"] = 2;
  EXPECT_EQ(r.post("/v1/rouse/gates", more)["tokens"][0]["next"][0].size(), 2u);
  more["next"] = router.n_expert + 1;
  EXPECT_EQ(r.post("/v1/rouse/gates", more, 400)["error"]["param"], "next");
}

TEST(Laboratory, ShowsGates) {
  const Running r;
  const Json reply =
      r.post("/v1/rouse/gates", {{"prompt", "The capital"}, {"raw", true}, {"routing", "topk:1"}});
  EXPECT_EQ(reply["policy"], "topk:1");
  const size_t n_block = r.service.session().router().layers.size();
  EXPECT_EQ(reply["blocks"].size(), n_block);
  for (const Json& token : reply["tokens"]) {
    ASSERT_EQ(token["experts"].size(), n_block);
    for (size_t b = 0; b < n_block; ++b) EXPECT_EQ(token["experts"][b].size(), 1u);
  }
}

}  // namespace rouse
