#include "engine/llama_probe.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "routing/route.h"
#include "tensor/log.h"

namespace rouse {

static constexpr int kTokens = 4;

/// The node that a chain of views and reshapes looks at.
static ggml_tensor* behind_views(ggml_tensor* t) {
  while (t->src[0] && (t->op == GGML_OP_VIEW || t->op == GGML_OP_RESHAPE)) t = t->src[0];
  return t;
}

/// The tensor whose rows, all or some, these are.
static ggml_tensor* behind_rows(ggml_tensor* t) {
  t = behind_views(t);
  return t->op == GGML_OP_GET_ROWS ? behind_rows(t->src[0]) : t;
}

static bool starts(const char* name, const char* prefix) {
  return std::strncmp(name, prefix, std::strlen(prefix)) == 0;
}

/// The values of an F32 or I32 tensor of whole rows, row-major.
template <class T>
static std::vector<T> values(const ggml_tensor* t, int64_t width, int64_t n_row, size_t stride) {
  std::vector<T> out(static_cast<size_t>(width * n_row));
  for (int64_t r = 0; r < n_row; ++r)
    ggml_backend_tensor_get(t, out.data() + r * width, static_cast<size_t>(r) * stride,
                            static_cast<size_t>(width) * sizeof(T));
  return out;
}

LlamaProbe::LlamaProbe(const LlamaModel& model) : model_(model) {
  const auto context =
      llama_context_of(model, 256, kTokens, 1, GGML_TYPE_F16, true, &LlamaProbe::on_node, this);
  const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model.model()));
  llama_batch batch = llama_batch_init(kTokens, 0, 1);
  const std::shared_ptr<void> freed(nullptr, [&](void*) { llama_batch_free(batch); });
  batch.n_tokens = kTokens;
  for (int i = 0; i < kTokens; ++i) {
    batch.token[i] = (i * 7 + 1) % n_vocab;
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;  // so that the last block runs every row
  }
  const LogCapture log;
  const int status = llama_decode(context.get(), batch);
  require_model(status == 0, model.file().path(), ": libllama does not run it: ", trim(log.first_error()));
  parts_ = !llama_model_is_recurrent(model.model()) && !llama_model_is_hybrid(model.model()) &&
           llama_memory_seq_rm(llama_get_memory(context.get()), 0, kTokens / 2, -1);
}

bool LlamaProbe::on_node(ggml_tensor* node, bool ask, void* self) {
  auto& probe = *static_cast<LlamaProbe*>(self);
  if (ask) return probe.look(node);
  probe.read(node);
  return true;
}

/// Notes what a node is, and whether its values are wanted.
bool LlamaProbe::look(ggml_tensor* node) {
  const char* name = node->name;
  const int layer = node_layer(name);
  if (layer < 0) return false;
  ++n_named_[name];
  if (starts(name, "ffn_moe_logits")) return logits_of_[name] = layer, true;
  if (starts(name, "l_out-")) return look_at_sum(node, layer), false;
  if (!starts(name, "ffn_moe_")) return false;
  Seen& seen = seen_[layer];
  seen.names.layer = layer;
  if (starts(name, "ffn_moe_probs-")) return look_at_gates(node, seen), seen.gate == 2;
  if (starts(name, "ffn_moe_group_topk")) seen.grouped = true;
  if (starts(name, "ffn_moe_topk")) return true;
  if (starts(name, "ffn_moe_weights_sum")) return false;
  if (!starts(name, "ffn_moe_weights")) return false;
  if (starts(name, "ffn_moe_weights_norm")) seen.renormalized = true;
  if (starts(name, "ffn_moe_weights_softmax")) seen.renormalized = true;
  if (starts(name, "ffn_moe_weights_scaled") && node->op == GGML_OP_SCALE)
    std::memcpy(&seen.scale, node->op_params, sizeof(float));
  seen.names.weights = name;
  return true;
}

/// A block ends with a sum of what came into its feed-forward and what that adds.
void LlamaProbe::look_at_sum(const ggml_tensor* node, int layer) {
  const auto seen = seen_.find(layer);
  if (seen == seen_.end() || node->op != GGML_OP_ADD) return;
  for (const int i : {0, 1}) {
    const ggml_tensor *residual = node->src[i], *added = node->src[1 - i];
    if (starts(residual->name, "ffn_inp-") && node_layer(added->name) == layer &&
        added->type == GGML_TYPE_F32)
      seen->second.names.output = added->name;
  }
}

