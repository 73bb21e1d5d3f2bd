#include <cmath>
#include <limits>

#include "decoding/contrast.h"
#include "decoding/scheduler.h"
#include "support.h"

namespace rouse {

TEST(Contrast, DropsImplausibleTokensAndContrastsTheRest) {
  const std::vector<float> strong = {2, 1, -1};  // floor = 2 + log(0.1) = -0.30
  const std::vector<int> plausible = plausible_tokens(strong, 0.1f);
  EXPECT_EQ(plausible, (std::vector<int>{0, 1}));
  std::vector<float> out(3);
  contrast(strong, plausible, std::vector<float>{1, 2}, 0.5f, out);
  EXPECT_EQ(out, (std::vector<float>{2.5f, 0.5f, -INFINITY}));
  EXPECT_EQ(plausible_tokens(strong, 1.0f), std::vector<int>{0});
}

TEST(Sampler, IsGreedyByDefaultWithTiesToTheLowerToken) {
  Sampler c({});
  std::vector<float> scores = {1, 3, 3, 2};
  EXPECT_EQ(c.pick(scores, {}), 1);
  std::vector<float> nothing(3, -INFINITY);
  expect_refusal([&] { c.pick(nothing, {}); }, ErrorKind::internal, "no finite score");
}

TEST(Sampler, TakesNoTokenWhereAScoreIsNotANumber) {
  SamplingOptions warm;
  warm.temperature = 1;
  for (const SamplingOptions& o : {SamplingOptions{}, warm})
    for (const float bad : {NAN, INFINITY})
      for (const int at : {0, 2}) {
        std::vector<float> scores = {1, 3, -INFINITY, 2};
        scores[static_cast<size_t>(at)] = bad;
        expect_refusal([&] { Sampler(o).pick(scores, {}); }, ErrorKind::internal,
                       cat("the score of token ", at));
      }
}

TEST(Sampler, SamplesInProportionAndTheSameForTheSameSeed) {
  const std::vector<float> scores = {0, std::log(2.f), std::log(5.f), -INFINITY};
  const auto draw = [&](SamplingOptions o, int n) {
    Sampler c(o);
    std::vector<int> counts(4), order;
    for (int i = 0; i < n; ++i) {
      std::vector<float> s = scores;
      order.push_back(c.pick(s, {}));
      ++counts[static_cast<size_t>(order.back())];
    }
    return std::pair(counts, order);
  };
  SamplingOptions o;
  o.temperature = 1;
  const auto [counts, order] = draw(o, 8000);
  EXPECT_NEAR(counts[0], 1000, 120);
  EXPECT_NEAR(counts[2], 5000, 200);
  EXPECT_EQ(counts[3], 0);
  EXPECT_EQ(draw(o, 50).second, std::vector<int>(order.begin(), order.begin() + 50));
  o.top_k = 2;
  EXPECT_EQ(draw(o, 500).first[0], 0);
  o.top_k = 0, o.top_p = 0.6f;  // 5/8 alone passes 0.6
  EXPECT_EQ(draw(o, 500).first[2], 500);
  o.top_p = 1, o.min_p = 0.3f;  // below 0.3 * 5/8
  EXPECT_EQ(draw(o, 500).first[0], 0);
  EXPECT_GT(draw(o, 500).first[1], 0);
}

TEST(Sampler, PenalisesRecentTokens) {
  SamplingOptions o;
  o.repeat_penalty = 2;
  std::vector<float> s = {3, 2, -1};
  const std::vector<int> history = {0, 2};
  EXPECT_EQ(Sampler(o).pick(s, history), 1);
  EXPECT_EQ(s, (std::vector<float>{1.5f, 2, -2}));
  o = {};
  o.frequency_penalty = 1, o.presence_penalty = 0.5f, o.repeat_last_n = 2;
  s = {3, 2, 0};
  Sampler(o).pick(s, std::vector<int>{1, 0, 0});  // only the last two count
  EXPECT_EQ(s, (std::vector<float>{0.5f, 2, 0}));
}

TEST(Sampler, RefusesNonsense) {
  const auto refused = [](auto change, const char* part) {
    SamplingOptions o;
    change(o);
    expect_refusal([&] { Sampler c(o); }, ErrorKind::usage, part);
  };
  refused([](auto& o) { o.temperature = -1; }, "temp");
  refused([](auto& o) { o.top_p = 0; }, "top_p");
  refused([](auto& o) { o.min_p = 2; }, "min_p");
  refused([](auto& o) { o.repeat_penalty = 0; }, "repeat_penalty");
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    refused([&](auto& o) { o.temperature = bad; }, "temp");
    refused([&](auto& o) { o.top_p = bad; }, "top_p");
    refused([&](auto& o) { o.min_p = bad; }, "min_p");
    refused([&](auto& o) { o.repeat_penalty = bad; }, "repeat_penalty");
    refused([&](auto& o) { o.presence_penalty = bad; }, "presence_penalty");
    refused([&](auto& o) { o.frequency_penalty = bad; }, "frequency_penalty");
  }
}

