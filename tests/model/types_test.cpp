/// Every type of ggml in every tensor of every golden file: refused by name, or it runs.
#include <set>

#include "edited.h"
#include "model/synth/synth.h"
#include "model/tensors.h"

namespace rouse {
namespace {

constexpr const char* kFiles[] = {
    "llama.gguf",           "mixtral.gguf",    "deepseek.gguf", "deepseek2.gguf", "deepseek2_lite.gguf",
    "deepseek2_plain.gguf", "deepseek3.gguf",  "qwen2moe.gguf", "qwen3moe.gguf",  "olmoe.gguf",
    "gpt_oss.gguf",         "granitemoe.gguf", "qwen2.gguf",    "qwen3.gguf"};

/// What ggml multiplies by, by its names (ggml.h): not the integers, F64, and the two types that only the
/// other side of a product has.
const std::set<std::string> kProductTypes = {
    "f32",   "f16",     "bf16",   "q4_0",  "q4_1",    "q5_0",  "q5_1",   "q8_0",  "q2_K", "q3_K",
    "q4_K",  "q5_K",    "q6_K",   "tq1_0", "tq2_0",   "mxfp4", "nvfp4",  "q1_0",  "q2_0", "iq1_s",
    "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_nl", "iq4_xs"};

std::vector<ggml_type> types_of_blocks(int64_t n_row_element) {
  std::vector<ggml_type> out;
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    if (ggml_blck_size(type) > 0 && ggml_type_size(type) > 0 && n_row_element % ggml_blck_size(type) == 0)
      out.push_back(type);
  }
  return out;
}

bool is_product(const std::string& name) {
  return name.ends_with(".weight") && name.find("_norm") == std::string::npos &&
         name.find("sinks") == std::string::npos;
}

bool finite(const std::vector<float>& logits) {
  return std::all_of(logits.begin(), logits.end(), [](float x) { return x - x == 0; });
}

const std::vector<int> kTokens = {271, 5, 17, 200, 33};

}  // namespace

TEST(Types, EveryTypeInEveryTensorIsRefusedByNameOrTaken) {
  int n_taken = 0, n_refused = 0;
  for (const char* name : kFiles) {
    const GgufFile file = Edited(name).header();
    const ModelSpec spec = read_spec(file);
    for (const ggml_tensor* t : file.tensors()) {
      auto* tensor = const_cast<ggml_tensor*>(t);
      for (const ggml_type type : types_of_blocks(t->ne[0])) {
        tensor->type = type;
        const bool fits =
            is_product(t->name) ? kProductTypes.count(ggml_type_name(type)) > 0 : type == GGML_TYPE_F32;
        ++(fits ? n_taken : n_refused);
        if (fits)
          EXPECT_NO_THROW(check_tensors(file, spec)) << name << " " << t->name << " " << ggml_type_name(type);
        else
          expect_refusal([&] { check_tensors(file, spec); }, ErrorKind::bad_model,
                         cat("m.gguf: ", t->name, " is of type ", ggml_type_name(type), ", expected f32"));
      }
      tensor->type = GGML_TYPE_F32;
    }
  }
  EXPECT_GT(n_taken, 2000);
  EXPECT_GT(n_refused, 4000);
}

/// Biases of queries, keys and values are stacked: one of another type was written past the end of the stack.
TEST(Types, ABiasOfAnotherTypeIsRefusedBeforeAnythingIsWritten) {
  const TempDir dir;
  const std::string path = dir / "m.gguf";
  for (const auto& [name, tensor] :
       std::vector<std::pair<const char*, std::string>>{{"qwen2moe.gguf", "blk.1.attn_q.bias"},
                                                        {"qwen2moe.gguf", "blk.2.attn_v.bias"},
                                                        {"gpt_oss.gguf", "blk.0.ffn_gate_exps.bias"},
                                                        {"gpt_oss.gguf", "blk.1.ffn_up_exps.bias"},
                                                        {"gpt_oss.gguf", "blk.2.attn_sinks.weight"},
                                                        {"deepseek3.gguf", "blk.1.exp_probs_b.bias"},
                                                        {"olmoe.gguf", "blk.0.attn_q_norm.weight"}})
    for (const ggml_type type : {GGML_TYPE_I8, GGML_TYPE_F16, GGML_TYPE_F64}) {
      Edited e(name);
      e.convert(e.find(tensor), type);
      e.write(path);
      expect_refusal([&] { TinyModel m(path); }, ErrorKind::bad_model,
                     cat(tensor, " is of type ", ggml_type_name(type), ", expected f32"));
    }
}

/// All weights of products at once, and each kind of weight alone: stacked neighbours then differ in type.
TEST(Types, WhatIsTakenRuns) {
  const TempDir dir;
  const std::string path = dir / "m.gguf";
  for (const char* name : kFiles) {
    for (const ggml_type type :
         {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1,
          GGML_TYPE_Q8_0, GGML_TYPE_IQ4_NL, GGML_TYPE_MXFP4}) {
      Edited e(name);
      for (ggml_tensor* t : std::vector(e.tensors()))
        if (is_product(t->name) && t->ne[0] % ggml_blck_size(type) == 0) e.convert(t, type);
      e.write(path);
      TinyModel m(path);
      EXPECT_TRUE(finite(m.logits(kTokens))) << name << " " << ggml_type_name(type);
    }
  }
}

TEST(Types, NeighboursOfDifferentTypesAreMultipliedApart) {
  const TempDir dir;
  const std::string path = dir / "m.gguf";
  for (const char* name : {"mixtral.gguf", "deepseek3.gguf", "gpt_oss.gguf", "qwen2moe.gguf"}) {
    const std::vector<float> before = TinyModel(golden(name)).logits(kTokens);
    Edited all(name);
    std::set<std::string> seen;
    for (const ggml_tensor* t : all.tensors()) {
      const std::string full = t->name,
                        part = full.substr(full.rfind("blk.", 0) == 0 ? full.find('.', 4) : 0);
      if (!is_product(full) || !seen.insert(part).second) continue;
      Edited e(name);
      e.convert(e.find(full), GGML_TYPE_F16);
      e.write(path);
      TinyModel m(path);
      const std::vector<float> after = m.logits(kTokens);
      EXPECT_LT(max_difference(before, after), 0.02f) << name << " " << full;
    }
    EXPECT_GE(seen.size(), 9u);
  }
}

/// Types of blocks of 256 need wider rows than the golden files have.
TEST(Types, EveryTypeOfLongBlocksRuns) {
  const TempDir dir;
  const std::string wide = dir / "wide.gguf", path = dir / "m.gguf";
  SynthOptions shape;
  shape.arch = "llama", shape.type = "f32";
  shape.fields = {{"--experts", 2}, {"--experts-used", 1}, {"--layers", 1},
                  {"--embd", 256},  {"--heads", 4},        {"--expert-ff", 256}};
  Synth(shape, GgufFile(golden("llama.gguf"))).write(wide);
  int n = 0;
  for (const ggml_type type : types_of_blocks(256)) {
    if (!kProductTypes.count(ggml_type_name(type)) || ggml_blck_size(type) <= 32) continue;
    Edited e(wide);
    for (ggml_tensor* t : std::vector(e.tensors()))
      if (is_product(t->name)) e.convert(t, type, false);
    e.write(path);
    TinyModel m(path);
    EXPECT_TRUE(finite(m.logits(kTokens))) << ggml_type_name(type);
    ++n;
  }
  EXPECT_GE(n, 15);
}

}  // namespace rouse
