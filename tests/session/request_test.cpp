/// Requests as values: one JSON form, read with bounds and written back.
#include "session/request.h"

#include "base/random.h"
#include "session/result.h"
#include "support.h"

namespace rouse {
namespace {

Request read(const std::string& text, const Request& base = {}, const RequestRules& rules = {.paths = true}) {
  const Json json = parse_json(text, "test");
  return read_request(JsonValue(json, ""), base, rules);
}

void refused(const std::string& text, const std::string& subject, const std::string& message) {
  try {
    read(text);
    ADD_FAILURE() << text << " was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_EQ(e.subject(), subject) << e.what();
    EXPECT_EQ(std::string(e.what()), message);
  }
}

}  // namespace

TEST(Request, ReadsWhatItIsAsked) {
  const Request r = read(
      R"({"id":7,"messages":[{"role":"user","content":"hi"}],"system":"s","method":"scmoe","beta":0.25,
          "weak":"rank:2","n-predict":3,"stop":"x","temp":1,"seed":18446744073709551615,"n":4,
          "repeat_last_n":-1,"json_schema":{"type":"integer"},"special":false})");
  EXPECT_EQ(r.id, 7);
  ASSERT_EQ(r.prompt.messages.size(), 1u);
  EXPECT_EQ(r.prompt.messages[0].content, "hi");
  EXPECT_EQ(r.prompt.system, "s");
  EXPECT_EQ(r.prompt.special, false);
  EXPECT_EQ(r.method.name, "scmoe");
  EXPECT_EQ(r.method.beta, 0.25f);
  EXPECT_EQ(r.method.given, (std::set<std::string>{"beta", "method", "weak"}));
  EXPECT_EQ(r.generate.n_predict, 3);
  EXPECT_EQ(r.generate.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(r.generate.sampling.temperature, 1);
  EXPECT_EQ(r.generate.sampling.seed, UINT64_MAX);
  EXPECT_EQ(r.generate.sampling.repeat_last_n, -1);
  EXPECT_EQ(r.n_sample, 4);
  EXPECT_EQ(r.generate.grammar, json_schema_grammar(R"({"type":"integer"})"));
}

TEST(Request, IsWrittenAsItReads) {
  for (const std::string text : {
           R"({})",
           R"({"id":"7","prompt":"a\u0000b","raw":true,"special":false})",
           R"({"id":7,"tokens":[1,2,3],"method":"scmoe","weak":"rank:2","alpha":0.1,"beta":0.7})",
           R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"n":3})",
           R"({"prompt":"p","chat_template_kwargs":{"think":false,"n":2},"template_date":"2024-07-26"})",
           R"({"prompt":"p","system":"s","chat_template":"qa","routing":"topk:4","iti":"h","iti_alpha":0.1})",
           R"({"n_predict":0,"stop":["a","b"],"ignore_eos":true,"grammar":"root ::= \"a\"","seed":1})",
           R"({"json_schema":{"enum":["b","a"]},"temp":0.3,"top_k":40,"top_p":0.95,"min_p":0.05})",
       }) {
    const Request r = read(text);
    EXPECT_EQ(request_json(r).dump(), parse_json(text, "").dump()) << "in the table's order, nothing added";
    EXPECT_EQ(request_json(read(request_json(r).dump())), request_json(r));
    EXPECT_EQ(read(request_json(r).dump()).method.given, r.method.given);
  }
  EXPECT_EQ(request_json(read(R"({"temp":0,"top_k":0,"raw":false,"stop":[],"n":1})")), Json::object())
      << "what is at its default";
  EXPECT_EQ(request_json(read(R"({"alpha":0.1})")), (Json{{"alpha", 0.1}}))
      << "but for what a method is given";
}

TEST(Request, NamesATemplateButNeverAFileOfOne) {
  Request base;
  base.prompt.chat.name = "file:t.jinja";
  base.prompt.chat.source = "{{ x }}";
  EXPECT_EQ(read(R"({"prompt":"p"})", base).prompt.chat.source, "{{ x }}") << "of the command line";
  EXPECT_EQ(read(R"({"chat_template":"qa"})", base).prompt.chat.source, "");
  EXPECT_EQ(read(R"({"chat_template":"file:t.jinja"})", base).prompt.chat.source, "")
      << "a name, and unknown";
  refused(R"({"chat_template_kwargs":{"tools":true}})", "chat_template_kwargs",
          "chat_template_kwargs: tools is set by rouse");
  refused(R"({"template_date":"today"})", "template_date",
          "template_date is \"today\", expected a day as YYYY-MM-DD");
}

