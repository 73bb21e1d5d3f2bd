#include "model/describe.h"

#include <cstdlib>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "model/tensors.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary_check.h"

namespace rouse {

std::string attention_kind(const AttentionSpec& a) {
  std::string kind = a.latent.on() ? (a.latent.absorbed ? "latent (MLA), absorbed" : "latent (MLA), plain")
                     : a.n_head_kv == a.n_head ? "multi-head"
                     : a.n_head_kv == 1        ? "multi-query"
                                               : "grouped-query";
  if (a.qk_norm == QkNorm::head) kind += ", heads normalised";
  if (a.qk_norm == QkNorm::projection) kind += ", normalised across heads";
  if (a.window > 0)
    kind += cat(", ", a.window_period - 1, " of ", a.window_period, " layers see ", a.window, " positions");
  if (a.sinks) kind += ", sinks";
  if (a.qkv_bias) kind += ", biases";
  return kind;
}

namespace {

/// The first block that nobody runs: those behind it predict tokens further on.
int64_t first_unused_block(const GgufFile& file) {
  const std::string arch = file.text("general.architecture").value_or("");
  return file.integer(arch + ".block_count").value_or(INT32_MAX) -
         file.integer(arch + ".nextn_predict_layers").value_or(0);
}

/// "blk.12.attn_q.weight" is of block 12; -1: of none.
int64_t block_of(const std::string& name) {
  return name.starts_with("blk.") ? std::strtoll(name.c_str() + 4, nullptr, 10) : -1;
}

/// What any GGUF file tells.
Json describe_file(const GgufFile& file) {
  const int64_t unused = first_unused_block(file);
  std::map<std::string, int> types;
  std::map<std::string, uint64_t> parts;
  for (const ggml_tensor* t : file.tensors()) {
    ++types[ggml_type_name(t->type)];
    parts[block_of(t->name) >= unused ? "unused" : tensor_part(t->name)] += ggml_nbytes(t);
  }
  return {{"file", file.path()},
          {"files", file.n_part()},
          {"bytes", file.n_byte()},
          {"fingerprint", file.fingerprint()},
          {"arch", file.text("general.architecture").value_or("")},
          {"name", file.text("general.name").value_or("")},
          {"bytes_by_part", parts},
          {"tensor_types", types}};
}

/// Bytes of weights that one token reads, by part.
std::map<std::string, uint64_t> bytes_touched(const Json& file, const ModelSpec& spec) {
  std::map<std::string, uint64_t> touched = file["bytes_by_part"];
  if (!touched.count("head")) touched["head"] = touched["embeddings"];  // tied
  touched.erase("unused");
  touched.erase("embeddings");  // one row
  if (spec.router.moe())
    touched["experts"] = touched["experts"] / static_cast<uint64_t>(spec.router.n_expert) *
                         static_cast<uint64_t>(spec.router.n_expert_used);
  return touched;
}

Json describe_router(const ModelSpec& spec) {
  const RouterSpec& r = spec.router;
  Json out{{"n_expert", r.n_expert},
           {"n_expert_used", r.n_expert_used},
           {"n_ff_expert", spec.n_ff_expert},
           {"gate", r.gate == Gate::softmax ? "softmax" : "sigmoid"},
           {"weights", r.renormalize ? "renormalised" : "raw"},
           {"scale", r.scale},
           {"moe_layers", r.layers.size()},
           {"leading_dense_layers", spec.n_leading_dense},
           {"shared_expert_width", spec.n_ff_shared},
           {"shared_expert_gated", spec.shared_gate},
           {"default_weak", r.published_weak()}};
  if (r.n_group > 1)
    out["groups"] = {{"n_group", r.n_group},
                     {"n_group_used", r.n_group_used},
                     {"score", r.group_score == GroupScore::best ? "best expert" : "two best experts"}};
  return out;
}

void add_model(Json& d, const GgufFile& file, const ModelSpec& spec) {
  const AttentionSpec& a = spec.attention;
  const auto touched = bytes_touched(d, spec);
  uint64_t sum = 0;
  for (const auto& [part, bytes] : touched) sum += bytes;
  d["n_layer"] = spec.n_layer;
  d["n_embd"] = spec.n_embd;
  d["n_vocab"] = spec.n_vocab;
  d["n_ctx_train"] = spec.n_ctx_train;
  d["attention"] = {{"kind", attention_kind(a)},
                    {"n_head", a.n_head},
                    {"n_head_kv", a.n_head_kv},
                    {"n_embd_head", a.n_embd_head},
                    {"n_embd_head_v", a.n_embd_head_v}};
  d["rope"] = {{"base", spec.rope.base}, {"scaling", spec.rope.scaling}, {"factor", spec.rope.factor}};
  d["kv_bytes_per_token_f16"] = spec.kv_elements() * 2;
  d["weight_bytes_per_token"] = sum;
  d["weight_bytes_per_token_by_part"] = touched;
  if (spec.router.moe()) d["router"] = describe_router(spec);
  const auto model = file.text("tokenizer.ggml.model");
  d["tokenizer"] = model.value_or("");
  d["chat_template"] = file.has("tokenizer.chat_template");
}

void add_vocabulary(Json& d, const GgufFile& file) {
  if (!file.has("tokenizer.ggml.model")) {
    d["rouse_cannot"].push_back("read text: the file has no vocabulary (prompts as tokens only)");
    return;
  }
  try {
    check_vocabulary(file);
  } catch (const Error& e) {
    d["rouse_cannot"].push_back(cat("read text: ", e.what()));
  }
}

/// Of an architecture that is none of rouse's own: what libllama's engine makes of it.
void add_libllama(Json& d, const GgufFile& file) {
  try {
    const Tokenizer tokenizer(file);  // libllama refuses architectures that it does not know
    d["supported"] = true;
    d["rouse_can"] = {
        "run it by libllama's engine: greedy, sampling, scmoe, cd, roe, beam",
        "route it by every policy where libllama shows its routers, which is found out at loading"};
    d["rouse_cannot"] = {"dola, contrastive search, ITI: they need what libllama's engine does not give",
                         "calibrate it by entering at a block: it takes full passes, many times slower"};
  } catch (const Error& e) {
    d["rouse_cannot"] = {
        cat("run it: architecture \"", d["arch"].get<std::string>(), "\" is not supported: ", e.what())};
  }
}

/// Adds what rouse can and cannot do; the spec if its own engine can run the file.
std::optional<ModelSpec> add_abilities(Json& d, const GgufFile& file) {
  d["rouse_can"] = d["rouse_cannot"] = Json::array();
  d["supported"] = false;
  d["engine"] = usual_engine(file);
  if (d["engine"] == "libllama") return add_libllama(d, file), std::nullopt;
  try {
    ModelSpec spec = read_spec(file);
    check_tensors(file, spec);
    d["rouse_can"].push_back("run it on a CPU, or any part on a GPU that ggml was built for");
    if (spec.router.moe())
      d["rouse_can"].push_back(cat("route it by every policy, trace and replay it, scmoe (its weak routing: ",
                                   spec.router.published_weak(), ")"));
    else
      d["rouse_cannot"].push_back("route it: routing policies and scmoe need a Mixture-of-Experts model");
    add_vocabulary(d, file);
    for (const std::string& key : spec.unknown_keys)
      d["rouse_cannot"].push_back(cat("say what the key ", key, " means: it is ignored"));
    d["supported"] = true;
    return spec;
  } catch (const Error& e) {
    d["rouse_cannot"].push_back(cat("run it: ", e.what()));
    return std::nullopt;
  }
}

}  // namespace

Description describe(const GgufFile& file) {
  Description out{describe_file(file), std::nullopt};
  out.spec = add_abilities(out.json, file);
  if (out.spec) add_model(out.json, file, *out.spec);
  return out;
}

}  // namespace rouse
