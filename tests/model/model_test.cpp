/// What a model file may say, and what is refused.
#include "edited.h"
#include "model/tensors.h"

namespace rouse {
namespace {

void load(const std::string& path) {
  const GgufFile file(path);
  check_tensors(file, read_spec(file));
  TinyModel m(path);
}

}  // namespace

class ModelFile : public testing::Test {
 protected:
  template <class Edit>
  void refused(const std::string& file, Edit edit, const std::string& part) {
    Edited e(file);
    edit(e);
    e.write(path_);
    expect_refusal(
        [&] {
          GgufFile f(path_);
          check_tensors(f, read_spec(f));
        },
        ErrorKind::bad_model, part);
    expect_refusal([&] { TinyModel m(path_); }, ErrorKind::bad_model, part);
  }
  const TempDir dir_;
  const std::string path_ = dir_ / "m.gguf";
};

TEST_F(ModelFile, RefusesAMissingTensor) {
  for (const auto& [file, name] :
       std::vector<std::pair<std::string, std::string>>{{"qwen3moe.gguf", "blk.1.attn_q_norm.weight"},
                                                        {"gpt_oss.gguf", "blk.2.attn_sinks.weight"},
                                                        {"gpt_oss.gguf", "blk.0.ffn_down_exps.bias"},
                                                        {"deepseek2.gguf", "blk.0.attn_kv_a_norm.weight"},
                                                        {"qwen2moe.gguf", "blk.1.ffn_gate_inp_shexp.weight"},
                                                        {"olmoe.gguf", "output_norm.weight"}})
    refused(
        file, [&name = name](Edited& e) { e.drop(name); }, "tensor " + name + " is missing");
}

TEST_F(ModelFile, RefusesAShapeThatContradictsTheMetadata) {
  const auto set = [](const char* key, uint32_t value) {
    return [=](Edited& e) { gguf_set_val_u32(e.keys(), key, value); };
  };
  refused("deepseek2.gguf", set("deepseek2.attention.kv_lora_rank", 20),
          "blk.0.attn_kv_a_mqa.weight is [32, 24]");
  refused("qwen3moe.gguf", set("qwen3moe.attention.key_length", 14),
          "blk.0.attn_q.weight is [32, 48], expected [32, 56]");
  refused("olmoe.gguf", set("olmoe.expert_count", 9), "expected [32, 9]");
  refused("gpt_oss.gguf", set("gpt-oss.attention.head_count_kv", 1),
          "blk.0.attn_k.weight is [32, 24], expected [32, 12]");
  refused("qwen2moe.gguf", set("qwen2moe.expert_shared_feed_forward_length", 41),
          "blk.0.ffn_gate_shexp.weight is [32, 40]");
}

TEST_F(ModelFile, RefusesKeysThatItDoesNotUnderstand) {
  refused(
      "deepseek2.gguf", [](Edited& e) { gguf_set_val_u32(e.keys(), "deepseek2.expert_gating_func", 4); },
      "key deepseek2.expert_gating_func is 4, expected 1 (softmax) or 2 (sigmoid)");
  refused(
      "gpt_oss.gguf", [](Edited& e) { gguf_set_val_str(e.keys(), "gpt-oss.rope.scaling.type", "longrope"); },
      "key gpt-oss.rope.scaling.type is \"longrope\", expected none, linear or yarn");
  refused(
      "gpt_oss.gguf", [](Edited& e) { gguf_set_val_f32(e.keys(), "gpt-oss.rope.scaling.factor", -1); },
      "gpt-oss.rope.scaling.factor is -1");
  refused(
      "gpt_oss.gguf", [](Edited& e) { gguf_remove_key(e.keys(), "gpt-oss.attention.sliding_window"); },
      "gpt-oss.attention.sliding_window is missing");
  refused(
      "deepseek3.gguf", [](Edited& e) { gguf_set_val_u32(e.keys(), "deepseek2.expert_group_count", 3); },
      "8 experts over 3 groups do not divide");
  refused(
      "deepseek3.gguf", [](Edited& e) { gguf_set_val_u32(e.keys(), "deepseek2.expert_group_used_count", 1); },
      "3 experts a token of the 2 that its groups leave");
  refused(
      "granitemoe.gguf", [](Edited& e) { gguf_set_val_f32(e.keys(), "granitemoe.logit_scale", 1e-30f); },
      "granitemoe.logit_scale is");
}

TEST_F(ModelFile, RefusesATensorThatNobodyAskedFor) {
  refused(
      "qwen3.gguf",
      [](Edited& e) { ggml_set_name(e.find("blk.1.ffn_up.weight"), "blk.1.ffn_sideways.weight"); },
      "tensor blk.1.ffn_up.weight is missing");
  refused(
      "qwen3.gguf",
      [](Edited& e) {
        e.drop("output.weight");  // tied then, and its data serves as a stranger
        ggml_set_name(e.find("blk.0.attn_norm.weight"), "blk.7.attn_norm.weight");
      },
      "attn_norm.weight");
  refused(
      "qwen2.gguf", [](Edited& e) { e.drop("blk.1.attn_k.bias"); }, "tensor blk.1.attn_k.bias is missing");
}

TEST_F(ModelFile, ASplitFileEqualsTheWhole) {
  Edited e("qwen3moe.gguf");
  const size_t n = e.tensors().size();
  gguf_set_val_u16(e.keys(), "split.count", 3);
  gguf_set_val_i32(e.keys(), "split.tensors.count", static_cast<int32_t>(n));
  const size_t at[] = {0, n / 3, n / 2, n};
  for (uint16_t part = 0; part < 3; ++part) {
    gguf_set_val_u16(e.keys(), "split.no", part);
    e.write(dir_ / cat("m-0000", part + 1, "-of-00003.gguf"), at[part], at[part + 1]);
  }
  const std::vector<int> text = {271, 5, 17, 200, 33};
  TinyModel split(dir_ / "m-00001-of-00003.gguf"), whole(golden("qwen3moe.gguf"));
  EXPECT_EQ(split.logits(text), whole.logits(text));
  EXPECT_EQ(split.model->file().n_part(), 3);

  expect_refusal([&] { load(dir_ / "m-00002-of-00003.gguf"); }, ErrorKind::bad_model,
                 "is part 2 of 3; give the first part");
  std::filesystem::copy_file(dir_ / "m-00001-of-00003.gguf", dir_ / "other.gguf");
  expect_refusal([&] { load(dir_ / "other.gguf"); }, ErrorKind::bad_model,
                 "does not end in -00001-of-00003.gguf");
  std::filesystem::copy_file(dir_ / "m-00002-of-00003.gguf", dir_ / "m-00003-of-00003.gguf",
                             std::filesystem::copy_options::overwrite_existing);
  expect_refusal([&] { load(dir_ / "m-00001-of-00003.gguf"); }, ErrorKind::bad_model,
                 "is already in another part");
  std::filesystem::remove(dir_ / "m-00003-of-00003.gguf");
  expect_refusal([&] { load(dir_ / "m-00001-of-00003.gguf"); }, ErrorKind::bad_model,
                 "m-00003-of-00003.gguf: cannot open");
}

// Gate and up of every expert in one tensor, as some converters write them.
TEST_F(ModelFile, MergedExpertsGiveTheSameLogits) {
  for (const char* name : {"olmoe.gguf", "gpt_oss.gguf"}) {  // the second has biases, which stay apart
    Edited e(name);
    const ggml_context_ptr merged(ggml_init({1 << 24, nullptr, false}));
    for (int layer = 0; e.has(cat("blk.", layer, ".ffn_gate_exps.weight")); ++layer) {
      const std::string b = cat("blk.", layer, ".");
      ggml_tensor *gate = e.find(b + "ffn_gate_exps.weight"), *up = e.find(b + "ffn_up_exps.weight");
      ggml_tensor* both =
          ggml_new_tensor_3d(merged.get(), GGML_TYPE_F32, gate->ne[0], 2 * gate->ne[1], gate->ne[2]);
      ggml_set_name(both, (b + "ffn_gate_up_exps.weight").c_str());
      for (int64_t expert = 0; expert < gate->ne[2]; ++expert) {
        auto* out = static_cast<char*>(both->data) + static_cast<size_t>(expert) * both->nb[2];
        std::memcpy(out, static_cast<char*>(gate->data) + static_cast<size_t>(expert) * gate->nb[2],
                    gate->nb[2]);
        std::memcpy(out + gate->nb[2], static_cast<char*>(up->data) + static_cast<size_t>(expert) * up->nb[2],
                    up->nb[2]);
      }
      e.drop(b + "ffn_gate_exps.weight");
      if (layer > 0) e.drop(b + "ffn_up_exps.weight");
      e.tensors().push_back(both);
    }
    const std::string stray = "blk.0.ffn_up_exps.weight";
    e.write(path_);
    expect_refusal([&] { load(path_); }, ErrorKind::bad_model, "tensor " + stray + " is not part of");
    e.drop(stray);
    e.write(path_);
    const std::vector<int> text = {271, 5, 17, 200, 33};
    TinyModel one(path_), two(golden(name));
    EXPECT_EQ(one.logits(text), two.logits(text)) << name;
    const GgufFile file(path_);
    EXPECT_NO_THROW(check_tensors(file, read_spec(file)));
  }
}

TEST_F(ModelFile, TiedHeadsGiveTheSameLogits) {
  const std::vector<int> text = {271, 5, 17, 200, 33};
  Edited tied("olmoe.gguf"), untied("olmoe.gguf");
  tied.drop("output.weight");
  tied.write(dir_ / "tied.gguf");
  ggml_tensor *head = untied.find("output.weight"), *embd = untied.find("token_embd.weight");
  std::memcpy(head->data, embd->data, ggml_nbytes(embd));
  untied.write(dir_ / "untied.gguf");
  TinyModel a(dir_ / "tied.gguf"), b(dir_ / "untied.gguf");
  EXPECT_EQ(a.logits(text), b.logits(text));
}

TEST(Rope, YarnBlendsBetweenItsTwoSpeeds) {
  const GgufFile file(golden("deepseek2.gguf"));
  const RopeSpec rope = read_spec(file).rope;
  // 8 dimensions, base 1e4, 128 positions: dimension(32) = 8 ln(128/64pi)/(2 ln 1e4) < 0, dimension(1) = 1.31
  // -> 2.
  ASSERT_EQ(rope.factors.size(), 4u);
  EXPECT_FLOAT_EQ(rope.factors[0], 1.0f);                      // turns often: untouched
  EXPECT_FLOAT_EQ(rope.factors[1], 1.0f / (0.5f / 4 + 0.5f));  // half way
  EXPECT_FLOAT_EQ(rope.factors[2], 4.0f);                      // slow: the whole factor
  EXPECT_FLOAT_EQ(rope.factors[3], 4.0f);
  EXPECT_FLOAT_EQ(rope.magnitude, 1.0f);  // DeepSeek scales the logits instead
}

}  // namespace rouse
