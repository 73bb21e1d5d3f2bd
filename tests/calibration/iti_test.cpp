/// Inference-time intervention: the fit on planted activations, and the shift in the graph.
#include <cmath>

#include "calibration/iti_fit.h"
#include "support.h"

namespace rouse {
namespace {

/// Noise everywhere; head (1, 2) has true answers on one side of a plane.
ItiData planted() {
  ItiData d;
  d.n_layer = 3, d.n_head = 4, d.width = 6;
  Random random(4);
  for (int q = 0; q < 60; ++q)
    for (int a = 0; a < 4; ++a) {
      const bool truth = a % 2 == 0;
      for (int head = 0; head < 12; ++head)
        for (int c = 0; c < 6; ++c) {
          auto x = static_cast<float>(random.normal());
          if (head == 6 && c == 3) x = (truth ? 2.0f : -2.0f) + 0.5f * x;
          d.activations.push_back(x);
        }
      d.truth.push_back(truth);
      d.question.push_back(q);
    }
  return d;
}

}  // namespace

TEST(Iti, FindsAPlantedSeparableHead) {
  const ItiData d = planted();
  const ItiFile file = fit_iti(d, {.n_pick = 1});
  EXPECT_EQ(file.heads[0].layer, 1);
  EXPECT_EQ(file.heads[0].head, 2);
  EXPECT_GT(file.heads[0].accuracy, 0.99);
  EXPECT_LT(file.heads[1].accuracy, 0.7) << "the others are noise";
  EXPECT_GT(file.heads[0].direction[3], 0.95f) << "from false to true";
  EXPECT_NEAR(file.heads[0].sigma, std::sqrt(4 + 0.25), 0.2);
  for (const auto& fold : file.report["folds"]) {
    EXPECT_EQ(fold["best_head"], (nlohmann::ordered_json{1, 2}));
    EXPECT_GT(fold["accuracy"], 0.98);
    EXPECT_LE(fold["interval"][0], fold["accuracy"]);
    EXPECT_GE(fold["interval"][1], fold["accuracy"]);
  }
}

TEST(Iti, NoiseIsNotTakenForKnowledge) {
  ItiData d = planted();
  for (size_t a = 0; a < d.n_answer(); ++a) d.activations[(a * 12 + 6) * 6 + 3] = 0;
  const ItiFile file = fit_iti(d, {.n_pick = 3});
  for (const auto& fold : file.report["folds"]) {
    EXPECT_LT(fold["accuracy"], 0.6) << "heads picked on one half do no better on the other";
    EXPECT_LT(fold["interval"][0], 0.5);
  }
  d.truth.assign(d.truth.size(), 1);
  expect_refusal([&] { fit_iti(d, {}); }, ErrorKind::usage, "every answer is true");
}

TEST(Iti, AProbeSolvesThePenalisedLikelihood) {
  const ItiData d = planted();
  std::vector<size_t> all(d.n_answer());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto w = fit_probe(d, 6, all, 1.0);
  for (size_t c = 0; c < 6; ++c) {  // the gradient vanishes
    double g = w[c];
    for (const size_t a : all) {
      const float* x = d.activations.data() + (a * 12 + 6) * 6;
      double z = w[6];
      for (size_t i = 0; i < 6; ++i) z += w[i] * x[i];
      g += (1 / (1 + std::exp(-z)) - d.truth[a]) * x[c];
    }
    EXPECT_NEAR(g, 0, 1e-4);
  }
}

TEST(Iti, AFileReadsBackAndAWrongOneIsRefused) {
  const TempDir dir;
  ItiFile file = fit_iti(planted(), {});
  file.arch = "llama";
  save_iti(file, dir / "a.iti.json");
  const ItiFile back = read_iti(dir / "a.iti.json");
  EXPECT_EQ(back.heads[0].direction, file.heads[0].direction);
  EXPECT_EQ(back.report, file.report);
  TinyModel m(golden("mixtral.gguf"));
  expect_refusal([&] { head_shift(back, m.model->spec(), 15, 48); }, ErrorKind::bad_file,
                 "is for llama of 3 blocks with 4 heads of 6; the model is llama of 3 with 4 of 16");
  const auto refused = [&](const std::string& text, const std::string& part) {
    std::ofstream(dir / "b.json") << text;
    expect_refusal([&] { read_iti(dir / "b.json"); }, ErrorKind::bad_file, part);
  };
  refused("{}", "b.json: field format is missing");
  refused(R"({"format":"x"})", "format is \"x\", expected \"rouse-iti\", of `rouse iti fit`");
  refused(R"({"format":"rouse-iti","version":2})", "b.json: version is 2, expected an integer of 1 to 1");
  std::string text = read_file(dir / "a.iti.json");
  const size_t at = text.find("\"layer\":1");
  refused(text.replace(at, 9, "\"layer\":7"), "layer is 7, expected an integer of 0 to 2");
  expect_refusal([&] { read_iti(dir / "none.json"); }, ErrorKind::bad_file, "cannot open");
}

/// Adding a shift before the output projection W is adding W * shift to what the block adds.
TEST(Iti, AShiftEqualsTheSameShiftInTheProjectionsBias) {
  TinyModel shifted(golden("gpt_oss.gguf"));
  const ModelSpec& spec = shifted.model->spec();
  HeadShift shift(static_cast<size_t>(spec.n_layer));
  shift[1].resize(static_cast<size_t>(spec.attention.n_embd_out()));
  Random random(8);
  for (float& x : shift[1]) x = 0.3f * static_cast<float>(random.normal());

  const TempDir dir;
  ggml_context* context = nullptr;
  const gguf_context_ptr file(gguf_init_from_file(golden("gpt_oss.gguf").c_str(), {false, &context}));
  const ggml_context_ptr data(context);
  ggml_tensor *bias = ggml_get_tensor(context, "blk.1.attn_output.bias"),
              *weight = ggml_get_tensor(context, "blk.1.attn_output.weight");
  for (int64_t row = 0; row < weight->ne[1]; ++row)
    for (int64_t c = 0; c < weight->ne[0]; ++c)
      static_cast<float*>(bias->data)[row] +=
          static_cast<float*>(weight->data)[row * weight->ne[0] + c] * shift[1][static_cast<size_t>(c)];
  const gguf_context_ptr out(gguf_init_empty());
  gguf_set_kv(out.get(), file.get());
  for (ggml_tensor* t = ggml_get_first_tensor(context); t; t = ggml_get_next_tensor(context, t))
    if (gguf_find_tensor(file.get(), t->name) >= 0) gguf_add_tensor(out.get(), t);
  ASSERT_TRUE(gguf_write_to_file(out.get(), (dir / "m.gguf").c_str(), false));
  TinyModel built_in(dir / "m.gguf");

  const std::vector<int> text = {271, 5, 17, 200, 33, 8, 90};
  const RoutingPolicy policy("topk", shifted.router());
  const SeqId with = shifted.engine.open(), without = shifted.engine.open();
  RowGroup a{&policy, {}, &shift}, b{&policy, {}};
  for (const int t : text)
    a.rows.push_back({with, t, Output::none}), b.rows.push_back({without, t, Output::none});
  a.rows.back().output = b.rows.back().output = Output::logits;
  const StepResult& r = shifted.engine.run({a, b});  // one graph, one group shifted
  EXPECT_LT(max_difference(r.logits(text.size() - 1), built_in.logits(text)), 1e-4f);
  TinyModel plain(golden("gpt_oss.gguf"));
  EXPECT_LT(max_difference(r.logits(2 * text.size() - 1), plain.logits(text)), 1e-4f);
  EXPECT_GT(max_difference(plain.logits(text), built_in.logits(text)), 0.01f);
}

/// Where no row of a batch has an output, the last block's heads are not computed.
TEST(Iti, AShiftOfTheLastBlockInAPromptThatRunsInPieces) {
  TinyModel tiny(golden("qwen3moe.gguf"));
  const ModelSpec& spec = tiny.model->spec();
  HeadShift shift(static_cast<size_t>(spec.n_layer));
  shift.back().assign(static_cast<size_t>(spec.attention.n_embd_out()), 0.5f);
  const RoutingPolicy policy("topk", tiny.router());
  const SeqId whole = tiny.engine.open(), pieces = tiny.engine.open();
  const auto group = [&](SeqId seq, std::initializer_list<int> tokens, Output last) {
    RowGroup g{&policy, {}, &shift};
    for (const int t : tokens) g.rows.push_back({seq, t, Output::none});
    g.rows.back().output = last;
    return g;
  };
  const StepResult& r = tiny.engine.run({group(whole, {5, 9, 33, 7}, Output::logits)});
  const auto logits = r.logits(3);
  const std::vector<float> expected(logits.begin(), logits.end());
  tiny.engine.run({group(pieces, {5, 9, 33}, Output::none)});
  EXPECT_LT(max_difference(tiny.engine.run({group(pieces, {7}, Output::logits)}).logits(0), expected), 1e-4f);
}

}  // namespace rouse
