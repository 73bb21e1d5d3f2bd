/// cli/inspect.cpp - what is in a model file, and what rouse can do with it.
#include <cstdio>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct InspectOptions {
  std::string model, positional;
  bool list = false, json = false, keys = false;
};

int list_architectures(bool as_json) {
  Json list = Json::array();
  for (const ArchEntry& entry : arch_registry()) list.push_back({{"name", entry.name}, {"help", entry.help}});
  if (as_json)
    std::cout << Json{{"architectures", list}}.dump(2) << '\n';
  else
    for (const ArchEntry& entry : arch_registry()) std::printf("%-12s %s\n", entry.name, entry.help);
  return 0;
}

/// Bytes of the file by part: "attention", "experts", ...
std::map<std::string, uint64_t> bytes_by_part(const GgufFile& file) {
  std::map<std::string, uint64_t> parts;
  for (const ggml_tensor* t : file.tensors()) {
    const std::string name = t->name;
    const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
    parts[has("_exps")          ? "experts"
          : has("_shexp")       ? "shared experts"
          : has("ffn_gate_inp") ? "routers"
          : has("attn_")        ? "attention"
          : has("ffn_")         ? "dense feed-forward"
          : has("token_embd")   ? "embeddings"
          : has("output.")      ? "head"
                                : "other"] += ggml_nbytes(t);
  }
  return parts;
}

Json describe(const GgufFile& file, const ModelSpec& spec) {
  const RouterSpec& r = spec.router;
  std::map<std::string, int> types;
  for (const ggml_tensor* t : file.tensors()) ++types[ggml_type_name(t->type)];
  const auto parts = bytes_by_part(file);
  const auto part = [&](const char* name) { return parts.count(name) ? parts.at(name) : 0; };
  uint64_t touched = part("attention") + part("dense feed-forward") + part("routers") +
                     part("shared experts") + part("other");
  touched += part("head") ? part("head") : part("embeddings");
  if (r.moe())
    touched += part("experts") / static_cast<uint64_t>(r.n_expert) * static_cast<uint64_t>(r.n_expert_used);
  Json out{{"file", file.path()},
           {"bytes", file.map().bytes().size()},
           {"fingerprint", file.fingerprint()},
           {"name", spec.name},
           {"arch", spec.arch},
           {"n_layer", spec.n_layer},
           {"n_embd", spec.n_embd},
           {"n_vocab", spec.n_vocab},
           {"n_ctx_train", spec.n_ctx_train},
           {"attention",
            {{"n_head", spec.attention.n_head},
             {"n_head_kv", spec.attention.n_head_kv},
             {"n_embd_head", spec.attention.n_embd_head}}},
           {"kv_bytes_per_token_f16", uint64_t{4} * static_cast<uint64_t>(spec.attention.n_embd_kv()) *
                                          static_cast<uint64_t>(spec.n_layer)},
           {"weight_bytes_per_token", touched},
           {"bytes_by_part", parts},
           {"tensor_types", types}};
  if (r.moe())
    out["router"] = {{"n_expert", r.n_expert},
                     {"n_expert_used", r.n_expert_used},
                     {"n_ff_expert", spec.n_ff_expert},
                     {"gate", r.gate == Gate::softmax ? "softmax" : "sigmoid"},
                     {"weights", r.renormalize ? "renormalised" : "raw"},
                     {"scale", r.scale},
                     {"moe_layers", r.layers.size()},
                     {"leading_dense_layers", spec.n_leading_dense},
                     {"shared_expert_width", spec.n_ff_shared},
                     {"default_weak", cat("rank:", r.n_expert_used)}};
  return out;
}

void print_text(const Json& d, const ModelSpec& spec) {
  const RouterSpec& r = spec.router;
  std::printf("%s  (%s)\n", d["file"].get<std::string>().c_str(),
              bytes_text(d["bytes"].get<uint64_t>()).c_str());
  std::printf("  %-14s %s, %s\n", "model", spec.name.empty() ? "(unnamed)" : spec.name.c_str(),
              spec.arch.c_str());
  std::printf("  %-14s %d layers, width %d, vocabulary %d, trained context %d\n", "shape", spec.n_layer,
              spec.n_embd, spec.n_vocab, spec.n_ctx_train);
  std::printf("  %-14s %d heads over %d KV heads of %d, %s a token of F16 KV cache\n", "attention",
              spec.attention.n_head, spec.attention.n_head_kv, spec.attention.n_embd_head,
              bytes_text(d["kv_bytes_per_token_f16"].get<uint64_t>()).c_str());
  if (r.moe()) {
    std::printf("  %-14s %zu layers of %d experts (width %d), top-%d; %s gates, weights %s%s\n", "routing",
                r.layers.size(), r.n_expert, spec.n_ff_expert, r.n_expert_used,
                r.gate == Gate::softmax ? "softmax" : "sigmoid", r.renormalize ? "renormalised" : "raw",
                r.scale != 1 ? cat(" times ", r.scale).c_str() : "");
    if (spec.n_leading_dense) std::printf("  %-14s the first %d\n", "dense layers", spec.n_leading_dense);
    if (spec.n_ff_shared)
      std::printf("  %-14s width %d in every MoE layer\n", "shared experts", spec.n_ff_shared);
  } else {
    std::printf("  %-14s dense: no experts to route\n", "routing");
  }
  std::printf("  %-14s %s", "a token reads", bytes_text(d["weight_bytes_per_token"].get<uint64_t>()).c_str());
  std::printf(" of weights; the file by part:");
  for (const auto& [name, size] : d["bytes_by_part"].items())
    std::printf(" %s %s,", name.c_str(), bytes_text(size.get<uint64_t>()).c_str());
  std::printf("\b \n  %-14s", "types");
  for (const auto& [name, count] : d["tensor_types"].items())
    std::printf(" %s x%d", name.c_str(), count.get<int>());
  std::printf("\n  %-14s %s\n", "fingerprint", d["fingerprint"].get<std::string>().c_str());
  std::printf("  %-14s %s\n", "rouse can",
              r.moe() ? cat("run it; every routing policy; scmoe (default weak rank:", r.n_expert_used,
                            "); trace and replay")
                            .c_str()
                      : "run it; routing policies and scmoe need a Mixture-of-Experts model");
}

int inspect(const InspectOptions& o) {
  if (o.list) return list_architectures(o.json);
  ModelOptions m;
  m.model = !o.positional.empty() ? o.positional : o.model;
  const GgufFile file(model_path(m));
  if (o.keys) {
    for (size_t i = 0; i < file.n_key(); ++i)
      std::printf("%-48s %s\n", file.key_name(i).c_str(), file.key_text(i).c_str());
    for (const ggml_tensor* t : file.tensors())
      std::printf("%-48s %-6s [%ld, %ld, %ld]\n", t->name, ggml_type_name(t->type), t->ne[0], t->ne[1],
                  t->ne[2]);
    return 0;
  }
  const ModelSpec spec = read_spec(file);
  const Json d = describe(file, spec);
  if (o.json)
    std::cout << d.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    print_text(d, spec);
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* sub = app.add_subcommand(
      "inspect", "Explain a model file: architecture, experts, sizes, what rouse supports of it");
  sub->add_option("-m,--model", o->model, "model file (GGUF); the default model if left out");
  sub->add_option("file", o->positional, "the same, without -m");
  sub->add_flag("--list", o->list, "list the supported architectures instead");
  sub->add_flag("--keys", o->keys, "list every key and tensor of the file");
  sub->add_flag("--json", o->json, "print JSON");
  sub->callback([o] { std::exit(inspect(*o)); });
}

}  // namespace rouse
