/// What OpenAI's clients are told: answers, streams, probabilities, ids.
#include <regex>
#include <thread>

#include "running.h"

namespace rouse {
namespace {

/// What `rouse run` would say.
Result alone(const Json& record) {
  const ServiceOptions o = small_service();
  const Request request = read_request(JsonValue(record, ""));
  const Session session(o.model, {&request.method, 1});
  auto samples = start_request(session, request);
  Generation* one = samples[0].get();
  run_generations(session.engines(), {&one, 1});
  return result_of(*one, request.method, session.router());
}

const std::vector<std::pair<const char*, const char*>> kWays = {
    {"greedy", "topk"}, {"greedy", "rank:2"}, {"scmoe", "topk"}, {"dola", "topk"}, {"greedy", "topk:4"}};
const std::vector<std::string> kQuestions = {"What is the capital of France?", "What is the capital of Chad?",
                                             "Who wrote Hamlet?", "What is 17 plus 25?"};

Json asked(const std::string& text, const std::pair<const char*, const char*>& way) {
  Json body = question(text);
  body["method"] = way.first;
  body["routing"] = way.second;
  return body;
}

}  // namespace

TEST(Server, SaysWhatTheCommandLineSaysAloneAndAmongOthers) {
  const Running r;
  std::vector<Json> bodies;
  std::vector<Result> expected;
  for (const auto& way : kWays)
    for (const std::string& text : kQuestions) {
      bodies.push_back(asked(text, way));
      expected.push_back(
          alone({{"prompt", text}, {"n_predict", 8}, {"method", way.first}, {"routing", way.second}}));
    }
  const auto check = [&](size_t i) {
    const Json reply = r.post("/v1/chat/completions", bodies[i]);
    EXPECT_EQ(reply["choices"][0]["message"]["content"], expected[i].text) << bodies[i];
    EXPECT_EQ(reply["rouse"]["policy_hash"], expected[i].policy_hash);
    EXPECT_EQ(reply["rouse"]["method"], expected[i].method);
    EXPECT_EQ(reply["usage"]["completion_tokens"], expected[i].tokens.size());
    EXPECT_EQ(reply["usage"]["prompt_tokens"], expected[i].prompt_tokens.size());
    EXPECT_EQ(reply["choices"][0]["finish_reason"],
              expected[i].stop == StopReason::length ? "length" : "stop");
  };
  for (size_t i = 0; i < bodies.size(); ++i) check(i);
  std::vector<std::thread> clients;
  for (size_t i = 0; i < bodies.size(); ++i) clients.emplace_back(check, i);
  for (std::thread& c : clients) c.join();
}

TEST(Server, StreamsAsOpenAiDoes) {
  const Running r;
  for (const auto& way : kWays) {
    Json body = asked(kQuestions[1], way);
    const Json whole = r.post("/v1/chat/completions", body);
    std::vector<Json> events = r.events("/v1/chat/completions", body);
    ASSERT_GE(events.size(), 2u);
    EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
    std::string text;
    for (size_t i = 0; i < events.size(); ++i) {
      const Json& choice = events[i]["choices"][0];
      EXPECT_EQ(events[i]["object"], "chat.completion.chunk");
      EXPECT_EQ(events[i]["id"], events[0]["id"]);
      EXPECT_EQ(events[i].contains("usage"), false);
      if (i > 0) {
        EXPECT_FALSE(choice["delta"].contains("role"));
      }
      EXPECT_EQ(choice["finish_reason"].is_null(), i + 1 < events.size());
      text += choice["delta"].value("content", "");
    }
    EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
    EXPECT_EQ(events.back()["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
    EXPECT_EQ(events.back()["rouse"]["cost"]["step"], whole["rouse"]["cost"]["step"]);
    body["stream_options"] = {{"include_usage", true}};
    events = r.events("/v1/chat/completions", body);
    EXPECT_EQ(events.back()["choices"], Json::array());
    EXPECT_EQ(events.back()["usage"]["total_tokens"], whole["usage"]["total_tokens"]);
  }
}

TEST(Server, EndsAStreamThatFailsWithItsError) {
  const Running r;
  Json body = question(std::string(4000, 'x'));
  const Json refused = r.post("/v1/chat/completions", body, 400);
  EXPECT_EQ(refused["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(refused["error"]["param"], "messages");
}

TEST(Server, EchoesAPromptWithTheProbabilityOfEveryToken) {
  const Running r;
  const std::string context = "Question: What is the capital of France?\nAnswer:", answer = " Paris";
  for (const char* method : {"greedy", "scmoe"}) {
    const Json score =
        r.post("/v1/rouse/score", {{"context", context}, {"continuations", {answer}}, {"method", method}});
    const auto n_answer = score["continuation_tokens"][0].size(), n_context = score["context_tokens"].size();
    for (const int n : {0, 1}) {
      const Json reply = r.post("/v1/completions", {{"prompt", context + answer},
                                                    {"max_tokens", n},
                                                    {"echo", true},
                                                    {"logprobs", 1},
                                                    {"method", method}});
      const Json& l = reply["choices"][0]["logprobs"];
      // The answer ends with the end token, which has its entry too.
      ASSERT_EQ(l["tokens"].size(), n_context + n_answer + static_cast<size_t>(n));
      for (const char* list : {"token_logprobs", "top_logprobs", "text_offset"})
        EXPECT_EQ(l[list].size(), l["tokens"].size());
      EXPECT_TRUE(l["token_logprobs"][0].is_null());
      EXPECT_TRUE(l["top_logprobs"][0].is_null());
      double sum = 0;
      for (size_t i = 1; i < l["tokens"].size(); ++i) {
        const std::string token = l["tokens"][i];
        EXPECT_EQ(l["top_logprobs"][i][token], l["token_logprobs"][i]);
        if (i >= n_context && i < n_context + n_answer) sum += l["token_logprobs"][i].get<double>();
      }
      EXPECT_NEAR(sum, score["lanes"][0]["sums"][0].get<double>(), 1e-5);
      const std::string text = reply["choices"][0]["text"];
      EXPECT_TRUE(text.starts_with(context + answer)) << text;
      const size_t at = l["text_offset"][n_context].get<size_t>();
      EXPECT_EQ(text.substr(at, answer.size()), answer);
    }
  }
}

/// Text, tokens' names and offsets where tokens are no plain text.
TEST(Server, EchoesTextAsItWasGiven) {
  const Running r;
  const Json info = r.get("/tokenizer_info");
  const std::string bos = info["bos_token"], eos = info["eos_token"];
  const auto echoed = [&](const Json& prompt) {
    return r.post("/v1/completions",
                  {{"prompt", prompt}, {"max_tokens", 0}, {"echo", true}, {"logprobs", 2}})["choices"][0];
  };
  const auto check = [&](const Json& choice, const std::string& text) {
    EXPECT_EQ(choice["text"], text);
    const Json& l = choice["logprobs"];
    for (size_t i = 0; i < l["tokens"].size(); ++i) {
      const std::string name = l["tokens"][i];
      if (name.starts_with("bytes:") || (i == 0 && name == bos && !text.starts_with(bos))) continue;
      EXPECT_EQ(text.substr(l["text_offset"][i].get<size_t>(), name.size()), name) << text << " " << i;
    }
    return l["tokens"].size();
  };
  const std::string plain = "What is 2 + 2?", marked = plain + eos + "Yes";
  const size_t n = check(echoed(plain), plain);
  EXPECT_EQ(check(echoed(bos + plain), bos + plain), n) << "no second BOS";
  EXPECT_GT(check(echoed(marked), marked), n + 1);
  std::vector<int> ids = r.post("/tokenize", {{"prompt", marked}, {"add_special_tokens", true}})["tokens"];
  check(echoed(ids), (ids[0] == info["bos_token_id"] ? bos : "") + marked);
  check(echoed(""), "");

  const Json odd = echoed("\xE8\xAA\x9E");
  check(odd, "\xE8\xAA\x9E");
  std::set<std::string> names;
  for (const Json& name : odd["logprobs"]["tokens"]) names.insert(name.get<std::string>());
  EXPECT_TRUE(names.count("bytes:\\xaa")) << odd["logprobs"]["tokens"];
}

TEST(Server, ScoresBatchesOfIds) {
  const Running r;
  const Json a =
      r.post("/tokenize", {{"prompt", "The capital of Chad is"}, {"add_special_tokens", false}})["tokens"];
  const Json b = r.post("/tokenize", {{"content", "Rome"}})["tokens"];
  const Json body{{"prompt", {a, b}}, {"max_tokens", 1}, {"logprobs", 1}, {"echo", true}, {"seed", 1234}};
  const Json both = r.post("/v1/completions", body);
  ASSERT_EQ(both["choices"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    Json one = body;
    one["prompt"] = i == 0 ? a : b;
    const Json alone = r.post("/v1/completions", one);
    const Json &x = both["choices"][i]["logprobs"]["token_logprobs"],
               &y = alone["choices"][0]["logprobs"]["token_logprobs"];
    ASSERT_EQ(x.size(), (i == 0 ? a : b).size() + 1);
    ASSERT_EQ(x.size(), y.size());
    for (size_t t = 1; t < x.size(); ++t) EXPECT_NEAR(x[t].get<double>(), y[t].get<double>(), 1e-4);
  }
  EXPECT_EQ(r.post("/detokenize", {{"tokens", a}})["prompt"], "The capital of Chad is");
}

TEST(Server, GivesProbabilitiesOfTheAnswer) {
  const Running r;
  Json body = question();
  body["logprobs"] = true;
  body["top_logprobs"] = 3;
  const Json content = r.post("/v1/chat/completions", body)["choices"][0]["logprobs"]["content"];
  ASSERT_FALSE(content.empty());
  for (const Json& token : content) {
    ASSERT_EQ(token["top_logprobs"].size(), 3u);
    EXPECT_EQ(token["token"], token["top_logprobs"][0]["token"]);
    EXPECT_EQ(token["logprob"], token["top_logprobs"][0]["logprob"]);
    std::string bytes;
    for (const Json& b : token["bytes"]) bytes += static_cast<char>(b.get<int>());
    EXPECT_EQ(bytes, token["token"]);
  }
  Json streamed = Json::array();
  for (const Json& event : r.events("/v1/chat/completions", body))
    if (const Json& l = event["choices"][0]["logprobs"]; !l.is_null())
      for (const Json& token : l["content"]) streamed.push_back(token);
  EXPECT_EQ(streamed, content);
}

TEST(Server, ShowsTheExpertsOfEveryTokenAndTheirGates) {
  const Running r;
  Json body = question();
  body.update({{"trace", "gates"}, {"return_token_ids", true}, {"routing", "topk:2"}});
  const Json choice = r.post("/v1/chat/completions", body)["choices"][0];
  const Result expected =
      alone({{"prompt", kQuestions[0]}, {"n_predict", 8}, {"experts", true}, {"routing", "topk:2"}});
  EXPECT_EQ(choice["routed_experts"], Json(expected.experts));
  EXPECT_EQ(choice["token_ids"], Json(expected.tokens));
  ASSERT_EQ(choice["routed_gates"].size(), choice["routed_experts"].size());
  for (const Json& token : choice["routed_gates"])
    for (const Json& block : token) {
      ASSERT_EQ(block.size(), 2u);
      EXPECT_GE(block[0], block[1]);
    }
  const Json last = r.events("/v1/chat/completions", body).back();
  EXPECT_EQ(last["choices"][0]["routed_gates"], choice["routed_gates"]);
}

TEST(Server, GivesSeveralSamplesThatCanBeRepeated) {
  const Running r;
  Json body = question("Who wrote Hamlet?");
  body.update({{"n", 3}, {"seed", 7}});
  const auto texts = [&] {
    std::vector<std::string> out;
    const Json reply = r.post("/v1/chat/completions", body);
    for (const Json& c : reply["choices"]) {
      EXPECT_EQ(c["index"], out.size());
      out.push_back(c["message"]["content"]);
    }
    return out;
  };
  const auto first = texts();
  EXPECT_EQ(first.size(), 3u);
  EXPECT_EQ(texts(), first);
  std::vector<std::string> streamed(3);
  for (const Json& event : r.events("/v1/chat/completions", body)) {
    const Json& c = event["choices"][0];
    streamed[c["index"].get<size_t>()] += c["delta"].value("content", "");
  }
  EXPECT_EQ(streamed, first);
}

TEST(Server, MindsABiasOnTokens) {
  const Running r;
  const Json ids = r.post("/tokenize", {{"prompt", " Paris"}})["tokens"];
  Json body = question();
  EXPECT_NE(r.post("/v1/chat/completions", body)["choices"][0]["message"]["content"].get<std::string>().find(
                "Paris"),
            std::string::npos);
  body["logit_bias"] = {{std::to_string(ids[0].get<int>()), -100}};
  EXPECT_EQ(r.post("/v1/chat/completions", body)["choices"][0]["message"]["content"].get<std::string>().find(
                " Paris"),
            std::string::npos);
  body["logit_bias"] = {{"7", 100}};
  body["return_token_ids"] = true;
  const Json reply = r.post("/v1/chat/completions", body);
  EXPECT_FALSE(reply["choices"][0]["token_ids"].empty());
  for (const Json& id : reply["choices"][0]["token_ids"]) EXPECT_EQ(id, 7);
}

TEST(Server, FollowsASchema) {
  const Running r;
  Json body = question("Give me a JSON object.");
  body["max_tokens"] = 60;
  body["response_format"] = {
      {"type", "json_schema"},
      {"json_schema",
       {{"name", "n"},
        {"schema", {{"type", "object"}, {"properties", {{"n", {{"enum", {1, 2}}}}}}, {"required", {"n"}}}}}}};
  const Json out = Json::parse(
      r.post("/v1/chat/completions", body)["choices"][0]["message"]["content"].get<std::string>());
  EXPECT_TRUE(out["n"] == 1 || out["n"] == 2) << out;
}

TEST(Server, ListsItsModelsAndPresets) {
  ServiceOptions o = small_service();
  auto names = std::make_shared<Names>();
  names->add_preset("contrast=scmoe beta=0.25");
  o.names = names;
  const Running r(o);
  const Json list = r.get("/v1/models");
  ASSERT_EQ(list["data"].size(), 2u);
  EXPECT_EQ(list["data"][1]["id"], "lab@contrast");
  EXPECT_EQ(r.get("/v1/models/lab@contrast"), list["data"][1]);
  EXPECT_EQ(r.get("/v1/models/other", 404)["error"]["code"], "model_not_found");
  Json body = question();
  body["model"] = "lab@contrast";
  EXPECT_EQ(r.post("/v1/chat/completions", body)["rouse"]["method"].get<std::string>().find("beta=0.25") ==
                std::string::npos,
            false);
  for (const char* model : {"lab@nothing", "gpt-4o", "../lab"}) {
    body["model"] = model;
    EXPECT_EQ(r.post("/v1/chat/completions", body, 404)["error"]["param"], "model");
  }
}

TEST(Server, DescribesItself) {
  const Running r;
  const Json api = r.get("/openapi.json");
  size_t n = 0;
  for (const auto& [path, methods] : api["paths"].items()) n += methods.size();
  EXPECT_EQ(n, routes().size());
  std::function<void(const Json&)> check = [&](const Json& value) {
    if (value.is_object() && value.contains("$ref")) {
      EXPECT_TRUE(api.contains(Json::json_pointer(value["$ref"].get<std::string>().substr(1)))) << value;
    }
    if (value.is_structured())
      for (const Json& child : value) check(child);
  };
  check(api);
  EXPECT_EQ(r.get("/v1/rouse/model")["n_expert"], r.service.session().router().n_expert);
  EXPECT_FALSE(r.get("/v1/rouse/methods")["policies"].empty());
  r.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 1}});
  const auto metrics = r.client().Get("/metrics");
  ASSERT_TRUE(metrics);
  EXPECT_NE(metrics->body.find("rouse_replies_total{route=\"/openapi.json\",status=\"200\"} 1\n"),
            std::string::npos);
  const int block = r.service.session().router().layers.at(0);
  EXPECT_TRUE(std::regex_search(
      metrics->body, std::regex(cat("rouse_expert_reads_total\\{block=\"", block, "\"\\} [1-9]"))));
}

/// No model at hand calls tools, so one is made to say what such a model says.
TEST(Server, GivesBackCallsOfToolsAsSuch) {
  ServiceOptions o = small_service();
  o.tools = true;
  o.model.n_ctx = 512;
  const Running r(o);
  Json body = question("What is the weather in Oslo?");
  body["messages"].push_back(
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        {{{"id", "a"},
          {"type", "function"},
          {"function", {{"name", "weather"}, {"arguments", "{\"city\": \"Oslo\"}"}}}}}}});
  body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "a"}, {"content", "rain"}});
  body["tools"] = {
      {{"type", "function"}, {"function", {{"name", "weather"}, {"parameters", Json::object()}}}}};
  body["max_tokens"] = 200;
  body["grammar"] =
      "root ::= \"<tool_call>{\\\"name\\\": \\\"weather\\\", \\\"arguments\\\": {\\\"city\\\": "
      "\\\"Oslo\\\"}}</tool_call>\"";
  const Json choice = r.post("/v1/chat/completions", body)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  const Json function = choice["message"]["tool_calls"][0]["function"];
  EXPECT_EQ(function["name"], "weather");
  EXPECT_EQ(Json::parse(function["arguments"].get<std::string>()), (Json{{"city", "Oslo"}}));
  const std::vector<Json> events = r.events("/v1/chat/completions", body);
  EXPECT_EQ(events.back()["choices"][0]["delta"]["tool_calls"][0]["function"], function);
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "tool_calls");
  for (const Json& event : events)
    EXPECT_EQ(event["choices"][0]["delta"].value("content", Json()).is_string() &&
                  !event["choices"][0]["delta"]["content"].get<std::string>().empty(),
              false);
  body["tool_choice"] = "none";
  EXPECT_EQ(r.post("/v1/chat/completions", body)["choices"][0]["finish_reason"], "stop");
}

}  // namespace rouse
