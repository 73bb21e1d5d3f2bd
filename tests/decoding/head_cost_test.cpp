/// Rows and bytes of the output head, counted by hand for every way in which a method uses it.
#include "decoding/methods.h"
#include "support.h"

namespace rouse {
namespace {

constexpr int64_t kSteps = 39;  ///< tokens after the first
const std::vector<int> kPrompt = {271, 5, 9, 11, 7};

/// What two engines ran for texts that all go along the same tokens, so that experts are the same too.
struct Counted {
  Counted(TinyModel& m, const MethodOptions& method, size_t n_text = 1, TinyModel* amateur = nullptr) {
    const Tokenizer tokenizer(m.model->file());
    const Engines engines{&m.engine, amateur ? &amateur->engine : nullptr};
    GenerateOptions o;
    o.n_predict = kSteps + 1;
    for (int i = 0; i <= kSteps; ++i) o.follow.push_back(3 + (i * 7) % 90);
    const MethodModels models{m.model->spec(), false, amateur ? &amateur->model->spec() : nullptr};
    const Cost before = m.engine.cost(), amateur_before = amateur ? amateur->engine.cost() : Cost{};
    std::vector<std::unique_ptr<Generation>> texts;
    std::vector<Generation*> all;
    for (size_t i = 0; i < n_text; ++i) {
      texts.push_back(
          std::make_unique<Generation>(engines, tokenizer, make_method(method, models), kPrompt, o));
      all.push_back(texts.back().get());
    }
    run_generations(engines, all);
    model = m.engine.cost() - before;
    if (amateur) weak = amateur->engine.cost() - amateur_before;
    for (const auto& g : texts) {
      own += g->prefill().cost;
      own += g->step().cost;
    }
  }
  Cost model, weak;  ///< by the engines
  Cost own;          ///< by the texts themselves, summed
};

MethodOptions options(const std::string& name) {
  MethodOptions o;
  o.name = name;
  return o;
}

MethodOptions dola(const std::string& layers) {
  MethodOptions o = options("dola");
  o.dola_layers = layers;
  o.relative_top = 0;  // every token is kept, so every step needs its premature logits
  return o;
}

/// What a text costs that goes its own way, by itself.
Cost cost_alone(TinyModel& m, const MethodOptions& method) {
  const Tokenizer tokenizer(m.model->file());
  GenerateOptions o;
  o.n_predict = kSteps + 1;
  o.ignore_eos = true;
  Generation g({&m.engine}, tokenizer, make_method(method, m.models()), kPrompt, o);
  Generation* one = &g;
  run_generations({&m.engine}, {&one, 1});
  EXPECT_EQ(g.tokens().size(), static_cast<size_t>(kSteps + 1));
  Cost own = g.prefill().cost;
  own += g.step().cost;
  return own;
}

}  // namespace

TEST(HeadCost, OfGreedyIsARowAToken) {
  TinyModel m(golden("mixtral.gguf"));
  const Counted one(m, options("greedy")), two(m, options("greedy"), 2);
  EXPECT_EQ(one.model.head_rows, kSteps + 1);
  EXPECT_EQ(one.own.head_rows, kSteps + 1);
  EXPECT_EQ(two.model.head_rows, 2 * (kSteps + 1));
  EXPECT_EQ(two.model.weight_bytes, one.model.weight_bytes) << "texts side by side read the weights once";
}

TEST(HeadCost, OfDolaHasARowForEveryPrematureLayer) {
  TinyModel m(golden("mixtral.gguf"));
  const auto head = static_cast<int64_t>(m.model->weight_bytes().head);
  const Counted greedy(m, options("greedy"));
  for (const auto& [layers, n] : {std::pair{"1", 1}, {"0,1,2", 3}}) {
    const Counted one(m, dola(layers)), two(m, dola(layers), 2);
    EXPECT_EQ(one.model.head_rows, (kSteps + 1) * (1 + n)) << layers;
    EXPECT_EQ(one.own.head_rows, (kSteps + 1) * (1 + n)) << layers;
    EXPECT_EQ(one.model.weight_bytes - greedy.model.weight_bytes, (kSteps + 1) * head)
        << "the layers of a step are one product";
    EXPECT_EQ(two.model.head_rows, 2 * (kSteps + 1) * (1 + n));
    EXPECT_EQ(two.model.weight_bytes, one.model.weight_bytes) << "so are those of two texts";
  }
}

TEST(HeadCost, OfContrastiveDecodingIsARowOfEachModel) {
  TinyModel m(golden("mixtral.gguf")), amateur(golden("mixtral.gguf"));
  MethodOptions cd = options("cd");
  cd.alpha = 1e-6f;
  for (const char* execution : {"plain", "fused", "lazy"}) {
    cd.execution = execution;
    const Counted counted(m, cd, 1, &amateur);
    EXPECT_EQ(counted.model.head_rows, kSteps + 1) << execution;
    EXPECT_EQ(counted.weak.head_rows, kSteps + 1) << execution;
    EXPECT_EQ(counted.own.head_rows, 2 * (kSteps + 1)) << execution;
  }
}

TEST(HeadCost, OfContrastiveSearchIsARowOfEveryCandidate) {
  TinyModel m(golden("mixtral.gguf"));
  MethodOptions search = options("contrastive");
  search.candidates = 4;
  // It goes its own way: only a candidate can be followed. The prompt's row, then four for each token.
  const Cost own = cost_alone(m, search);
  EXPECT_EQ(m.engine.cost().head_rows, 1 + 4 * (kSteps + 1));
  EXPECT_EQ(own.head_rows, 1 + 4 * (kSteps + 1));
}

/// The prompt's row, then one of every beam for each token; the best text is then handed out without a run.
TEST(HeadCost, OfBeamSearchIsARowOfEveryBeam) {
  TinyModel m(golden("mixtral.gguf"));
  MethodOptions beam = options("beam");
  beam.beams = 3;
  const Cost own = cost_alone(m, beam);
  const int64_t n_prompt = static_cast<int64_t>(kPrompt.size()), n_block = 3, k = 2;
  EXPECT_EQ(m.engine.cost().head_rows, 1 + 3 * kSteps);
  EXPECT_EQ(m.engine.cost().rows, n_prompt + 3 * kSteps);
  ASSERT_EQ(m.router().layers.size(), static_cast<size_t>(n_block));
  // The last block runs rows with an output alone.
  EXPECT_EQ(m.engine.cost().expert_evaluations,
            k * ((n_block - 1) * (n_prompt + 3 * kSteps) + 1 + 3 * kSteps));
  EXPECT_EQ(own.head_rows, 1 + 3 * kSteps);
  EXPECT_EQ(own.rows, m.engine.cost().rows);
}

/// Of the weak stream's row only the logits of the plausible tokens are read, where those are few.
TEST(HeadCost, OfScmoeIsTheColumnsOfThePlausibleTokens) {
  TinyModel m(std::string(ROUSE_MODELS) + "/rouse-lab.gguf");
  const auto head = static_cast<int64_t>(m.model->weight_bytes().head);
  const int64_t n_vocab = m.model->spec().n_vocab;
  MethodOptions scmoe = options("scmoe");
  scmoe.weak = "rank:2";
  const auto run = [&](const char* execution, double needed, size_t n_text = 1) {
    scmoe.execution = execution;
    scmoe.simulate_weak_needed = needed;
    return Counted(m, scmoe, n_text);
  };
  const Counted plain = run("plain", 1), lazy = run("lazy", 1), never = run("lazy", 0),
                two = run("lazy", 1, 2);
  EXPECT_EQ(plain.model.head_rows, 2 * (kSteps + 1));
  EXPECT_EQ(lazy.model.head_rows, 2 * (kSteps + 1));
  EXPECT_EQ(lazy.own.head_rows, 2 * (kSteps + 1));
  EXPECT_EQ(never.model.head_rows, kSteps + 1);
  constexpr int64_t kPlausible = 10;  // what a simulated need asks for
  EXPECT_EQ(plain.model.weight_bytes - lazy.model.weight_bytes,
            (kSteps + 1) * (head - head * kPlausible / n_vocab));
  EXPECT_EQ(two.model.head_rows, 4 * (kSteps + 1));
  EXPECT_EQ(run("fused", 1).model.head_rows, 2 * (kSteps + 1));
  EXPECT_EQ(run("fused", 0).model.head_rows, kSteps + 1);
}

}  // namespace rouse
