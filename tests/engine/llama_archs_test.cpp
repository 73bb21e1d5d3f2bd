/// Tiny random models of libllama's architectures in its engine: each routes as unmodified libllama would
/// with another number of experts, keeps its sequences apart, or says why it is not routed and runs as it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "engine/llama_engine.h"
#include "peer.h"
#include "tiny_llama.h"

namespace rouse {
namespace {

using Logits = std::vector<std::vector<float>>;  // logits by token

/// What cannot be routed, and a part of the reason.
const std::map<std::string, std::string> kRefused = {
    {"deepseek4", "block 0 has gates that are neither a softmax nor a sigmoid"},
    {"grovemoe", "block 0 chooses experts 2 times"}};

/// Those whose sequences have a state that cannot be taken back.
const std::set<std::string> kStateful = {
    "qwen35moe",   "qwen3next", "nemotron_h_moe", "lfm2moe",   "granitehybrid", "jamba",    "minimax-01",
    "kimi-linear", "kimi-k3",   "bailingmoe3",    "glm5-next", "qwen4exp",      "deepseek4"};

/// They fill in what is missing anywhere in a text.
const std::set<std::string> kNotDecoders = {"llada-moe", "rnd1"};

/// The file in unmodified libllama, with the settings of rouse's engine.
Logits plain_logits(const std::string& path, const std::string& arch, const std::vector<int>& tokens,
                    int n_expert_used = 0) {
  llama_model_kv_override used[2] = {};
  used[0].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
  std::snprintf(used[0].key, sizeof used[0].key, "%s.expert_used_count", arch.c_str());
  used[0].val_i64 = n_expert_used;
  ggml_backend_dev_t nowhere[1] = {nullptr};
  llama_model_params mp = llama_model_default_params();
  mp.devices = nowhere;
  if (n_expert_used > 0) mp.kv_overrides = used;
  const llama_model_ptr model(llama_model_load_from_file(path.c_str(), mp));
  llama_context_params cp = llama_context_default_params();
  cp.n_ctx = 512;
  cp.n_batch = cp.n_ubatch = 64;
  cp.n_seq_max = 1;
  cp.n_threads = cp.n_threads_batch = 1;
  cp.type_k = cp.type_v = GGML_TYPE_F32;
  cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  cp.swa_full = cp.kv_unified = true;
  const llama_context_ptr context(llama_init_from_model(model.get(), cp));
  const auto n = static_cast<int32_t>(tokens.size());
  llama_batch batch = llama_batch_init(n, 0, 1);
  batch.n_tokens = n;
  for (int32_t i = 0; i < n; ++i) {
    batch.token[i] = tokens[static_cast<size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  EXPECT_EQ(llama_decode(context.get(), batch), 0) << arch;
  llama_batch_free(batch);
  Logits out;
  const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model.get()));
  for (int32_t i = 0; i < n; ++i) {
    const float* row = llama_get_logits_ith(context.get(), i);
    out.emplace_back(row, row + n_vocab);
  }
  return out;
}

Logits logits_of(const StepResult& r, size_t begin, size_t n) {
  Logits out;
  for (size_t row = begin; row < begin + n; ++row) {
    const auto logits = r.logits(row);
    out.emplace_back(logits.begin(), logits.end());
  }
  return out;
}

/// The worst of all rows.
double worst_nmse(const Logits& a, const Logits& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, nmse(a[i], b[i]));
  return worst;
}

RowGroup group_of(const RoutingPolicy& policy, SeqId seq, const std::vector<int>& tokens) {
  RowGroup group{&policy, {}};
  for (const int t : tokens) group.rows.push_back({seq, t, Output::logits});
  return group;
}

/// Logits of tokens that a sequence goes on with, routing in `seen`.
Logits go_on(Engine& engine, const RoutingPolicy& policy, SeqId seq, const std::vector<int>& tokens,
             StepResult* seen = nullptr) {
  const RowGroup group = group_of(policy, seq, tokens);
  const StepResult& r = engine.run({.batch = {&group, 1}, .taps = {.routing = seen != nullptr}});
  if (seen) *seen = r;
  return logits_of(r, 0, tokens.size());
}

Logits alone(Engine& engine, const RoutingPolicy& policy, const std::vector<int>& tokens,
             StepResult* seen = nullptr) {
  const SeqId seq = engine.open();
  Logits out = go_on(engine, policy, seq, tokens, seen);
  engine.close(seq);
  return out;
}

/// A tiny model of one architecture and its engine, F32 cache.
struct Tiny {
  explicit Tiny(const std::string& arch, int n_slot = 0, const std::string& keys = "{}")
      : path(dir / "tiny.gguf") {
    write_tiny_llama(arch, path, keys);
    model = open(path, n_slot);
    engine = engine_of(model);
  }
  static std::unique_ptr<LlamaEngine> engine_of(std::shared_ptr<const LlamaModel> model, int n_batch = 64) {
    const EngineOptions options{.n_ctx = 512, .n_batch = n_batch, .n_sequence = 6, .kv_type = GGML_TYPE_F32};
    return std::make_unique<LlamaEngine>(std::move(model), options);
  }
  static std::shared_ptr<const LlamaModel> open(const std::string& path, int n_slot) {
    return std::make_shared<LlamaModel>(path, std::make_shared<Devices>(1), Placement{}, n_slot);
  }
  RoutingPolicy policy(const std::string& text) const { return RoutingPolicy(text, model->spec().router); }
  TempDir dir;
  std::string path;
  std::shared_ptr<const LlamaModel> model;
  std::unique_ptr<LlamaEngine> engine;
};

std::vector<std::string> routed_archs() {
  std::vector<std::string> out = tiny_llama_archs();
  std::erase_if(out,
                [](const std::string& arch) { return kRefused.count(arch) + kNotDecoders.count(arch) > 0; });
  return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
}

/// How many experts each row ran at each layer, all equal; -1: they differ.
int experts_a_row(const StepResult& r) {
  const size_t n = r.routing[0][0].experts.size();
  for (const auto& row : r.routing)
    for (const RoutedRow& layer : row)
      if (layer.experts.size() != n) return -1;
  return static_cast<int>(n);
}

}  // namespace