/// Every option that has a number, at random within its range.
TEST(Request, AnyNumbersReadBack) {
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    Json record = Json::object();
    for (const Option& option : options()) {
      const OptionSpec& s = option.spec;
      if (!option.request || random.below(2)) continue;
      if (s.type == OptionType::integer)
        record[s.name] = static_cast<int64_t>(s.low + random.uniform() * (s.high - s.low));
      if (s.type == OptionType::real)
        record[s.name] = std::min(s.high, s.low + random.uniform() * (std::min(s.high, 1e6) - s.low));
    }
    const Request r = read(record.dump());
    const Json once = request_json(r);
    EXPECT_EQ(request_json(read(once.dump())), once) << record;
    for (const auto& [key, value] : once.items())
      EXPECT_FLOAT_EQ(value.get<float>(), record[key].get<float>()) << key;
  }
}

TEST(Request, RefusalsNameTheKey) {
  refused(R"({"top_kk":1})", "top_kk", "unknown key \"top_kk\"; did you mean top_k?");
  refused(R"({"colour":1})", "colour", "unknown key \"colour\"");
  refused(R"({"top_k":1,"top-k":2})", "top_k", "\"top-k\" is given twice, with a dash and an underscore");
  refused(R"({"model":"x"})", "model", "unknown key \"model\"");
  refused(R"({"grammar":"a","json_schema":{}})", "json_schema", "give one of grammar and json_schema");
  refused(R"({"prompt":"a","tokens":[1]})", "tokens", "give one of prompt and tokens");
  refused(R"({"prompt":"a","messages":[]})", "messages", "give one of prompt and messages");
  refused(R"({"messages":[]})", "messages", "messages is [], expected a list of 1 to 4096");
  refused(R"({"id":1.5})", "id", "id is 1.5, expected text or an integer");
  refused(R"({"method":"magic"})", "method",
          "unknown method \"magic\"; known: greedy, scmoe, cd, dola, contrastive, roe, beam");
  refused(R"({"preset":"careful"})", "preset", "preset \"careful\" is not known here; known: none");
  refused(R"({"n":0})", "n", "n is 0, expected an integer of 1 to 128");
  refused(R"({"seed":-1})", "seed", "seed is -1, expected an integer of 0 to 18446744073709551615");
}

TEST(Request, StandsOverTheOptionsOfItsBase) {
  Request base =
      read(R"({"id":1,"prompt":"base","method":"scmoe","beta":0.25,"json_schema":{"type":"integer"}})");
  base.prompt.file = "f";
  const Request same = read(R"({"id":2,"tokens":[5]})", base);
  EXPECT_EQ(same.prompt.prompt + same.prompt.file, "");
  EXPECT_EQ(same.method.name, "scmoe");
  EXPECT_EQ(same.method.given.count("beta"), 1u);
  EXPECT_EQ(same.json_schema, base.json_schema);
  const Request other = read(R"({"method":"greedy","grammar":"root ::= \"b\""})", base);
  check_given(other.method);  // the base's beta was for its own method
  EXPECT_EQ(other.method.beta, 0.25f);
  EXPECT_EQ(other.generate.grammar, "root ::= \"b\"");
  EXPECT_TRUE(other.json_schema.is_null()) << "a grammar of one's own takes the place of the base's schema";
}

TEST(Result, LeavesOutWhatWasNotAskedFor) {
  Result r;
  r.text = "x";
  r.tokens = {3};
  const Json plain = result_json(r);
  std::vector<std::string> keys;
  for (const auto& field : plain.items()) keys.push_back(field.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"text", "tokens", "prompt_tokens", "stop", "timings", "cost",
                                            "policy", "policy_hash", "method"}));
  r.n_reused = 0;
  r.log_probs = {-0.5};
  r.top = {{{3, -0.5}, {4, -1.5}}};
  r.experts = {{{1, 2}, {0, 3}}};
  const Json all = result_json(r);
  EXPECT_EQ(all["reused_prompt_tokens"], 0);
  EXPECT_EQ(all["log_probs"], Json::parse("[-0.5]"));
  EXPECT_EQ(all["top_log_probs"],
            Json::parse(R"([[{"token":3,"log_prob":-0.5},{"token":4,"log_prob":-1.5}]])"));
  EXPECT_EQ(all["experts"], Json::parse("[[[1,2],[0,3]]]"));
}

}  // namespace rouse
