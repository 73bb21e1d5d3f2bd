/// What only rouse is asked: lanes, what if, gates.
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