class LlamaArchs : public testing::TestWithParam<std::string> {};

/// What a policy writes is what libllama computes where its own keys ask for the same.
TEST_P(LlamaArchs, RoutesAsLibllamaWithOtherNumbersOfExperts) {
  const Tiny tiny(GetParam());
  const RouterSpec& router = tiny.model->spec().router;
  ASSERT_TRUE(router.moe()) << router.why_not;
  const int k = router.n_expert_used;
  EXPECT_EQ(router.n_expert, 8);
  EXPECT_EQ(k, 2);
  EXPECT_EQ(tiny.engine->abilities().parts, !kStateful.count(GetParam()));
  const Logits plain = plain_logits(tiny.path, GetParam(), kText);
  StepResult seen;
  const double tapped = worst_nmse(alone(*tiny.engine, tiny.policy("topk"), kText, &seen), plain);
  EXPECT_EQ(tapped, 0);
  EXPECT_EQ(experts_a_row(seen), k);
  EXPECT_EQ(worst_nmse(alone(*tiny.engine, tiny.policy("topk"), kText), plain), 0);
  const double first = worst_nmse(alone(*tiny.engine, tiny.policy("rank:1"), kText, &seen),
                                  plain_logits(tiny.path, GetParam(), kText, 1));
  EXPECT_LT(first, 1e-9);
  EXPECT_EQ(experts_a_row(seen), 1);
  const auto wide = Tiny::engine_of(Tiny::open(tiny.path, k + 1));
  const double more = worst_nmse(alone(*wide, tiny.policy(cat("topk:", k + 1)), kText, &seen),
                                 plain_logits(tiny.path, GetParam(), kText, k + 1));
  EXPECT_LT(more, 1e-9);
  EXPECT_EQ(experts_a_row(seen), k + 1);
  const double idle = worst_nmse(alone(*wide, tiny.policy("topk"), kText, &seen), plain);
  EXPECT_LT(idle, 1e-9);
  EXPECT_EQ(experts_a_row(seen), k);
  EXPECT_GT(worst_nmse(plain_logits(tiny.path, GetParam(), kText, k + 1), plain), 1e-6);  // they differ
  std::ostringstream numbers;
  numbers << "topk " << tapped << " rank:1 " << first << " topk:" << k + 1 << " " << more << " idle " << idle;
  RecordProperty("nmse", numbers.str());
}

