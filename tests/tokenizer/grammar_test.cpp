/// Texts that must follow a grammar or a JSON schema, on top of the methods.
#include "tokenizer/grammar.h"

#include <llama.h>

#include <cmath>
#include <random>

#include "support.h"

namespace rouse {
namespace {

struct Lab {
  Lab() : m(golden("mixtral.gguf")), tokenizer(m.model->file()) {}
  std::unique_ptr<Generation> run(const std::string& grammar, MethodOptions method = {},
                                  float temperature = 0, uint64_t seed = 1) {
    GenerateOptions o;
    o.n_predict = 120;
    o.grammar = grammar;
    o.sampling.temperature = temperature;
    o.sampling.seed = seed;
    auto g = std::make_unique<Generation>(Engines{&m.engine}, tokenizer, make_method(method, m.models()),
                                          std::vector<int>{271, 5, 9}, o);
    Generation* one = g.get();
    run_generations({&m.engine}, {&one, 1});
    return g;
  }
  TinyModel m;
  Tokenizer tokenizer;
};

bool well_formed(std::string_view utf8) {
  size_t at = 0;
  while (at < utf8.size())
    if (!read_character(utf8, at)) return false;
  return true;
}

std::vector<bool> allowed(Grammar& grammar, int n_vocab) {
  std::vector<float> scores(static_cast<size_t>(n_vocab));
  grammar.allow(scores);
  std::vector<bool> out;
  for (const float score : scores) out.push_back(score > -INFINITY);
  return out;
}

/// The other implementation of GBNF.
class LibllamaGrammar {
 public:
  LibllamaGrammar(const Tokenizer& tokenizer, const std::string& gbnf)
      : sampler_(llama_sampler_init_grammar(tokenizer.vocab(), gbnf.c_str(), "root"), llama_sampler_free) {}
  std::vector<bool> allowed(int n_vocab) const {
    std::vector<llama_token_data> tokens;
    for (int token = 0; token < n_vocab; ++token) tokens.push_back({token, 0, 0});
    llama_token_data_array array{tokens.data(), tokens.size(), -1, false};
    llama_sampler_apply(sampler_.get(), &array);
    std::vector<bool> out;
    for (const auto& token : tokens) out.push_back(token.logit > -INFINITY);
    return out;
  }
  void accept(int token) { llama_sampler_accept(sampler_.get(), token); }

 private:
  std::unique_ptr<llama_sampler, void (*)(llama_sampler*)> sampler_;
};

}  // namespace

TEST(Grammar, EveryMethodThatTakesOneFollowsIt) {
  Lab lab;
  const std::string grammar = "root ::= (\"yes\" | \"no\") \", \" [0-9]{2} \".\"";
  for (const MethodEntry& entry : method_registry()) {
    if (!entry.grammar || entry.amateur) continue;
    MethodOptions method;
    method.name = entry.name;
    for (const float temperature : {0.0f, 1.5f}) {
      if (temperature > 0 && !entry.samples) continue;
      const auto g = lab.run(grammar, method, temperature);
      EXPECT_EQ(g->stop_reason(), StopReason::eos) << entry.name << ": " << g->text();
      const std::string text = g->text();
      const std::string start = text.substr(0, text.find(','));
      EXPECT_TRUE(start == "yes" || start == "no") << text;
      EXPECT_EQ(text.size(), start.size() + 5) << text;
    }
  }
}

TEST(Grammar, ASchemaGivesJsonThatFitsIt) {
  Lab lab;
  const std::string schema = R"({"type": "object", "required": ["name", "age"], "additionalProperties": false,
    "properties": {"name": {"type": "string", "maxLength": 4}, "nick": {"const": "x\"y"},
      "age": {"type": "integer"}, "tags": {"type": "array", "items": {"enum": ["a", 2, null]}, "maxItems": 2},
      "next": {"$ref": "#/$defs/leaf"}},
    "$defs": {"leaf": {"anyOf": [{"type": "boolean"}, {"type": "object", "properties": {}}]}}})";
  const std::string grammar = json_schema_grammar(schema);
  int whole = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto g = lab.run(grammar, {}, 2.0f, seed);
    if (g->stop_reason() != StopReason::eos) continue;  // cut off by the length
    EXPECT_TRUE(well_formed(g->text())) << g->text();
    ++whole;
    const auto json = nlohmann::json::parse(g->text());
    EXPECT_TRUE(json["age"].is_number_integer()) << g->text();
    EXPECT_TRUE(json["name"].is_string()) << g->text();
    EXPECT_EQ(json.value("nick", "x\"y"), "x\"y");
    for (const auto& [key, value] : json.items())
      EXPECT_TRUE(std::set<std::string>({"name", "nick", "age", "tags", "next"}).count(key)) << key;
    EXPECT_LE(json.value("tags", nlohmann::json::array()).size(), 2u);
  }
  EXPECT_GE(whole, 4);
}

