/// Every method against transformers' generate() and plain references (tools/golden/methods.py).
#include <cmath>

#include "support.h"

namespace rouse {
namespace {

MethodOptions options_of(const nlohmann::json& golden) {
  MethodOptions o;
  for (const auto& [key, value] : golden.items())
    EXPECT_TRUE(set_method_option(o, key, value.is_string() ? value.get<std::string>() : value.dump()))
        << key;
  return o;
}

}  // namespace

TEST(MethodsGolden, EqualTheirReferencesTokenForToken) {
  TinyModel amateur(golden("llama.gguf"));
  std::map<std::string, std::unique_ptr<TinyModel>> models;
  std::map<std::string, int> equal, skipped;
  for (const auto& g : golden_json("methods.json")) {
    const std::string name = g["model"];
    if (!models.count(name)) models[name] = std::make_unique<TinyModel>(golden(name + ".gguf"));
    TinyModel& m = *models[name];
    const Tokenizer tokenizer(m.model->file());
    MethodOptions method = options_of(g["options"]);
    const auto tokens = g["tokens"].get<std::vector<int>>();
    const auto margins = g["margins"].get<std::vector<double>>();
    const bool beam = method.name == "beam";
    for (const char* execution : {"lazy", "plain", "fused"}) {
      SCOPED_TRACE(cat(name, " ", method_text(method), " prompt ", g["prompt"].dump()));
      GenerateOptions o;
      o.n_predict = 32;
      if (!beam) o.follow = tokens;
      if (method.name == "cd") method.execution = execution;
      const MethodModels all{m.model->spec(), false, &amateur.model->spec()};
      Generation generation({&m.engine, &amateur.engine}, tokenizer, make_method(method, all), g["prompt"],
                            o);
      Generation* one = &generation;
      run_generations({&m.engine, &amateur.engine}, {&one, 1});
      if (beam) {  // its choices hang together, so the text is compared whole
        auto text = generation.tokens();
        if (generation.stop_reason() == StopReason::eos) text.push_back(tokenizer.end_tokens()[0]);
        const bool clear = margins[0] > 1e-3;
        if (clear) {
          EXPECT_EQ(text, tokens);
        }
        (clear ? equal : skipped)[method.name] += static_cast<int>(tokens.size());
        break;
      }
      for (size_t i = 0; i < tokens.size(); ++i) {
        if (margins[i] <= 1e-3) {
          ++skipped[method.name];
          continue;
        }
        EXPECT_EQ(generation.choices()[i], tokens[i]) << "step " << i << " margin " << margins[i];
        ++equal[method.name];
      }
      if (method.name != "cd") break;
    }
  }
  for (const char* name : {"dola", "contrastive", "beam", "cd"}) {
    EXPECT_GT(equal[name], std::string(name) == "beam" ? 100 : 600) << name;
    EXPECT_LT(skipped[name], equal[name] / 4) << name;
  }
}

}  // namespace rouse