TEST(Sampler, KeepsTheOrderOfTheScoresAtEveryTemperature) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min(), kHuge = std::numeric_limits<float>::max();
  for (const std::vector<float>& scores : {std::vector<float>{1, 9, 8.5f, -INFINITY, 3},
                                           {-1e4f, -2, -2.5f, -INFINITY, -1e3f},
                                           {-kHuge, kHuge, 1e38f, -INFINITY, -1},
                                           {-1e-30f, 1e-30f, 1e-31f, -INFINITY, -1e-31f}})
    for (const float temperature :
         {kTiny, 1e-42f, 1e-38f, 1e-30f, 1e-10f, 1e-3f, 0.1f, 1.0f, 1e3f, 1e30f, kHuge}) {
      SamplingOptions o;
      o.temperature = temperature;
      std::vector<int> counts(scores.size());
      for (o.seed = 0; o.seed < 400; ++o.seed) {
        std::vector<float> s = scores;
        ++counts[static_cast<size_t>(Sampler(o).pick(s, {}))];
      }
      // Against the definition in long double: a share of less than 1e-9 is not drawn, others about as often.
      long double sum = 0;
      std::vector<long double> p;
      for (const float s : scores) {
        p.push_back(std::exp((static_cast<long double>(s) - scores[1]) / temperature));
        sum += p.back();
      }
      for (size_t i = 0; i < p.size(); ++i)
        EXPECT_NEAR(counts[i], static_cast<double>(400 * p[i] / sum), p[i] / sum < 1e-9L ? 0.1 : 45)
            << "token " << i << " at temperature " << temperature;
    }
}

TEST(Sampler, ForbidsNothingAndPrefersNothingByExtremePenalties) {
  const auto pick = [](auto change, std::vector<float> scores, std::vector<int> history) {
    SamplingOptions o;
    change(o);
    return Sampler(o).pick(scores, history);
  };
  for (const float huge : {1e30f, 3e38f}) {
    const auto repeat = [=](auto& o) { o.repeat_penalty = huge; };
    EXPECT_EQ(pick(repeat, {-5, -INFINITY}, {0, 1}), 0) << "the only token that may come still comes";
    EXPECT_EQ(pick(repeat, {-5, -9}, {0}), 1);
    EXPECT_EQ(pick([=](auto& o) { o.repeat_penalty = 1 / huge; }, {1, 5, 9}, {0}), 0);
    EXPECT_EQ(pick([=](auto& o) { o.presence_penalty = huge; }, {5, -INFINITY, 1}, {0, 2}), 0);
    EXPECT_EQ(pick([=](auto& o) { o.presence_penalty = huge; }, {5, -9}, {0}), 1);
    EXPECT_EQ(pick([=](auto& o) { o.frequency_penalty = huge; }, {5, -9}, {0, 0, 0}), 1);
    EXPECT_EQ(pick([=](auto& o) { o.frequency_penalty = -huge; }, {5, -9}, {1, 1, 1}), 1);
  }
}

TEST(Sampler, KeepsTheWholeTailWhenTopPIsOne) {
  SamplingOptions o;
  o.temperature = 1e6f;  // flat, after a top-p that sees a sure model
  std::vector<int> counts(3);
  for (o.seed = 0; o.seed < 300; ++o.seed) {
    std::vector<float> s = {0, 60, 0};
    ++counts[static_cast<size_t>(Sampler(o).pick(s, {}))];
  }
  for (const int n : counts) EXPECT_NEAR(n, 100, 35);
}