/// The named logits among whose rows these are: the last block may have chosen rows of them on the way.
void LlamaProbe::find_logits(ggml_tensor* from, Seen& seen) {
  const auto known = logits_of_.find(behind_rows(from)->name);
  if (known != logits_of_.end() && known->second == seen.names.layer) seen.names.logits = known->first;
}

void LlamaProbe::look_at_gates(ggml_tensor* node, Seen& seen) {
  seen.gates = node;
  seen.n_expert = node->ne[0];
  seen.n_row = node->ne[1];
  const bool sigmoid = node->op == GGML_OP_UNARY && ggml_get_unary_op(node) == GGML_UNARY_OP_SIGMOID;
  if (node->op == GGML_OP_SOFT_MAX || sigmoid) {
    seen.gate = sigmoid ? 1 : 0;
    find_logits(node->src[0], seen);
  } else if (node->op == GGML_OP_MUL_MAT || node->op == GGML_OP_ADD) {
    seen.gate = 2;
    seen.names.logits = node->name;
  } else if (node->op == GGML_OP_GET_ROWS) {
    find_logits(node, seen);
    if (!seen.names.logits.empty()) seen.gate = 2;
  }
}

void LlamaProbe::read(const ggml_tensor* node) {
  const auto logits = logits_of_.find(node->name);
  if (logits != logits_of_.end()) {
    if (node->type == GGML_TYPE_F32)
      seen_[logits->second].logits = values<float>(node, node->ne[0], node->ne[1], node->nb[1]);
    return;
  }
  Seen& seen = seen_[node_layer(node->name)];
  if (starts(node->name, "ffn_moe_probs-")) {
    seen.logits = values<float>(node, node->ne[0], node->ne[1], node->nb[1]);
  } else if (starts(node->name, "ffn_moe_topk")) {
    read_choice(node, seen);
  } else if (ggml_is_contiguous(node) && node->type == GGML_TYPE_F32) {
    seen.weights.resize(static_cast<size_t>(ggml_nelements(node)));
    ggml_backend_tensor_get(node, seen.weights.data(), 0, ggml_nbytes(node));
  } else {
    seen.fault = "its weights are not rows of F32";
  }
}

void LlamaProbe::read_choice(const ggml_tensor* node, Seen& seen) {
  seen.names.chosen = node->name;
  ++seen.n_chosen;
  if (node->op != GGML_OP_VIEW || !node->src[0] || node->src[0]->op != GGML_OP_ARGSORT ||
      node->type != GGML_TYPE_I32) {
    seen.fault = "its experts are not the first of an order";
    return;
  }
  seen.n_slot = node->ne[0];
  seen.chosen = values<int>(node, node->ne[0], node->ne[1], node->nb[1]);
  if (!seen.gates || node->src[0]->ne[0] != seen.n_expert || node->ne[1] != seen.n_row) {
    seen.fault = "its order is not of its gates";
    return;
  }
  ggml_tensor* selection = behind_views(node->src[0]->src[0]);
  // Groups are masked on the way; what they were masked of is the same.
  const ggml_tensor* sum = selection;
  while (seen.grouped && sum && sum != seen.gates && sum->op != GGML_OP_ADD) sum = sum->src[0];
  if (!sum || sum->op != GGML_OP_ADD || sum == seen.gates) return;
  const ggml_tensor* bias = behind_views(sum->src[1]);
  if (behind_views(sum->src[0]) != seen.gates || bias->type != GGML_TYPE_F32 ||
      ggml_nelements(bias) != seen.n_expert) {
    seen.fault = "its order is of something else than gates and a bias";
    return;
  }
  seen.names.bias.resize(static_cast<size_t>(seen.n_expert));
  ggml_backend_tensor_get(bias, seen.names.bias.data(), 0, ggml_nbytes(bias));
}

/// Nodes are found by their names, so each must be the only one of its.
void LlamaProbe::check_names(LlamaRouter& names) const {
  const auto alone = [&](const std::string& name) { return n_named_.at(name) == 1; };
  const auto need = [&](const std::string& name, const char* what) {
    const char* many = name.empty() ? " has no node of " : alone(name) ? nullptr : " has several nodes of ";
    if (many) throw Error(cat("block ", names.layer, many, what), ErrorKind::unsupported);
  };
  need(names.logits, "its router's logits");
  need(names.chosen, "its chosen experts");
  need(names.weights, "their weights");
  if (!names.output.empty() && !alone(names.output)) names.output.clear();
}