/// Every kind of choice runs as many experts as it says; masks and forces do what they should and no more.
TEST_P(LlamaArchs, RunsEveryPolicy) {
  const Tiny tiny(GetParam(), 3);
  const RouterSpec& router = tiny.model->spec().router;
  ASSERT_TRUE(router.moe()) << router.why_not;
  const std::vector<int> tokens(kText.begin(), kText.begin() + 4);
  StepResult own;
  const Logits base = alone(*tiny.engine, tiny.policy("topk"), tokens, &own);
  for (const auto& [text, n] : {std::pair("topk:1", 1), std::pair("topk:3", 3), std::pair("rank:2", 1),
                                std::pair("random:1,seed=3", 1), std::pair("random:3,seed=5", 3),
                                std::pair("dynamic:0.6,max=3", 0)}) {
    StepResult seen;
    const Logits rows = alone(*tiny.engine, tiny.policy(text), tokens, &seen);
    EXPECT_GT(worst_nmse(rows, base), 1e-9) << text;
    if (n > 0) {
      EXPECT_EQ(experts_a_row(seen), n) << text;
    }
    size_t sum = 0;
    for (const auto& row : seen.routing)
      for (const RoutedRow& layer : row) {
        EXPECT_TRUE(layer.experts.size() >= 1 && layer.experts.size() <= 3) << text;
        EXPECT_EQ(std::set<int>(layer.experts.begin(), layer.experts.end()).size(), layer.experts.size());
        sum += layer.experts.size();
      }
    EXPECT_EQ(seen.cost.expert_evaluations, static_cast<int64_t>(sum)) << text;
    EXPECT_EQ(seen.cost.expert_evaluations + seen.cost.idle_evaluations,
              static_cast<int64_t>(tokens.size() * router.layers.size() * 3));
  }
  // An expert of each block that no row chose.
  std::string unused, forced;
  int last_unused = -1;
  for (size_t l = 0; l < router.layers.size(); ++l) {
    std::set<int> used;
    for (const auto& row : own.routing) used.insert(row[l].experts.begin(), row[l].experts.end());
    int expert = 0;
    while (used.count(expert)) ++expert;
    ASSERT_LT(expert, router.n_expert) << "every expert is used";
    unused += cat(l ? "," : "", router.layers[l], ".", expert);
    last_unused = expert;
  }
  StepResult banned;
  const Logits masked = alone(*tiny.engine, tiny.policy("topk+mask:" + unused), tokens, &banned);
  // Gates that keep their softmax values get the share of a banned expert; the others do not know of it.
  const bool untouched = router.renormalize || router.gate == Gate::sigmoid;
  if (untouched) {
    EXPECT_LT(worst_nmse(masked, base), 1e-10);
  }
  for (size_t row = 0; row < tokens.size(); ++row)
    for (size_t l = 0; l < (untouched ? router.layers.size() : 1); ++l)
      EXPECT_EQ(banned.routing[row][l].experts, own.routing[row][l].experts);
  StepResult made;
  const std::string must = cat("topk+force:", router.layers.back(), ".", last_unused);
  EXPECT_GT(worst_nmse(alone(*tiny.engine, tiny.policy(must), tokens, &made), base), 1e-6);
  for (const auto& row : made.routing) {
    EXPECT_EQ(row.back().experts.size(), 2u);
    EXPECT_EQ(std::ranges::count(row.back().experts, last_unused), 1);
  }
}

/// A perturbed block, where libllama shows what the block adds.
TEST_P(LlamaArchs, ScalesWhatABlockAddsOrRefusesTo) {
  const Tiny tiny(GetParam());
  const RoutingPolicy own = tiny.policy("topk");
  const Logits base = alone(*tiny.engine, own, kText);
  for (const LlamaRouter& router : tiny.model->routers()) {
    const SeqId seq = tiny.engine->open();
    const RowGroup group = group_of(own, seq, kText);
    const auto perturbed = [&](float scale) {
      const StepResult& r =
          tiny.engine->run({.batch = {&group, 1}, .perturbation = {.layer = router.layer, .scale = scale}});
      Logits rows = logits_of(r, 0, kText.size());
      tiny.engine->trim(seq, 0);
      return rows;
    };
    if (router.output.empty()) {
      expect_refusal([&] { perturbed(1); }, ErrorKind::unsupported, "what the block adds to the residual");
    } else {
      EXPECT_EQ(worst_nmse(perturbed(1), base), 0);
      EXPECT_GT(worst_nmse(perturbed(0.5f), base), 1e-6);
    }
    tiny.engine->close(seq);
  }
}