TEST(Methods, RefuseWhatCannotBe) {
  TinyModel m(golden("mixtral.gguf"));
  const auto refused = [&](auto change, const char* part) {
    MethodOptions o;
    o.name = "scmoe";
    change(o);
    expect_refusal([&] { make_method(o, m.models()); }, ErrorKind::usage, part);
  };
  refused([](auto& o) { o.alpha = 0; }, "alpha is 0");
  refused([](auto& o) { o.alpha = 1.5f; }, "alpha is 1.5");
  refused([](auto& o) { o.beta = -1; }, "beta is -1");
  refused([](auto& o) { o.weak = "rank:9"; }, "expected 1 to 8");
  refused([](auto& o) { o.execution = "quick"; }, "exec is \"quick\"");
  refused([](auto& o) { o.weak_temp = 0; }, "weak_temp");
  for (const float bad : {1e-38f, 1e38f, NAN, INFINITY}) {
    refused([=](auto& o) { o.weak_temp = bad; }, "weak_temp");
    refused([=](auto& o) { o.strong_temp = bad; }, "strong_temp");
  }
  for (const float bad : {1e38f, NAN, INFINITY}) refused([=](auto& o) { o.beta = bad; }, "beta");
  refused([](auto& o) { o.name = "beam", o.length_penalty = 1e30f; }, "length_penalty is 1e+30");
  refused([](auto& o) { o.name = "beam", o.length_penalty = NAN; }, "length_penalty");
  refused([](auto& o) { o.name = "beams"; }, "unknown method \"beams\"; known: greedy, scmoe");
  refused([](auto& o) { o.name = "cd"; }, "contrasts with a second model, and none was given");
  refused([](auto& o) { o.name = "dola", o.dola_layers = "1,3"; },
          "\"3\" is not low, high or a list of layers in 0..2");
  refused([](auto& o) { o.name = "dola", o.relative_top = 2; }, "relative_top is 2");
  refused([](auto& o) { o.name = "contrastive", o.candidates = 0; }, "candidates is 0");
  refused([](auto& o) { o.name = "contrastive", o.penalty_alpha = -1; }, "penalty_alpha is -1");
  refused([](auto& o) { o.name = "beam", o.beams = 99; }, "beams is 99");
  refused([](auto& o) { set_method_option(o, "dola_layers", "low"); },
          "dola_layers has no effect on method scmoe; it is for dola");
  refused([](auto& o) { set_method_option(o, "iti-alpha", "3"); }, "iti_alpha has no effect without iti");
  MethodOptions scmoe;
  expect_refusal([&] { set_method_option(scmoe, "beta", "1e39"); }, ErrorKind::usage,
                 "beta is 1e+39, expected a number in [0, 1e+06]");
  scmoe.name = "scmoe";
  expect_refusal([&] { make_method(scmoe, {ModelSpec{}}); }, ErrorKind::usage, "this model is dense");
  EXPECT_EQ(method_text(resolved(scmoe, m.router())), "scmoe(weak=rank:2,alpha=0.1,beta=0.5,exec=auto)");
}

namespace {

/// Generates with one method; the options' defaults and 24 tokens unless changed.
struct Generated {
  Generated(TinyModel& m, const Tokenizer& t, const MethodOptions& method, const GenerateOptions& o,
            std::vector<int> prompt = {271, 4, 9, 66})
      : generation({&m.engine}, t, make_method(method, m.models()), std::move(prompt), o,
                   [this](const std::string& s) { printed += s; }) {
    Generation* one = &generation;
    run_generations({&m.engine}, {&one, 1});
  }
  std::string printed;
  Generation generation;
};

MethodOptions scmoe_method(const char* execution) {
  MethodOptions o;
  o.name = "scmoe";
  o.execution = execution;
  return o;
}

}  // namespace

TEST(Generation, ExecutionsOfScmoeGiveTheSameTokensGreedyAndSampled) {
  for (const char* file :
       {"mixtral.gguf", "deepseek.gguf", "deepseek2.gguf", "deepseek3.gguf", "qwen2moe.gguf", "qwen3moe.gguf",
        "olmoe.gguf", "gpt_oss.gguf", "granitemoe.gguf"}) {
    TinyModel m(golden(file));
    const Tokenizer tokenizer(m.model->file());
    for (const float temperature : {0.0f, 0.8f}) {
      GenerateOptions o;
      o.n_predict = 40;
      o.ignore_eos = true;
      o.sampling.temperature = temperature;
      o.sampling.seed = 3;
      const Generated plain(m, tokenizer, scmoe_method("plain"), o);
      EXPECT_EQ(plain.generation.tokens().size(), 40u);
      for (const char* execution : {"fused", "lazy", "auto"})
        EXPECT_EQ(Generated(m, tokenizer, scmoe_method(execution), o).generation.tokens(),
                  plain.generation.tokens())
            << file << " " << execution;
    }
    EXPECT_EQ(m.engine.n_free(), m.engine.n_cell()) << "both streams are freed";
  }
}

