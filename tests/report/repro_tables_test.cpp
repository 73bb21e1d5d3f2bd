/// Tables of what the steps of a reproduction leave, and files that lack something.
#include "report/repro_tables.h"

#include "report/expert_use.h"
#include "support.h"

namespace rouse {

TEST(ReproTables, AreMarkdownWithIntervals) {
  const Json latency{{"rows",
                      {{{"name", "greedy"}, {"seconds_per_512_tokens", 2.5}},
                       {{"name", "scmoe"},
                        {"seconds_per_512_tokens", 3.0},
                        {"step_ratio_to_greedy", 1.2},
                        {"step_ratio_to_greedy_interval", {1.1, 1.3}}}}}};
  const std::string table = latency_table(JsonValue(latency, "latency.json"));
  EXPECT_NE(table.find("| greedy | 2.50 |  |\n"), std::string::npos) << table;
  EXPECT_NE(table.find("| scmoe | 3.00 | 1.20 [1.10, 1.30] |\n"), std::string::npos) << table;
  const Json divergence{{"rows",
                         {{{"other", "rank:2"},
                           {"kl",
                            {{"all", {{"mean", 0.5}, {"interval", {0.25, 0.75}}}},
                             {"math", {{"mean", nullptr}, {"interval", {nullptr, nullptr}}}},
                             {"stop_words", {{"mean", 1.0}, {"interval", {1.0, 1.0}}}}}},
                           {"unchosen", 0.254}}}}};
  EXPECT_NE(divergence_table(JsonValue(divergence, "d.json"))
                .find("| rank:2 | 0.500 [0.250, 0.750] |  | 1.000 [1.000, 1.000] | 25% |"),
            std::string::npos);
  const Json none{{"rows", {{{"name", "greedy"}}}}};
  expect_refusal([&] { latency_table(JsonValue(none, "l.json")); }, ErrorKind::usage,
                 "l.json: rows[0]: field seconds_per_512_tokens is missing");
}

TEST(ExpertUse, CountsTheExpertsOfGeneratedTokensAlone) {
  TinyModel m(golden("mixtral.gguf"), 256);  // 3 layers of 8 experts, top-2
  const Tokenizer tokenizer{GgufFile(golden("mixtral.gguf"))};
  MethodOptions method;
  method.name = "scmoe";
  method.execution = "plain";  // every step runs both streams
  GenerateOptions options;
  options.n_predict = 5, options.ignore_eos = true, options.routing = true;
  Generation g({&m.engine}, tokenizer, make_method(method, m.models()), {271, 5, 9}, options);
  Generation* one = &g;
  run_generations({&m.engine}, {&one, 1});
  const auto use = expert_use(g, 0, m.router());
  ASSERT_EQ(use.size(), 3u);
  for (const auto& layer : use) {
    int n = 0;
    for (const int count : layer) n += count;
    EXPECT_EQ(n, 2 * 5) << "the prompt's last row and the rows of four tokens, two experts each";
  }
  int n = 0, unchosen = 0;
  for (const RoutedPosition& weak : g.routed())
    for (const RoutedPosition& strong : g.routed()) {
      if (weak.stream != 1 || strong.stream != 0 || weak.position != strong.position) continue;
      for (size_t l = 0; l < 3; ++l) {
        ASSERT_EQ(weak.layers[l].experts.size(), 1u);
        const int e = weak.layers[l].experts[0];
        const auto& chosen = strong.layers[l].experts;
        const bool is_unchosen = e != chosen[0] && e != chosen[1];
        EXPECT_FALSE(l == 0 && is_unchosen) << "both see the same row, whose second rank is chosen";
        ++n, unchosen += is_unchosen;
      }
    }
  EXPECT_EQ(n, 7 * 3) << "three of the prompt and four more, three blocks";
  ASSERT_TRUE(unchosen_share(g)) << "there is a weak stream";
  EXPECT_DOUBLE_EQ(*unchosen_share(g), unchosen / 21.0);
  EXPECT_EQ(default_variants(m.router())[2], "topk:4");
}

}  // namespace rouse
