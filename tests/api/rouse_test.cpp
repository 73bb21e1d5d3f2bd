/// The public interface, through the shared library alone.
#include <gtest/gtest.h>
#include <rouse/rouse.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <numeric>
#include <thread>

namespace rouse::api {
namespace {

ModelOptions lab() {
  return {
      .path = std::string(ROUSE_MODELS) + "/rouse-lab.gguf", .n_ctx = 256, .n_thread = 1, .f32_cache = true};
}

template <class Call>
void expect_error(Call call, ErrorKind kind, const std::string& subject, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "not refused: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_EQ(e.subject(), subject) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

const char* kQuestion = "What is the capital of France?";

}  // namespace

TEST(Api, SaysWhatTheModelIs) {
  const Model model(lab());
  EXPECT_EQ(model.architecture(), "llama");
  EXPECT_EQ(model.n_expert(), 16);
  EXPECT_EQ(model.n_expert_used(), 2);
  EXPECT_EQ(model.moe_blocks(), (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(model.n_ctx(), 256);
  EXPECT_EQ(model.fingerprint().size(), 64u);
  EXPECT_EQ(model.detokenize(model.tokenize("One two.")), "One two.");
}

TEST(Api, StreamsAnAnswerWithItsCostAndLogProbabilities) {
  Model model(lab());
  std::string streamed;
  const Answer a = model.generate(
      {.prompt = kQuestion, .n_predict = 12, .n_top = 3, .on_text = [&](const std::string& piece) {
         streamed += piece;
       }});
  EXPECT_EQ(streamed, a.text);
  EXPECT_NE(a.text.find("Paris"), std::string::npos) << a.text;
  EXPECT_EQ(a.method, "greedy");
  EXPECT_EQ(a.policy, "topk");
  EXPECT_EQ(a.model_fingerprint, model.fingerprint());
  EXPECT_EQ(a.prefill.rows, static_cast<int64_t>(a.prompt_tokens.size()));
  // Rows without an output end before the last block's experts; 2 of each of 6 blocks otherwise.
  EXPECT_EQ(a.prefill.expert_evaluations, 2 * (5 * a.prefill.rows + 1));
  EXPECT_EQ(a.step.expert_evaluations, 12 * a.step.rows);
  EXPECT_EQ(a.step.head_rows, a.step.rows);
  for (const Token& t : a.tokens) {
    ASSERT_EQ(t.top.size(), 3u);
    EXPECT_EQ(t.top[0].first, t.id) << "greedy takes the likeliest";
    EXPECT_EQ(t.top[0].second, t.log_prob);
    EXPECT_NEAR(t.log_prob, t.model_log_prob, 1e-5) << "greedy's scores are the model's";
    EXPECT_LT(t.log_prob, 1e-6);
    double p = 0;
    for (const auto& [id, log_prob] : t.top) p += std::exp(log_prob);
    EXPECT_LE(p, 1 + 1e-6);
  }
}

TEST(Api, AConversationsReasoningIsApartFromItsAnswer) {
  Model model(lab());
  std::string answer, reasoning;
  Request r{.prompt = kQuestion, .grammar = R"(root ::= "<think>\nOne\n</think>\nTwo")"};
  r.on_text = [&](const std::string& piece) { answer += piece; };
  r.on_reasoning = [&](const std::string& piece) { reasoning += piece; };
  const Answer a = model.generate(r);
  EXPECT_EQ(a.text, "Two");
  EXPECT_EQ(a.reasoning, "One");
  EXPECT_EQ(answer, a.text);
  EXPECT_EQ(reasoning, a.reasoning);
  r.raw = true;
  EXPECT_EQ(model.generate(r).text, "<think>\nOne\n</think>\nTwo");
  Request wrong{.prompt = kQuestion, .options = {{"chat_template_kwargs", "{\"a\": []}"}}};
  expect_error([&] { model.generate(wrong); }, ErrorKind::usage, "chat_template_kwargs", "a is [], expected");
}

TEST(Api, ScoresAreTheLogProbabilitiesOfTheTokensThatGreedyTook) {
  Model model(lab());
  const Answer a =
      model.generate({.prompt = "The capital of France is", .raw = true, .n_predict = 4, .n_top = 0});
  const auto scores = model.score({.context = "The capital of France is", .continuations = {a.text}});
  ASSERT_EQ(scores.size(), 1u);
  ASSERT_EQ(scores[0].size(), a.tokens.size());
  for (size_t i = 0; i < a.tokens.size(); ++i) EXPECT_NEAR(scores[0][i], a.tokens[i].log_prob, 2e-3) << i;
}

TEST(Api, TracesAndAsksWhatIf) {
  Model model(lab());
  const auto routes = model.trace("The capital of France is Paris.");
  ASSERT_GT(routes.size(), 3u);
  for (const TokenRoute& r : routes) {
    ASSERT_EQ(r.experts.size(), 6u);
    for (size_t block = 0; block < 6; ++block) {
      ASSERT_EQ(r.experts[block].size(), 2u);
      EXPECT_GE(r.gates[block][0], r.gates[block][1]) << "best first";
    }
  }
  EXPECT_EQ(model.trace("One.", "topk:5")[0].experts[0].size(), 5u);
  // Without the expert that weighs most in a block, the answer is less or more likely.
  const std::string context = "The capital of France is";
  const auto used = model.trace(context).back().experts;
  std::vector<Intervention> bans;
  for (int block = 0; block < 6; ++block)
    bans.push_back({.block = block, .expert = used[static_cast<size_t>(block)][0]});
  const auto effects = model.what_if(context, " Paris", bans);
  ASSERT_EQ(effects.size(), bans.size());
  for (const Effect& e : effects) {
    EXPECT_NE(e.token_change[0], 0);
    EXPECT_NEAR(e.change, std::accumulate(e.token_change.begin(), e.token_change.end(), 0.0), 1e-12);
  }
  expect_error([&] { model.what_if(context, " Paris", {{.block = 5, .expert = 16}}); }, ErrorKind::usage, "",
               "expert 16 is outside 0..15");
}

TEST(Api, SeveralThreadsShareAModel) {
  Model model(lab());
  const std::string alone = model.generate({.prompt = kQuestion, .n_predict = 24}).text;
  const std::string contrast = model.generate({.prompt = kQuestion, .method = "scmoe", .n_predict = 24}).text;
  std::atomic<int> n_wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const bool scmoe = (t + i) % 2 == 0;
        Generation g =
            model.start({.prompt = kQuestion, .method = scmoe ? "scmoe" : "greedy", .n_predict = 24});
        if (i % 4 == 3) {
          g.cancel();
          const Answer a = g.wait();
          n_wrong += (scmoe ? contrast : alone).rfind(a.text, 0) != 0;
        } else {
          n_wrong += g.wait().text != (scmoe ? contrast : alone);
        }
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(n_wrong, 0);
}

TEST(Api, ALaterTurnReusesTheEarlierOne) {
  Model model(lab());
  std::vector<Message> chat{{"user", kQuestion}};
  const Answer first = model.generate({.messages = chat, .n_predict = 16});
  chat.push_back({"assistant", first.text});
  chat.push_back({"user", "What is the capital of Chad?"});
  const Answer second = model.generate({.messages = chat, .n_predict = 16});
  EXPECT_EQ(first.n_reused, 0);
  EXPECT_GE(second.n_reused, static_cast<int>(first.prompt_tokens.size()) - 1);
  EXPECT_EQ(second.prefill.rows, static_cast<int64_t>(second.prompt_tokens.size()) - second.n_reused);
}

TEST(Api, ErrorsSayWhoseTheyAre) {
  expect_error([] { Model({.path = "/nowhere.gguf"}); }, ErrorKind::bad_model, "", "/nowhere.gguf");
  expect_error([] { Model({.path = lab().path, .n_parallel = 0}); }, ErrorKind::usage, "n_parallel",
               "n_parallel is 0");
  Model model(lab());
  const auto refused = [&](Request r, const std::string& subject, const std::string& part) {
    expect_error([&] { model.generate(r); }, ErrorKind::usage, subject, part);
  };
  refused({}, "", "give one of prompt, messages and tokens");
  refused({.prompt = "x", .method = "magic"}, "method", "unknown method \"magic\"");
  refused({.prompt = "x", .method = "scmoe", .options = {{"alpha", "3"}}}, "alpha",
          "alpha is 3, expected a number in (0, 1]");
  refused({.prompt = "x", .options = {{"colour", "3"}}}, "colour", "option \"colour\" is not known");
  refused({.prompt = "x", .options = {{"beta", "0.5"}}}, "beta", "beta has no effect on");
  refused({.prompt = "x", .grammar = "root ::= x", .json_schema = "{}"}, "",
          "give one of grammar and json_schema");
  std::string far;
  for (int i = 0; i < 400; ++i) far += "word ";
  refused({.prompt = far}, "n_ctx", "the context has room for");
  EXPECT_EQ(model.generate({.prompt = kQuestion, .n_predict = 1}).tokens.size(), 1u) << "it goes on";
}

/// A server's model: requests know what it was opened with, and nothing else of the file system.
TEST(Api, RequestsNameFilesAndPresetsTheModelWasOpenedWith) {
  ModelOptions o = lab();
  const std::string trace = std::string(testing::TempDir()) + "rouse_api_trace.jsonl";
  std::ofstream(trace) << R"({"format": "rouse-trace"})" << '\n';  // and nothing else
  o.files = {{"bad", trace}};
  expect_error([&] { Model model(o); }, ErrorKind::bad_file, "", trace);
  o.files.clear();
  o.presets = {{"careful", "scmoe beta=0.25"}, {"weak", "rank:2"}};
  o.paths = false;
  Model model(o);
  const Answer preset = model.generate({.prompt = kQuestion, .method = "careful", .n_predict = 24});
  const Answer spelled = model.generate(
      {.prompt = kQuestion, .method = "scmoe", .options = {{"beta", "0.25"}}, .n_predict = 24});
  EXPECT_EQ(preset.text, spelled.text);
  EXPECT_EQ(preset.method, spelled.method);
  EXPECT_EQ(model.generate({.prompt = kQuestion, .method = "weak", .n_predict = 4}).policy, "rank:2");
  EXPECT_EQ(
      model.generate({.prompt = kQuestion, .method = "weak", .routing = "topk:1", .n_predict = 4}).policy,
      "topk:1");
  for (const char* path : {"/etc/passwd", "/nowhere"})
    expect_error([&] { model.generate({.prompt = "x", .routing = std::string("plan:'") + path + "'"}); },
                 ErrorKind::usage, "routing", "is not known here");
  o.presets = {{"never", "rank:99"}};
  expect_error([&] { Model refused(o); }, ErrorKind::usage, "routing", "preset never: ");
  std::remove(trace.c_str());
}

TEST(Api, WhatOutlivesItsModelEnds) {
  auto model = std::make_unique<Model>(lab());
  Generation g = model->start({.prompt = kQuestion, .options = {{"ignore_eos", "true"}}, .n_predict = 200});
  model.reset();
  EXPECT_TRUE(g.done());
  EXPECT_EQ(g.wait().stop, Stop::cancelled);
  g.cancel();
}

}  // namespace rouse::api