/// rouse's rule over what was read must choose the same experts, with the same weights.
void LlamaProbe::compare(const Seen& seen, const RouterSpec& router) const {
  const auto refuse = [&](const std::string& why) {
    throw Error(cat("block ", seen.names.layer, " routes in a way that rouse does not know: ", why),
                ErrorKind::unsupported);
  };
  const auto n_expert = static_cast<size_t>(seen.n_expert), n_slot = static_cast<size_t>(seen.n_slot);
  if (seen.logits.size() != n_expert * kTokens) return refuse("its router's logits are not to be seen");
  if (seen.chosen.size() != n_slot * kTokens || seen.weights.size() != n_slot * kTokens)
    return refuse("not every row chooses as many experts");
  const RoutingPolicy rule(cat("topk:", n_slot), router);
  RouteScratch scratch;
  std::vector<int> ids(n_slot);
  std::vector<float> weights(n_slot);
  for (size_t row = 0; row < kTokens; ++row) {
    const int n = route_row(rule, seen.names.layer, static_cast<int64_t>(row),
                            std::span(seen.logits).subspan(row * n_expert, n_expert), seen.names.bias, ids,
                            weights, scratch);
    if (n != static_cast<int>(n_slot)) return refuse("its scores are not finite");
    for (size_t i = 0; i < n_slot; ++i) {
      const float found = seen.weights[row * n_slot + i];
      if (ids[i] != seen.chosen[row * n_slot + i])
        return refuse(cat("row ", row, " runs expert ", seen.chosen[row * n_slot + i],
                          ", by its gates it would be ", ids[i]));
      if (std::abs(weights[i] - found) > 1e-3f * std::max(1.0f, std::abs(found)))
        return refuse(cat("expert ", ids[i], " weighs ", found, ", by its gate it would be ", weights[i]));
    }
  }
}

std::vector<LlamaRouter> LlamaProbe::routers(RouterSpec& router) const {
  std::vector<LlamaRouter> out;
  const auto refuse = [](const auto&... parts) { throw Error(cat(parts...), ErrorKind::unsupported); };
  const Seen* first = nullptr;
  for (const auto& [layer, seen] : seen_) {
    if (seen.names.chosen.empty()) continue;
    if (!seen.fault.empty())
      refuse("block ", layer, " routes in a way that rouse does not know: ", seen.fault);
    if (seen.n_chosen != 1) refuse("block ", layer, " chooses experts ", seen.n_chosen, " times");
    if (seen.gate < 0) refuse("block ", layer, " has gates that are neither a softmax nor a sigmoid");
    if (!first) first = &seen;
    if (seen.n_expert != first->n_expert || seen.n_slot != first->n_slot || seen.gate != first->gate ||
        seen.renormalized != first->renormalized || seen.scale != first->scale ||
        seen.grouped != first->grouped)
      refuse("blocks ", first->names.layer, " and ", layer, " route by different rules");
    router.layers.push_back(layer);
    out.push_back(seen.names);
    check_names(out.back());
  }
  const std::string arch = model_.spec().arch;
  const GgufFile& file = model_.file();
  if (!first) {
    if (model_.n_slot() > 0) refuse("none of its blocks chooses experts where libllama shows it");
    router = {};
    return out;
  }
  router.n_expert = static_cast<int>(first->n_expert);
  router.n_expert_used = static_cast<int>(first->n_slot);
  router.gate = first->gate == 1 ? Gate::sigmoid : Gate::softmax;
  router.renormalize = first->renormalized;
  router.scale = first->scale;
  if (first->grouped) {
    router.n_group = static_cast<int>(file.integer(arch + ".expert_group_count").value_or(1));
    router.n_group_used =
        static_cast<int>(file.integer(arch + ".expert_group_used_count").value_or(router.n_group));
    router.group_score = GroupScore::best_two;
    if (router.n_group < 1 || router.n_expert % router.n_group != 0 || router.n_group_used < 1 ||
        router.n_group_used > router.n_group)
      refuse("its groups do not divide its experts");
  }
  if (router.n_expert_used > router.n_selectable())
    refuse("it has fewer experts to choose from than it runs");
  for (const auto& [layer, seen] : seen_)
    if (!seen.names.chosen.empty()) compare(seen, router);
  return out;
}

}  // namespace rouse
