/// cli/inspect.cpp - what is in a model file, and what rouse can do with it.
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "model/tensors.h"
#include "tokenizer/vocabulary_check.h"

namespace rouse {
namespace {

struct InspectOptions {
  std::string model, positional;
  bool list = false, json = false, keys = false, placement = false;
  ModelOptions where;
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

/// What any GGUF file tells.
Json describe_file(const GgufFile& file) {
  std::map<std::string, int> types;
  std::map<std::string, uint64_t> parts;
  for (const ggml_tensor* t : file.tensors()) {
    ++types[ggml_type_name(t->type)];
    parts[tensor_part(t->name)] += ggml_nbytes(t);
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
  touched.erase("embeddings");                                          // one row
  if (spec.router.moe())
    touched["experts"] = touched["experts"] / static_cast<uint64_t>(spec.router.n_expert) *
                         static_cast<uint64_t>(spec.router.n_expert_used);
  return touched;
}

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
           {"default_weak", cat("rank:", r.n_expert_used)}};
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

std::string sizes_text(const Json& sizes) {
  std::vector<std::string> parts;
  for (const auto& [name, size] : sizes.items())
    parts.push_back(cat(name, " ", bytes_text(size.get<uint64_t>())));
  return join(parts, ", ");
}

void print_line(const char* label, const std::string& text) {
  std::printf("  %-14s %s\n", label, printable(text).c_str());
}

void print_model(const Json& d, const ModelSpec& spec) {
  const RouterSpec& r = spec.router;
  const AttentionSpec& a = spec.attention;
  print_line("shape", cat(spec.n_layer, " layers, width ", spec.n_embd, ", vocabulary ", spec.n_vocab,
                          ", trained context ", spec.n_ctx_train));
  print_line("attention", cat(attention_kind(a), ": ", a.n_head, " heads over ", a.n_head_kv, " KV heads of ",
                              a.n_embd_head));
  print_line("KV cache", cat(bytes_text(d["kv_bytes_per_token_f16"].get<uint64_t>()), " a token in F16"));
  if (spec.rope.scaling != "none")
    print_line("positions",
               cat(spec.rope.scaling, " scaling, ", spec.rope.factor, " x ", spec.rope.n_ctx_original));
  if (r.moe()) {
    print_line(
        "routing",
        cat(r.layers.size(), " layers of ", r.n_expert, " experts (width ", spec.n_ff_expert, "), top-",
            r.n_expert_used, "; ", r.gate == Gate::softmax ? "softmax" : "sigmoid", " gates, weights ",
            r.renormalize ? "renormalised" : "raw", r.scale != 1 ? cat(" times ", r.scale) : ""));
    if (r.n_group > 1)
      print_line("groups",
                 cat(r.n_group_used, " of ", r.n_group, " a token, scored by ",
                     r.group_score == GroupScore::best ? "the best expert" : "the two best experts"));
    if (spec.n_leading_dense) print_line("dense layers", cat("the first ", spec.n_leading_dense));
    if (spec.n_ff_shared)
      print_line("shared experts",
                 cat("width ", spec.n_ff_shared, " in every MoE layer", spec.shared_gate ? ", gated" : ""));
  } else {
    print_line("routing", "dense: no experts to route");
  }
  print_line("a token reads", cat(bytes_text(d["weight_bytes_per_token"].get<uint64_t>()),
                                  " of weights: ", sizes_text(d["weight_bytes_per_token_by_part"])));
}

void print_text(const Json& d, const std::optional<ModelSpec>& spec) {
  std::printf("%s  (%s%s)\n", printable(d["file"].get<std::string>()).c_str(),
              bytes_text(d["bytes"].get<uint64_t>()).c_str(),
              d["files"] == 1 ? "" : cat(" in ", d["files"].get<int>(), " files").c_str());
  const std::string name = d["name"], arch = d["arch"];
  print_line("model", cat(name.empty() ? "(unnamed)" : name, ", ", arch.empty() ? "no architecture" : arch));
  if (spec) print_model(d, *spec);
  print_line("the file", sizes_text(d["bytes_by_part"]));
  std::vector<std::string> types;
  for (const auto& [type, count] : d["tensor_types"].items())
    types.push_back(cat(type, " x", count.get<int>()));
  print_line("types", join(types, " "));
  print_line("fingerprint", d["fingerprint"]);
  for (const auto& text : d["rouse_can"]) print_line("rouse can", text);
  for (const auto& text : d["rouse_cannot"]) print_line("rouse cannot", text);
}

void add_vocabulary(Json& d, const GgufFile& file) {
  if (!file.has("tokenizer.ggml.model")) {
    d["rouse_cannot"].push_back("read text: the file has no vocabulary (prompts as --tokens only)");
    return;
  }
  try {
    check_vocabulary(file);
  } catch (const Error& e) {
    d["rouse_cannot"].push_back(cat("read text: ", e.what()));
  }
}

/// Adds what rouse can and cannot do; the spec if it can run the file.
std::optional<ModelSpec> add_abilities(Json& d, const GgufFile& file) {
  d["rouse_can"] = d["rouse_cannot"] = Json::array();
  try {
    ModelSpec spec = read_spec(file);
    check_tensors(file, spec);
    d["rouse_can"].push_back("run it on a CPU, or any part on a GPU that ggml was built for");
    if (spec.router.moe())
      d["rouse_can"].push_back(cat("route it by every policy, trace and replay it, scmoe (default weak rank:",
                                   spec.router.n_expert_used, ")"));
    else
      d["rouse_cannot"].push_back("route it: routing policies and scmoe need a Mixture-of-Experts model");
    add_vocabulary(d, file);
    for (const std::string& key : spec.unknown_keys)
      d["rouse_cannot"].push_back(cat("say what the key ", key, " means: it is ignored"));
    return spec;
  } catch (const Error& e) {
    d["rouse_cannot"].push_back(cat("run it: ", e.what()));
    return std::nullopt;
  }
}

/// Loads the weights and says where each part landed.
int print_placement(const ModelOptions& m, bool as_json) {
  const auto devices = std::make_shared<Devices>(m.n_thread);
  const auto model = load_model(m, devices);
  Json rows = Json::array();
  for (const auto& [where, bytes] : model->placement())
    rows.push_back({{"part", where.first}, {"buffer", where.second}, {"bytes", bytes}});
  if (as_json) {
    std::cout << Json{{"devices", devices->text()}, {"placement", rows}}.dump(2) << '\n';
    return 0;
  }
  std::printf("%s\n", devices->text().c_str());
  for (const Json& row : rows)
    std::printf("  %-20s %-20s %s\n", row["part"].get<std::string>().c_str(),
                row["buffer"].get<std::string>().c_str(), bytes_text(row["bytes"].get<uint64_t>()).c_str());
  return 0;
}

int inspect(const InspectOptions& o) {
  if (o.list) return list_architectures(o.json);
  ModelOptions m = o.where;
  m.model = !o.positional.empty() ? o.positional : o.model;
  if (o.placement) return print_placement(m, o.json);
  const GgufFile file(model_path(m));
  if (o.keys) {
    for (size_t i = 0; i < file.n_key(); ++i)
      std::printf("%-48s %s\n", printable(file.key_name(i)).c_str(), printable(file.key_text(i)).c_str());
    for (const ggml_tensor* t : file.tensors())
      std::printf("%-48s %-6s [%ld, %ld, %ld]\n", printable(t->name).c_str(), ggml_type_name(t->type),
                  t->ne[0], t->ne[1], t->ne[2]);
    return 0;
  }
  Json d = describe_file(file);
  const std::optional<ModelSpec> spec = add_abilities(d, file);
  d["supported"] = spec.has_value();
  if (spec) add_model(d, file, *spec);
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
  sub->add_flag("--placement", o->placement, "load the weights and say where each part landed");
  add_placement_options(*sub, o->where);
  sub->add_flag("--json", o->json, "print JSON");
  on_run(*sub, [o] { return inspect(*o); });
}

}  // namespace rouse