TEST(Grammar, RefusesWhatItDoesNotUnderstand) {
  Lab lab;
  expect_refusal([&] { lab.run("root ::= missing"); }, ErrorKind::usage, "the grammar cannot be used");
  expect_refusal([&] { lab.run("nothing like a grammar"); }, ErrorKind::usage, "the grammar cannot be used");
  expect_refusal([&] { lab.run("root ::= root \"a\""); }, ErrorKind::usage, "the grammar cannot be used");
  const auto refused = [](const char* schema, const char* part) {
    expect_refusal([&] { json_schema_grammar(schema); }, ErrorKind::usage, part);
  };
  refused("{", "JSON schema: is broken JSON");
  refused(R"({"type": "string", "pattern": "a+"})", "#: \"pattern\" is not understood here");
  refused(R"({"type": "thing"})", "unknown type \"thing\"");
  refused(R"({"properties": {"a": {"type": "integer", "minimum": 3}}})", "#/properties/a: \"minimum\"");
  refused(R"({"$ref": "#/$defs/none"})", "leads nowhere");
  refused(R"({"$ref": "http://example.org/x"})", "is not below");
  refused(R"({"type": "object", "properties": {}, "required": ["a"]})", "\"a\", which is not a property");
  refused(R"({"type": "array", "minItems": 3, "maxItems": 2})", "minItems is above maxItems");
  refused(R"({"type": "object", "additionalProperties": true})", "additionalProperties must be false");
}

TEST(Grammar, AllowsTheTokensThatLibllamaAllows) {
  Lab lab;
  const Tokenizer& t = lab.tokenizer;
  const char* grammars[] = {
      "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | \"(\" ws "
      "expr "
      "\")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*",
      "root ::= \"- \" [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]{2,30} (\"\\n\" root)?",
      "root ::= .{3,9} | \"the\" | [à-ÿ一-鿿]+",
      "root ::= \"1. \" move \" \" move \"\\n\" ([1-9] [0-9]? \". \" move \" \" move \"\\n\")+\nmove ::= "
      "(\"O-O\" "
      "\"-O\"? | [NBKQR]? [a-h]{0,2} [1-8] (\"=\" [NBKQR])?) [+#]?"};
  std::mt19937_64 random(11);
  size_t compared = 0;
  for (const std::string gbnf : grammars) {
    Grammar ours(t, gbnf);
    LibllamaGrammar theirs(t, gbnf);
    for (int step = 0; step < 25; ++step) {
      const auto a = allowed(ours, t.n_vocab()), b = theirs.allowed(t.n_vocab());
      std::vector<int> next;
      for (int token = 0; token < t.n_vocab(); ++token) {
        const std::string piece = t.piece(token);
        // libllama gives control tokens a text, and does not look closely at broken UTF-8.
        if ((piece.empty() || !well_formed(piece)) && !t.ends_generation(token)) continue;
        const auto i = static_cast<size_t>(token);
        ASSERT_EQ(a[i], b[i]) << gbnf << "\nstep " << step << ": \"" << piece << '"';
        ++compared;
        if (a[i] && !t.ends_generation(token)) next.push_back(token);
      }
      if (next.empty()) break;
      const int token = next[random() % next.size()];
      ours.accept(token);
      theirs.accept(token);
    }
  }
  EXPECT_GT(compared, 10000u);
}

TEST(Grammar, AllowsNoControlTokenAndNothingOutsideIt) {
  Lab lab;
  const Tokenizer& t = lab.tokenizer;
  Grammar grammar(t, "root ::= [^x]{2,}");
  const std::vector<bool> first = allowed(grammar, t.n_vocab());
  int n_without_text = 0;
  for (int token = 0; token < t.n_vocab(); ++token)
    if (t.piece(token).empty() || t.ends_generation(token)) {
      EXPECT_FALSE(first[static_cast<size_t>(token)]) << token;
      ++n_without_text;
    }
  EXPECT_GE(n_without_text, 1);
  expect_refusal([&] { grammar.accept(t.encode("x", false, false).back()); }, ErrorKind::internal,
                 "does not follow the grammar");
}

TEST(Grammar, TakesTokensOfAnyLength) {
  const size_t n = 200000;
  const SortedTokens tokens({std::string(n, 'a'), "", "ab", std::string(n, 'a') + "b", "a", "a"});
  Recognizer r(compile_gbnf("root ::= \"a\"+"));
  std::vector<bool> allowed(6);
  tokens.mark(
      r.start(), [&](int state, uint8_t byte) { return r.next(state, byte); }, allowed);
  EXPECT_EQ(allowed, (std::vector<bool>{true, false, false, false, true, true}));
}

TEST(Grammar, SamplesOfOnePromptEachFollowTheirOwnPath) {
  Lab lab;
  GenerateOptions o;
  o.n_predict = 40;
  o.grammar = "root ::= [a-z]{12}";
  o.sampling.temperature = 1.5f;
  Generation leader({&lab.m.engine}, lab.tokenizer, make_method({}, lab.m.models()), {271, 5}, o);
  Generation a(leader, 2), b(leader, 3);
  Generation* all[] = {&leader, &a, &b};
  run_generations({&lab.m.engine}, all);
  for (const Generation* g : all) EXPECT_EQ(g->text().size(), 12u) << g->text();
  EXPECT_NE(a.text(), b.text());
}

}  // namespace rouse