TEST(Generation, AForbiddenEndTokenIsNeverTheOnlyPlausibleOne) {
  TinyModel m(std::string(ROUSE_MODELS) + "/rouse-lab.gguf");  // sure of its end tokens
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 48;
  o.ignore_eos = true;
  const auto prompt = tokenizer.encode("Question: What is the capital of France?\nAnswer:", true, true);
  for (const char* execution : {"plain", "fused", "lazy"})
    EXPECT_EQ(Generated(m, tokenizer, scmoe_method(execution), o, prompt).generation.tokens().size(), 48u);
}

TEST(Generation, LazyRunsFewerWeakRowsThanFused) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 32;
  o.ignore_eos = true;
  MethodOptions lazy = scmoe_method("lazy");
  lazy.alpha = 1;  // one plausible token: the weak stream is never needed
  const Generated never(m, tokenizer, lazy, o);
  EXPECT_EQ(never.generation.step().cost.rows, 31);
  MethodOptions fused = scmoe_method("fused");
  fused.alpha = 1;
  const Generated always(m, tokenizer, fused, o);
  EXPECT_EQ(always.generation.step().cost.rows, 2 * 31);
  EXPECT_EQ(always.generation.tokens(), never.generation.tokens());
  const Generated greedy(m, tokenizer, MethodOptions{}, o);
  EXPECT_EQ(never.generation.tokens(), greedy.generation.tokens())
      << "alpha 1 leaves the strong stream's best token";
}

TEST(Generation, MixedMethodsSideBySideGiveWhatEachGivesAlone) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 20;
  o.ignore_eos = true;
  MethodOptions rank2, dynamic, dola, contrastive, beam;
  rank2.routing = "rank:2";
  dynamic.routing = "dynamic:0.5";
  dola.name = "dola", dola.dola_layers = "0,1,2";
  contrastive.name = "contrastive";
  beam.name = "beam";
  const std::vector<MethodOptions> methods = {MethodOptions{},
                                              scmoe_method("lazy"),
                                              rank2,
                                              contrastive,
                                              scmoe_method("fused"),
                                              dola,
                                              dynamic,
                                              beam,
                                              scmoe_method("plain")};
  std::vector<std::unique_ptr<Generation>> together;
  std::vector<Generation*> pointers;
  for (size_t i = 0; i < methods.size(); ++i) {
    together.push_back(std::make_unique<Generation>(Engines{&m.engine}, tokenizer,
                                                    make_method(methods[i], m.models()),
                                                    std::vector<int>{271, static_cast<int>(i), 9}, o));
    pointers.push_back(together.back().get());
  }
  run_generations({&m.engine}, pointers);
  for (size_t i = 0; i < methods.size(); ++i) {
    const Generated alone(m, tokenizer, methods[i], o, {271, static_cast<int>(i), 9});
    EXPECT_EQ(together[i]->tokens(), alone.generation.tokens()) << i;
    const Cost shared = together[i]->step().cost, own = alone.generation.step().cost;
    EXPECT_EQ(shared.expert_evaluations, own.expert_evaluations) << i;
    EXPECT_EQ(shared.rows, own.rows) << i;
    EXPECT_LE(shared.weight_bytes, own.weight_bytes) << i;  // what neighbours read too is shared
  }
}

TEST(Generation, StopsAtAStringWithoutPrintingIt) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 30;
  o.ignore_eos = true;
  const std::string whole = Generated(m, tokenizer, {}, o).generation.text();
  const std::string stop = whole.substr(whole.size() / 2, 3);
  o.stop = {"never this", stop};
  const Generated run(m, tokenizer, {}, o);
  EXPECT_EQ(run.generation.stop_reason(), StopReason::stop_string);
  EXPECT_EQ(run.generation.text(), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(run.printed, run.generation.text()) << "what was streamed is what stands";
}

TEST(Generation, StopsAtAControlTokenByItsName) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  const int control = tokenizer.end_tokens().at(0);
  GenerateOptions o;
  o.n_predict = 8;
  o.ignore_eos = true;
  o.follow = Generated(m, tokenizer, {}, o).generation.tokens();
  o.follow[5] = control;
  const Generated whole(m, tokenizer, {}, o);
  EXPECT_EQ(whole.generation.stop_reason(), StopReason::length);
  o.stop = {tokenizer.piece(control, true)};
  const Generated run(m, tokenizer, {}, o);
  EXPECT_EQ(run.generation.stop_reason(), StopReason::stop_string);
  EXPECT_EQ(run.generation.tokens().size(), 6u);
  EXPECT_EQ(run.generation.text(), tokenizer.decode({o.follow.begin(), o.follow.begin() + 5}));
  EXPECT_EQ(run.printed, run.generation.text());
}

