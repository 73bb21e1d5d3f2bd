/// cli/inspect.cpp - the description of a model file, for people.
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "model/describe.h"
#include "model/tensors.h"
#include "report/latency.h"
#include "report/next_steps.h"

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
    print_json({{"architectures", list}});
  else
    for (const ArchEntry& entry : arch_registry()) std::printf("%-12s %s\n", entry.name, entry.help);
  return 0;
}

std::string sizes_text(const Json& sizes) {
  std::vector<std::string> parts;
  for (const auto& [name, size] : sizes.items())
    parts.push_back(cat(name, " ", bytes_text(size.get<uint64_t>())));
  return join(parts, ", ");
}

void print_line(const char* label, const std::string& text) {
  print_text(cat("  ", padded(label, 14), " ", printable(text), "\n"));
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
            r.renormalize ? "renormalised" : "raw", r.scale != 1 ? cat(" times ", r.scale) : "",
            r.renormalize ? "" : " (anchored by nature)"));
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
  if (d["supported"].get<bool>())
    print_line("engine", d["engine"] == "native" ? "rouse's own (native)" : "libllama's, routed by rouse");
  for (const auto& text : d["rouse_can"]) print_line("rouse can", text);
  for (const auto& text : d["rouse_cannot"]) print_line("rouse cannot", text);
}

void print_next(const std::vector<NextStep>& steps) {
  if (steps.empty()) return;
  std::printf("\ntry next\n");
  for (const NextStep& s : steps)
    std::printf("  %s\n      %s; %s of memory, at least %s\n", printable(s.command).c_str(), s.what.c_str(),
                bytes_text(s.memory).c_str(), time_text(s.seconds).c_str());
}

/// Loads the weights and says where each part landed.
int print_placement(const ModelOptions& m, bool as_json) {
  const auto devices = std::make_shared<Devices>(m.n_thread);
  const OpenedModel model = open_model(m, devices);
  require_of(model.native != nullptr, ErrorKind::unsupported, "placement",
             "where each part landed is known of rouse's own engine alone");
  Json rows = Json::array();
  for (const auto& [where, bytes] : model.native->placement())
    rows.push_back({{"part", where.first}, {"buffer", where.second}, {"bytes", bytes}});
  if (as_json) {
    print_json({{"devices", devices->text()}, {"placement", rows}});
    return 0;
  }
  std::printf("%s\n", devices->text().c_str());
  for (const Json& row : rows)
    std::printf("  %-20s %-20s %s\n", row["part"].get<std::string>().c_str(),
                row["buffer"].get<std::string>().c_str(), bytes_text(row["bytes"].get<uint64_t>()).c_str());
  return 0;
}

int list_keys(const GgufFile& file, bool as_json) {
  if (as_json) {
    Json keys = Json::object(), tensors = Json::array();
    for (size_t i = 0; i < file.n_key(); ++i) keys[file.key_name(i)] = file.key_text(i);
    for (const ggml_tensor* t : file.tensors())
      tensors.push_back(
          {{"name", t->name}, {"type", ggml_type_name(t->type)}, {"shape", {t->ne[0], t->ne[1], t->ne[2]}}});
    print_json({{"keys", keys}, {"tensors", tensors}});
    return 0;
  }
  for (size_t i = 0; i < file.n_key(); ++i)
    std::printf("%-48s %s\n", printable(file.key_name(i)).c_str(), printable(file.key_text(i)).c_str());
  for (const ggml_tensor* t : file.tensors())
    std::printf("%-48s %-6s [%ld, %ld, %ld]\n", printable(t->name).c_str(), ggml_type_name(t->type), t->ne[0],
                t->ne[1], t->ne[2]);
  return 0;
}

int inspect(const InspectOptions& o) {
  if (o.list) return list_architectures(o.json);
  ModelOptions m = o.where;
  m.model = !o.positional.empty() ? o.positional : o.model;
  if (o.placement) return print_placement(m, o.json);
  const GgufFile file(model_path(m));
  if (o.keys) return list_keys(file, o.json);
  Description description = describe(file);
  Json& d = description.json;
  const std::optional<ModelSpec>& spec = description.spec;
  const int n_thread = Devices(m.n_thread).n_thread();
  const auto next = d["supported"].get<bool>() ? next_steps(d, spec ? &*spec : nullptr,
                                                            memory_bandwidth(n_thread, size_t{128} << 20))
                                               : std::vector<NextStep>{};
  d["next"] = next_steps_json(next);
  if (o.json) {
    print_json(d);
    return 0;
  }
  print_text(d, spec);
  print_next(next);
  return 0;
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* sub = app.add_subcommand(
      "inspect", "Explain a model file: architecture, experts, sizes, what rouse supports of it");
  auto* model = sub->add_option("-m,--model", o->model, "model file (GGUF); the default model if left out");
  sub->add_option("file", o->positional, "the same, without -m")->excludes(model);
  sub->add_flag("--list", o->list, "list the supported architectures instead");
  sub->add_flag("--keys", o->keys, "list every key and tensor of the file");
  sub->add_flag("--placement", o->placement, "load the weights and say where each part landed");
  add_placement_options(*sub, o->where);
  add_json_option(*sub, o->json);
  on_run(*sub, [o] { return inspect(*o); });
}

}  // namespace rouse