/// Logits of several sequences in one step, equally many or not, are what they are alone.
TEST_P(LlamaArchs, KeepsSequencesApart) {
  const Tiny tiny(GetParam());
  const auto narrow = Tiny::engine_of(tiny.model, 4);  // steps in pieces
  const RoutingPolicy policies[] = {tiny.policy("topk"), tiny.policy("rank:2"), tiny.policy("topk:1")};
  const std::vector<int> texts[] = {{kText.begin(), kText.begin() + 6},
                                    {kText.begin() + 6, kText.begin() + 12},
                                    {kText.begin() + 12, kText.begin() + 15}};
  const std::vector<int> more = {90, 4, 211};
  Logits by_itself[3], after[3];
  std::vector<int> whole[3];
  double worst = 0;
  for (size_t s = 0; s < 3; ++s) {
    whole[s] = texts[s];
    whole[s].insert(whole[s].end(), more.begin(), more.end());
    after[s] = alone(*tiny.engine, policies[s], whole[s]);
    by_itself[s] = {after[s].begin(), after[s].begin() + static_cast<std::ptrdiff_t>(texts[s].size())};
    after[s].erase(after[s].begin(), after[s].begin() + static_cast<std::ptrdiff_t>(texts[s].size()));
  }
  for (const auto& [which, n_text] :
       {std::pair(tiny.engine.get(), size_t{2}), {tiny.engine.get(), 3}, {narrow.get(), 3}}) {
    Engine& engine = *which;
    std::vector<SeqId> seqs;
    Batch batch;
    for (size_t s = 0; s < n_text; ++s) {
      seqs.push_back(engine.open());
      batch.push_back(group_of(policies[s], seqs[s], texts[s]));
    }
    const StepResult& r = engine.run(batch);
    for (size_t s = 0, at = 0; s < n_text; at += texts[s++].size())
      worst = std::max(worst, worst_nmse(logits_of(r, at, texts[s].size()), by_itself[s]));
    for (size_t step = 0; step < more.size(); ++step) {
      batch.clear();
      for (size_t s = n_text; s-- > 0;) batch.push_back(group_of(policies[s], seqs[s], {more[step]}));
      const StepResult& one = engine.run(batch);
      for (size_t s = 0; s < n_text; ++s)
        worst = std::max(worst, worst_nmse(logits_of(one, n_text - 1 - s, 1), {after[s][step]}));
    }
    for (const SeqId seq : seqs) engine.close(seq);
  }
  // Interleaved, all but the last row without an output.
  Engine& engine = *tiny.engine;
  const SeqId a = engine.open(), b = engine.open();
  RowGroup mixed{&policies[0], {}};
  for (size_t t = 0; t < 6; ++t)
    for (const SeqId seq : {a, b})
      mixed.rows.push_back({seq, texts[0][t], t == 5 && seq == b ? Output::logits : Output::none});
  worst = std::max(worst, worst_nmse(logits_of(engine.run({mixed}), 11, 1), {by_itself[0].back()}));
  EXPECT_LT(worst, 1e-9);
  engine.close(a);
  engine.close(b);
  EXPECT_EQ(engine.n_free(), engine.n_cell());
  RecordProperty("nmse", cat("beside ", worst));
}