TEST(Generation, CountsAStopStringThatNoLongerOneBeatsBeforeTheEnd) {
  TinyModel m(golden("mixtral.gguf"));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 12;
  o.ignore_eos = true;
  const std::string whole = Generated(m, tokenizer, {}, o).generation.text();
  const std::string last = whole.substr(whole.size() - 2);
  o.stop = {last, whole.substr(whole.size() - 4) + "and more"};
  const Generated run(m, tokenizer, {}, o);
  EXPECT_EQ(run.generation.stop_reason(), StopReason::stop_string);
  EXPECT_EQ(run.generation.text(), whole.substr(0, whole.find(last)));
  EXPECT_EQ(run.printed, run.generation.text());
  o.stop = {""};
  expect_refusal([&] { Generated(m, tokenizer, {}, o); }, ErrorKind::usage, "a stop string is empty");
}

TEST(Generation, EndsAtTheContextAndRefusesAPromptThatDoesNotFit) {
  TinyModel m(golden("mixtral.gguf"), 256);
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = 1000;
  o.ignore_eos = true;
  for (const char* execution : {"plain", "fused", "lazy"}) {
    const Generated run(m, tokenizer, scmoe_method(execution), o);
    EXPECT_EQ(run.generation.stop_reason(), StopReason::context);
    EXPECT_GT(run.generation.tokens().size(), 120u);
  }
  expect_refusal([&] { Generated(m, tokenizer, {}, o, std::vector<int>(257, 1)); }, ErrorKind::usage,
                 "the prompt has 257 tokens, the context has room for 256");
  expect_refusal([&] { Generated(m, tokenizer, scmoe_method("fused"), o, std::vector<int>(200, 1)); },
                 ErrorKind::usage, "on each of 2 streams");
  expect_refusal([&] { Generated(m, tokenizer, {}, o, {}); }, ErrorKind::usage, "the prompt is empty");
  expect_refusal([&] { Generated(m, tokenizer, {}, o, {5000}); }, ErrorKind::usage,
                 "prompt token 5000 is outside");
}

TEST(Generation, TheContextIsATextsOwnHoweverManyCellsThereAre) {
  const auto devices = std::make_shared<Devices>(1);
  const auto model = std::make_shared<Model>(golden("mixtral.gguf"), devices);
  NativeEngine engine(model, {.n_ctx = 40, .n_cell = 1024, .kv_type = GGML_TYPE_F32});
  const Tokenizer tokenizer(model->file());
  GenerateOptions o;
  o.n_predict = 100;
  o.ignore_eos = true;
  for (const char* name : {"greedy", "scmoe", "dola", "beam", "contrastive"}) {
    MethodOptions method;
    method.name = name;
    const auto start = [&](int n_prompt) {
      return std::make_unique<Generation>(Engines{&engine}, tokenizer, make_method(method, {model->spec()}),
                                          std::vector<int>(static_cast<size_t>(n_prompt), 7), o);
    };
    expect_refusal([&] { start(41); }, ErrorKind::usage,
                   "the prompt has 41 tokens, the context has room for 40");
    const auto text = start(30);
    Generation* one = text.get();
    run_generations({&engine}, {&one, 1});
    EXPECT_EQ(text->stop_reason(), StopReason::context) << name;
    // The last token is never run; contrastive search runs it to choose it.
    EXPECT_EQ(text->tokens().size(), std::string(name) == "contrastive" ? 10u : 11u) << name;
  }
}

TEST(Generation, WhoWaitsForAPromptThatFailsFailsToo) {
  const TempDir dir;
  TinyModel m(spoiled_model(dir, "mixtral.gguf", "output.weight", 17));
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  Generation leader({&m.engine}, tokenizer, make_method({}, m.models()), {5, 6}, o);
  Generation follower(leader, 2);
  std::vector<Generation*> both{&leader, &follower};
  expect_refusal([&] { run_generations({&m.engine}, both); }, ErrorKind::internal,
                 "the logit of token 17 after position 1 is");
  EXPECT_EQ(follower.stop_reason(), StopReason::failed);
}

}  // namespace rouse
