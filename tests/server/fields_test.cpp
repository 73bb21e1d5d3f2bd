/// Which fields are done, harmless, refused or ignored by name.
#include "running.h"

namespace rouse {

TEST(Fields, TheNewerNameOfALimitCounts) {
  const Running r;
  Json body = question();
  body.update({{"max_completion_tokens", 2}, {"max_tokens", 5}, {"ignore_eos", true}});
  EXPECT_EQ(r.post("/v1/chat/completions", body)["usage"]["completion_tokens"], 2);
}

TEST(Fields, ThatAreWrongAreRefusedByName) {
  const Running r;
  struct Case {
    Json fields;
    const char *param, *message;
  };
  const Case cases[] = {
      {{{"temperature", -1}}, "temperature", "temperature is -1, expected"},
      {{{"max_tokens", "many"}}, "max_tokens", "max_tokens is \"many\", expected an integer"},
      {{{"temprature", 1}}, "temprature", "did you mean temperature?"},
      {{{"tool_choice", "required"}}, "tool_choice", "no call can be forced here"},
      {{{"tool_choice", {{"type", "function"}, {"function", {{"name", "f"}}}}}},
       "tool_choice",
       "expected auto or none"},
      {{{"functions", Json::array()}}, "functions", "functions is not done here"},
      {{{"suffix", "x"}}, "suffix", "suffix is not done here"},
      {{{"best_of", 3}}, "best_of", "best_of is not done here"},
      {{{"modalities", {"audio"}}}, "modalities", "expected [\"text\"]"},
      {{{"response_format", {{"type", "xml"}}}},
       "response_format",
       "expected text, json_object or json_schema"},
      {{{"routing", "rank:99"}}, "routing", "rank"},
      {{{"routing", "plan:/etc/passwd"}}, "routing", "plan \"/etc/passwd\" is not known here; known: none"},
      {{{"routing", "replay:/etc/passwd"}}, "routing", "\"/etc/passwd\" is not known here"},
      {{{"method", "iti"}, {"iti", "/etc/passwd"}}, "method", "iti"},
      {{{"iti", "/etc/passwd"}}, "iti", "is not known here"},
      {{{"amateur", "/etc/passwd"}}, "amateur", "is given when rouse starts, not by a request"},
      {{{"chat_template", "file:/etc/passwd"}}, "chat_template", "chat_template is not done here"},
      {{{"method", {{"name", "scmoe"}, {"temp", 1}}}}, "method", "unknown option \"temp\""},
      {{{"n", 100000}}, "n", "expected an integer of 1 to"},
      {{{"stop", 7}}, "stop", "stop is 7"},
      {{{"stream", "yes"}}, "stream", "expected true or false"},
      {{{"logit_bias", {{"x", 1}}}}, "logit_bias", "expected a token id"},
      {{{"logit_bias", {{"99999999", 1}}}}, "logit_bias", "names token 99999999"},
      {{{"follow", {99999999}}}, "follow", "99999999"},
      {{{"top_logprobs", 3}}, "top_logprobs", "wants logprobs: true"},
      {{{"chat_template_kwargs", {{"messages", 1}}}}, "chat_template_kwargs", ""},
      {{{"messages", Json::array()}}, "messages", "messages"},
      {{{"messages", {{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}}}},
       "messages",
       "expected text"},
      {{{"messages", {{{"role", "pope"}, {"content", "x"}}}}},
       "messages",
       "expected system, user or assistant"},
      {{{"prompt", "x"}}, "prompt", "does not go with messages"},
  };
  for (const Case& c : cases) {
    Json body = question();
    body.update(c.fields);
    const Json error = r.post("/v1/chat/completions", body, 400)["error"];
    EXPECT_EQ(error["param"], c.param) << c.fields << error;
    EXPECT_NE(error["message"].get<std::string>().find(c.message), std::string::npos) << error;
    EXPECT_EQ(error["type"], "invalid_request_error");
  }
  EXPECT_EQ(r.post("/v1/completions", Json::object(), 400)["error"]["param"], "prompt");
  EXPECT_EQ(r.post("/tokenize", {{"prompt", "x"}, {"with_pieces", 3}}, 400)["error"]["param"], "with_pieces");
  EXPECT_EQ(r.post("/detokenize", {{"tokens", {-1}}}, 400)["error"]["param"], "tokens");
  EXPECT_EQ(
      r.post("/v1/rouse/score", {{"context", "a"}, {"continuations", {"b", "a"}}}, 400)["error"]["param"],
      "continuations");
  EXPECT_EQ(r.post("/v1/rouse/whatif", {{"prompt", "x"}, {"continuation", ""}, {"ban", {"0.0"}}},
                   400)["error"]["param"],
            "continuation");
  for (const Json& prompt :
       std::vector<Json>{Json(7), Json::array(), Json({1, "x"}), Json({{"a", 1}}), Json({{99999999}})})
    EXPECT_EQ(r.post("/v1/completions", {{"prompt", prompt}}, 400)["error"]["param"], "prompt") << prompt;
}

TEST(Fields, ThatAreNullOrEmptyAreMissed) {
  const Running r;
  const auto param = [&](const char* path, const Json& body) {
    return r.post(path, body, 400)["error"]["param"];
  };
  for (const Json& body : std::vector<Json>{Json::object(), {{"prompt", nullptr}}, {{"content", nullptr}}})
    EXPECT_EQ(param("/tokenize", body), "prompt") << body;
  EXPECT_EQ(param("/v1/rouse/score", {{"context", "a"}, {"continuations", {"", "b"}}}), "continuations");
  EXPECT_EQ(param("/v1/chat/completions", {{"messages", {{{"role", "user"}, {"content", nullptr}}}}}),
            "messages");
  const Json api = r.get("/openapi.json");
  for (const char* option : {"routing", "seed", "stop", "top_k", "beta"})
    EXPECT_TRUE(api["components"]["schemas"]["chat"]["properties"].contains(option)) << option;
}

TEST(Fields, OfNoEffectAreTakenAndUnknownOnesAreNamed) {
  ServiceOptions strict = small_service();
  const Running r(strict);
  const Json plain = r.post("/v1/chat/completions", question());
  Json body = question();
  body.update({{"user", "u"},
               {"metadata", {{"a", 1}}},
               {"store", false},
               {"service_tier", "auto"},
               {"parallel_tool_calls", false},
               {"tools", Json::array()},
               {"tool_choice", "auto"},
               {"seed", nullptr},
               {"logprobs", nullptr},
               {"presence_penalty", 0},
               {"frequency_penalty", 0},
               {"top_p", 1},
               {"best_of", 1},
               {"suffix", nullptr},
               {"modalities", {"text"}},
               {"n", 1}});
  const Json same = r.post("/v1/chat/completions", body);
  EXPECT_EQ(same["choices"], plain["choices"]);
  EXPECT_EQ(same["rouse"]["ignored"], Json::array());
  body["tools"] = {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", Json::object()}}}}};
  body["something_else_entirely"] = {1, 2};
  const Json named = r.post("/v1/chat/completions", body);
  EXPECT_EQ(named["rouse"]["ignored"], Json({"something_else_entirely", "tools"}));
  const auto refused = r.send("/v1/chat/completions", body, {{"X-Rouse-Strict", "1"}});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
  EXPECT_EQ(Json::parse(refused->body)["error"]["param"], "something_else_entirely");
}

TEST(Fields, OfMessagesMayComeInParts) {
  const Running r;
  Json body = question();
  const Json plain = r.post("/v1/chat/completions", body)["choices"];
  body["messages"] = {
      {{"role", "user"},
       {"name", "someone"},
       {"content",
        {{{"type", "text"}, {"text", "What is the capital"}}, {{"type", "text"}, {"text", " of France?"}}}}}};
  EXPECT_EQ(r.post("/v1/chat/completions", body)["choices"], plain);
  const Json parts = r.post("/apply-template", {{"messages", body["messages"]}});
  EXPECT_NE(parts["prompt"].get<std::string>().find("capital of France?"), std::string::npos);
  EXPECT_EQ(r.post("/tokenize", {{"messages", body["messages"]}})["tokens"], parts["tokens"]);
  EXPECT_EQ(r.post("/tokenize", {{"prompt", body["messages"]}})["tokens"], parts["tokens"]);
}

}  // namespace rouse