/// A fork and its source go on as if the other did not exist; a part of a sequence is had or refused.
TEST_P(LlamaArchs, ForksSequencesOrRefusesTo) {
  const Tiny tiny(GetParam());
  Engine& engine = *tiny.engine;
  const RoutingPolicy own = tiny.policy("topk");
  const std::vector<int> head(kText.begin(), kText.begin() + 8), one = {17, 250, 3}, other = {99, 1, 7};
  const auto goes_on = [&](const std::vector<int>& with) {
    std::vector<int> text = head;
    text.insert(text.end(), with.begin(), with.end());
    const Logits rows = alone(engine, own, text);
    return Logits(rows.begin() + 8, rows.end());
  };
  const Logits with_one = goes_on(one), with_other = goes_on(other);
  double worst = 0;
  const SeqId seq = engine.open();
  go_on(engine, own, seq, head);
  const SeqId fork = engine.fork(seq, 8);
  worst = std::max(worst, worst_nmse(go_on(engine, own, fork, other), with_other));
  worst = std::max(worst, worst_nmse(go_on(engine, own, seq, one), with_one));
  // Both at once.
  const SeqId source = engine.open();
  go_on(engine, own, source, head);
  const SeqId twin = engine.fork(source, 8);
  for (size_t t = 0; t < one.size(); ++t) {
    const StepResult& r = engine.run(Batch{group_of(own, twin, {other[t]}), group_of(own, source, {one[t]})});
    worst = std::max(worst, worst_nmse(logits_of(r, 0, 2), {with_other[t], with_one[t]}));
  }
  if (engine.abilities().parts) {
    const SeqId part = engine.fork(fork, 8);
    engine.trim(seq, 8);
    worst = std::max(worst, worst_nmse(go_on(engine, own, seq, other), with_other));
    worst = std::max(worst, worst_nmse(go_on(engine, own, part, one), with_one));
    engine.close(part);
  } else {
    expect_refusal([&] { engine.fork(fork, 8); }, ErrorKind::unsupported, "begins with a part of another");
    expect_refusal([&] { engine.trim(seq, 8); }, ErrorKind::unsupported, "a sequence without its tail");
    EXPECT_EQ(engine.length(seq), 11);
  }
  const SeqId empty = engine.fork(fork, 0);
  std::vector<int> text = head;
  text.insert(text.end(), one.begin(), one.end());
  const Logits again = go_on(engine, own, empty, text);
  worst = std::max(worst, worst_nmse({again.begin() + 8, again.end()}, with_one));
  engine.trim(fork, 0);
  const Logits anew = go_on(engine, own, fork, text);
  worst = std::max(worst, worst_nmse({anew.begin() + 8, anew.end()}, with_one));
  EXPECT_LT(worst, 1e-9);
  RecordProperty("nmse", cat("forks ", worst));
}

/// What rouse cannot route says why, and runs as libllama runs it.
TEST(LlamaArch, RunsAsItIsWhatCannotBeRouted) {
  for (const auto& [arch, why] : kRefused) {
    const Tiny tiny(arch);
    const RouterSpec& router = tiny.model->spec().router;
    EXPECT_FALSE(router.moe());
    EXPECT_NE(router.why_not.find(why), std::string::npos) << router.why_not;
    EXPECT_EQ(tiny.engine->abilities().parts, !kStateful.count(arch));
    EXPECT_EQ(
        worst_nmse(alone(*tiny.engine, tiny.policy("topk"), kText), plain_logits(tiny.path, arch, kText)), 0);
    expect_refusal([&] { tiny.policy("topk:1"); }, ErrorKind::usage, "the model cannot be routed: " + why);
    expect_refusal([&] { Tiny::open(tiny.path, 3); }, ErrorKind::unsupported, why);
  }
  for (const std::string& arch : kNotDecoders)
    expect_refusal([&] { Tiny{arch}; }, ErrorKind::bad_model, "is not a decoder that writes on from a text");
}

/// Rules of choice and weight that keys ask for, beyond what the table does.
TEST(LlamaArch, RoutesByTheRulesThatKeysAskFor) {
  const std::pair<const char*, const char*> variants[] = {
      {"bailingmoe2", R"({"expert_group_count": 4, "expert_group_used_count": 2})"},
      {"afmoe", R"({"expert_weights_scale": 2.5})"},
      {"exaone-moe",
       R"({"expert_gating_func": 1, "expert_weights_norm": false, "expert_weights_scale": 2.5})"},
      {"llama4", R"({"expert_used_count": 1})"},
      {"smallthinker", R"({"expert_gating_func": 3})"},  // a softmax over the chosen, and rows chosen before
      {"lfm2moe", R"({"expert_gating_func": 1})"}};
  for (const auto& [arch, keys] : variants) {
    const Tiny tiny(arch, 3, keys);
    ASSERT_TRUE(tiny.model->spec().router.moe()) << arch << ": " << tiny.model->spec().router.why_not;
    for (const auto& [text, k] : {std::pair("topk", 0), {"topk:3", 3}, {"rank:1", 1}})
      EXPECT_LT(
          worst_nmse(alone(*tiny.engine, tiny.policy(text), kText), plain_logits(tiny.path, arch, kText, k)),
          1e-9)
          << arch << " " << text;
    // The last row alone has an output.
    const SeqId seq = tiny.engine->open();
    const RoutingPolicy rank("rank:2", tiny.model->spec().router);
    RowGroup group = group_of(rank, seq, kText);
    for (Row& row : group.rows) row.output = Output::none;
    group.rows.back().output = Output::logits;
    EXPECT_LT(worst_nmse(logits_of(tiny.engine->run({group}), kText.size() - 1, 1),
                         {alone(*tiny.engine, rank, kText).back()}),
              1e-9)
        << arch;
  }
  const std::tuple<const char*, const char*, const char*> refused[] = {
      {"lfm2moe", R"({"expert_gating_func": 3})", "block 1 routes in a way that rouse does not know: row"},
      {"exaone-moe", R"({"expert_gating_func": 3})", "by its gate it would be"},
      {"lfm2moe", R"({"expert_gating_func": 4})", "neither a softmax nor a sigmoid"},
      {"nemotron_h_moe", R"({"expert_used_count": [0, 0, 2, 3]})",
       "blocks 2 and 3 route by different rules"}};
  for (const auto& [arch, keys, why] : refused) {
    const Tiny tiny(arch, 0, keys);
    EXPECT_NE(tiny.model->spec().router.why_not.find(why), std::string::npos)
        << arch << ": " << tiny.model->spec().router.why_not;
    alone(*tiny.engine, tiny.policy("topk"), kText);
  }
}

/// Numbers of experts block by block: what dense blocks say does not count, and libllama cannot be told
/// others.
TEST(LlamaArch, RunsAsManyExpertsAsItsBlocksSay) {
  const Tiny tiny("nemotron_h_moe", 0, R"({"expert_used_count": [5, 0, 2, 2]})");
  ASSERT_TRUE(tiny.model->spec().router.moe()) << tiny.model->spec().router.why_not;
  EXPECT_EQ(tiny.model->n_slot(), 2);
  EXPECT_EQ(tiny.model->spec().router.n_expert_used, 2);
  EXPECT_EQ(worst_nmse(alone(*tiny.engine, tiny.policy("topk"), kText),
                       plain_logits(tiny.path, "nemotron_h_moe", kText)),
            0);
  for (const int n_slot : {3, 5})
    expect_refusal([&] { Tiny::open(tiny.path, n_slot); }, ErrorKind::unsupported, "each by itself");
}

/// Numbers that would end the process where libllama meets them.
TEST(LlamaArch, RefusesNumbersOfExpertsThatCannotBe) {
  const TempDir dir;
  write_tiny_llama("bailingmoe2", dir / "tiny.gguf",
                   R"({"expert_group_count": 4, "expert_group_used_count": 2})");
  const std::string sound = read_file(dir / "tiny.gguf");
  const auto expect = [&](const std::string& key, uint32_t value, const char* what) {
    std::string bytes = sound;
    const size_t at = bytes.find("bailingmoe2." + key);
    ASSERT_NE(at, std::string::npos);
    std::memcpy(&bytes[at + key.size() + 12 + 4], &value, 4);  // after the key, its type
    std::ofstream(dir / "changed.gguf", std::ios::binary) << bytes;
    expect_refusal([&] { Tiny::open(dir / "changed.gguf", 0); }, ErrorKind::bad_model, what);
  };
  expect("expert_used_count", 0, "0 experts a row of the 8");
  expect("expert_used_count", 9, "9 experts a row of the 8");
  expect("expert_count", 0, "2 experts a row of the 0");
  expect("expert_group_count", 3, "2 of 3 groups of 8 experts");
  expect("expert_group_count", 8, "8 groups of 8 experts");
  expect("expert_group_used_count", 4, "4 of 4 groups of 8 experts");
}

INSTANTIATE_TEST_SUITE_P(Tiny, LlamaArchs, testing::ValuesIn(routed_archs()), test_name);

}  // namespace rouse
