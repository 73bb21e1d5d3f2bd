#include "engine/llama_engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "tensor/log.h"

namespace rouse {

static Abilities abilities_of(const LlamaModel& model) {
  return {.engine = "libllama's engine",
          .hidden = false,
          .entry = false,
          .shifts = false,
          .parts = model.parts(),
          .n_slot = model.n_slot()};
}

/// Sequences with a state of their own take memory whether they are used or not.
static int n_sequence_of(const LlamaModel& model, const EngineOptions& o) {
  return model.parts() ? kMaxSequence : std::clamp(o.n_sequence, 1, kMaxSequence);
}

LlamaEngine::LlamaEngine(std::shared_ptr<const LlamaModel> model, const EngineOptions& options)
    : Engine(model->spec(), model->file(), options, abilities_of(*model), n_sequence_of(*model, options)),
      model_(std::move(model)),
      context_(llama_context_of(*model_, n_cell(), options.n_batch, n_sequence(), options.kv_type,
                                options.flash_attention, model_->routers().empty() ? nullptr : &on_node,
                                this)),
      routed_(model_->routers().size()) {
  for (size_t i = 0; i < model_->routers().size(); ++i) {
    const LlamaRouter& r = model_->routers()[i];
    for (const auto& [name, stop] :
         {std::pair(&r.logits, Stop::logits), std::pair(&r.chosen, Stop::chosen),
          std::pair(&r.weights, Stop::weights), std::pair(&r.output, Stop::output)}) {
      if (name->empty()) continue;
      places_.emplace(*name, Place{stop, i});
      odd_names_ = odd_names_ || !name->starts_with("ffn_moe_");
    }
  }
  const llama_memory_t memory = llama_get_memory(context_.get());
  cells_.mirror_to({.forked =
                        [memory, this](SeqId from, SeqId to, int n_token) {
                          llama_memory_seq_cp(memory, from, to, 0, n_token);
                          if (lost_.count(from)) lost_.insert(to);
                        },
                    .trimmed =
                        [memory, this](SeqId seq, int n_token) {
                          if (n_token == 0) {
                            llama_memory_seq_rm(memory, seq, -1, -1);
                            lost_.erase(seq);
                          } else if (!abilities().parts || !llama_memory_seq_rm(memory, seq, n_token, -1)) {
                            lost_.insert(seq);
                          }
                        }});
}

std::string LlamaEngine::placement_text() const {
  return cat("libllama, ", bytes_text(llama_model_size(model_->model())));
}

void LlamaEngine::check_step(const Step& step, size_t) const {
  const Abilities& can = abilities();
  can.need(step.entry < 0 && step.inputs.empty() && step.taps.ffn_layers.empty(), "this",
           "a way into the middle of the graph");
  if (const int layer = step.perturbation.layer; layer >= 0) {
    const auto& routers = model_->routers();
    const auto router = std::ranges::find(routers, layer, &LlamaRouter::layer);
    can.need(router != routers.end() && !router->output.empty(), cat("a perturbation of block ", layer),
             "what the block adds to the residual");
  }
  can.need(step.taps.exits.empty() && !step.taps.heads, "this", "rows that leave early");
  for (const RowGroup& group : step.batch) {
    can.need(!group.shift, "this", "shifts of heads");
    for (const int layer : spec().router.layers)
      require_of(group.policy->choice().max_count(layer) <= model_->n_slot(), ErrorKind::unsupported,
                 "n_slots", "the policy ", group.policy->text(), " runs up to ",
                 group.policy->choice().max_count(layer), " experts in block ", layer,
                 ", libllama's engine was opened for ", model_->n_slot(), " (n_slots)");
    for (const Row& row : group.rows) {
      can.need(row.output != Output::hidden, "this", "hidden rows");
      require(!lost_.count(row.seq), "the state of sequence ", row.seq, " went with a step that failed");
    }
  }
}

void LlamaEngine::run_head_rows(std::span<HeadRows> items) {
  abilities().need(items.empty(), "this", "the output head alone");
}

/// How many of these rows can run in one decode and keep their order in its graph: libllama splits a batch of
/// sequences with a state of their own into steps of equal length, in the order of the sequences.
size_t LlamaEngine::together(std::span<const FlatRow> rows) const {
  const size_t most = std::min(rows.size(), static_cast<size_t>(options().n_batch));
  if (abilities().parts) return most;
  const auto run = [&](size_t begin) {  // rows of one sequence
    size_t n = begin;
    while (n < rows.size() && rows[n].row.seq == rows[begin].row.seq) ++n;
    return n - begin;
  };
  const size_t length = run(0);
  if (length >= most) return most;
  size_t n = length;
  while (n + length <= most && rows[n].row.seq == rows[n - 1].row.seq + 1 && run(n) == length) n += length;
  return n;
}

void LlamaEngine::run_rows(const Step& step) {
  std::vector<FlatRow> rows = rows_of(step);
  std::ranges::stable_sort(rows, {}, [](const FlatRow& r) { return r.row.seq; });
  for (std::span<const FlatRow> left = rows; !left.empty();) {
    const size_t n = together(left);
    decode(step, left.first(n));
    left = left.subspan(n);
  }
}

bool LlamaEngine::own_rule(size_t row) const {
  return rows_[row].policy->trained() && model_->n_slot() == spec().router.n_expert_used;
}

void LlamaEngine::decode(const Step& step, std::span<const FlatRow> rows) {
  rows_ = rows;
  positions_.clear(), cells_of_.clear(), outputs_.clear();
  failed_ = nullptr;
  rewrites_ = step.taps.routing;
  in_order_ = model_->routers().empty();
  perturbation_ = step.perturbation;
  const auto n_row = static_cast<int32_t>(rows.size());
  llama_batch batch = llama_batch_init(n_row, 0, 1);
  const std::shared_ptr<void> freed(nullptr, [&](void*) { llama_batch_free(batch); });
  batch.n_tokens = n_row;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i].row;
    // The last block runs rows with an output alone; whoever looks at the routing wants all.
    const bool output = row.output != Output::none || step.taps.routing;
    if (output) outputs_.push_back(i);
    rewrites_ = rewrites_ || !own_rule(i);
    positions_.push_back(length(row.seq));
    cells_of_.push_back(cells_.append(row.seq));
    batch.token[i] = row.token;
    batch.pos[i] = positions_.back();
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = row.seq;
    batch.logits[i] = output;
  }
  for (Routed& r : routed_) r = {};
  const LogCapture log;
  const int status = llama_decode(context_.get(), batch);
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  require_room(status != 1, "n_ctx", "libllama finds no room for ", n_row, " more tokens in its ", n_cell(),
               " cells");
  require(status == 0, "libllama failed at a step of ", n_row, " rows: ", rouse::trim(log.first_error()));
  require(in_order_, "libllama's graph did not show its rows");
  take_routing(step.taps.routing);
  take_logits();
}

bool LlamaEngine::on_node(ggml_tensor* node, bool ask, void* self) {
  auto& engine = *static_cast<LlamaEngine*>(self);
  try {
    if (ask && !engine.in_order_ && !engine.failed_) engine.check_order(node);
    if (ask) return engine.wants(node);
    if (!engine.failed_) engine.stop_at(node, engine.places_.at(node->name));
  } catch (...) {  // not through libllama
    engine.failed_ = std::current_exception();
  }
  return true;  // false would skip nodes without a word
}

/// Where the graph looks its tokens up, they must be those of the decode, in its order: libllama may split a
/// batch, and would then route rows by each other's policies.
void LlamaEngine::check_order(const ggml_tensor* node) {
  if (node->op != GGML_OP_GET_ROWS || !std::strstr(node->src[1]->name, "inp_tokens")) return;
  std::vector<int> tokens(static_cast<size_t>(ggml_nelements(node->src[1])));
  ggml_backend_tensor_get(node->src[1], tokens.data(), 0, tokens.size() * sizeof(int));
  const auto same = [](const FlatRow& row, int token) { return row.row.token == token; };
  require(std::ranges::equal(rows_, tokens, same), "libllama runs a step of ", rows_.size(),
          " rows in another order");
  in_order_ = true;
}

bool LlamaEngine::wants(const ggml_tensor* node) const {
  if (!odd_names_ && std::strncmp(node->name, "ffn_moe_", 8) != 0) return false;
  const auto place = places_.find(node->name);
  if (place == places_.end()) return false;
  if (place->second.stop == Stop::output)
    return model_->routers()[place->second.router].layer == perturbation_.layer;
  return rewrites_ || place->second.stop == Stop::chosen;
}

void LlamaEngine::stop_at(ggml_tensor* node, const Place& place) {
  const LlamaRouter& router = model_->routers()[place.router];
  Routed& routed = routed_[place.router];
  if (place.stop == Stop::chosen) return choose(node, router, routed);
  if (place.stop == Stop::weights) return weigh(node, routed);
  if (place.stop == Stop::output) return perturb(node, routed);
  require(node->type == GGML_TYPE_F32 && ggml_is_contiguous(node), "block ", router.layer,
          ": the router's logits are not rows of F32");
  routed.logits.resize(static_cast<size_t>(ggml_nelements(node)));
  ggml_backend_tensor_get(node, routed.logits.data(), 0, ggml_nbytes(node));
}

/// Reads what libllama chose, and writes what the policies choose instead.
void LlamaEngine::choose(ggml_tensor* chosen, const LlamaRouter& router, Routed& routed) {
  const auto n_row = static_cast<size_t>(chosen->ne[1]), n_slot = static_cast<size_t>(model_->n_slot());
  require(n_row == rows_.size() || n_row == outputs_.size(), "block ", router.layer, " runs ", n_row,
          " rows of a step of ", rows_.size());
  routed.rows.resize(n_row);
  if (n_row == rows_.size())
    std::iota(routed.rows.begin(), routed.rows.end(), size_t{0});
  else
    routed.rows = outputs_;
  keep_output_rows(routed);
  routed.ids.resize(n_row * n_slot);
  routed.weights.resize(n_row * n_slot);
  routed.n.assign(n_row, static_cast<int>(n_slot));
  routed.unsound.assign(n_row, 0);
  const ggml_tensor* order = chosen->src[0];
  const ggml_tensor* scores = order->src[0];  // just read by the order, so still there
  std::vector<int> ranked(static_cast<size_t>(order->ne[0]));
  std::vector<float> score(ranked.size());
  for (size_t i = 0; i < n_row; ++i) {
    const auto ids = std::span(routed.ids).subspan(i * n_slot, n_slot);
    const bool own = own_rule(routed.rows[i]);
    const size_t n_read = own ? n_slot : ranked.size();
    ggml_backend_tensor_get(order, ranked.data(), i * order->nb[1], n_read * sizeof(int));
    if (own) {
      std::copy_n(ranked.begin(), n_slot, ids.begin());
      ggml_backend_tensor_get(scores, score.data(), i * scores->nb[1], score.size() * sizeof(float));
      routed.unsound[i] = std::ranges::any_of(score, [](float x) { return std::isnan(x); });
      continue;
    }
    choose_row(router, routed, i, ranked);
    ggml_backend_tensor_set(chosen, ids.data(), i * chosen->nb[1], n_slot * sizeof(int));
  }
}

/// A router that looks at all rows, in a block that goes on with those that have an output.
void LlamaEngine::keep_output_rows(Routed& routed) const {
  const auto n_expert = static_cast<size_t>(spec().router.n_expert);
  if (routed.rows.size() == rows_.size() || routed.logits.size() != rows_.size() * n_expert) return;
  for (size_t i = 0; i < routed.rows.size(); ++i)
    std::copy_n(routed.logits.begin() + static_cast<std::ptrdiff_t>(routed.rows[i] * n_expert), n_expert,
                routed.logits.begin() + static_cast<std::ptrdiff_t>(i * n_expert));
  routed.logits.resize(routed.rows.size() * n_expert);
}

/// order: all experts as libllama ranks them; fills the slots that the policy leaves.
void LlamaEngine::choose_row(const LlamaRouter& router, Routed& routed, size_t i,
                             std::span<const int> order) {
  const auto n_expert = static_cast<size_t>(spec().router.n_expert),
             n_slot = static_cast<size_t>(model_->n_slot());
  const size_t row = routed.rows[i];
  const auto ids = std::span(routed.ids).subspan(i * n_slot, n_slot);
  const auto weights = std::span(routed.weights).subspan(i * n_slot, n_slot);
  require(routed.logits.size() == routed.rows.size() * n_expert, "block ", router.layer,
          ": the router's logits were not seen");
  int n = route_row(*rows_[row].policy, router.layer, positions_[row],
                    std::span(routed.logits).subspan(i * n_expert, n_expert), router.bias, ids, weights,
                    scratch_);
  routed.unsound[i] = n == 0;
  routed.n[i] = n;
  if (n == 0) {
    std::copy_n(order.begin(), n_slot, ids.begin());
    std::ranges::fill(weights, NAN);
    routed.n[i] = static_cast<int>(n_slot);
    return;
  }
  for (const int id : order) {  // kernels want distinct experts
    if (n == static_cast<int>(n_slot)) break;
    const auto taken = ids.first(static_cast<size_t>(n));
    if (std::find(taken.begin(), taken.end(), id) != taken.end()) continue;
    ids[static_cast<size_t>(n)] = id;
    weights[static_cast<size_t>(n++)] = 0;
  }
}

void LlamaEngine::weigh(ggml_tensor* weights, const Routed& routed) const {
  const auto n_slot = static_cast<size_t>(model_->n_slot());
  require(weights->type == GGML_TYPE_F32 && ggml_is_contiguous(weights) &&
              static_cast<size_t>(ggml_nelements(weights)) == routed.rows.size() * n_slot,
          weights->name, " is not a weight for each chosen expert");
  for (size_t i = 0; i < routed.rows.size(); ++i)
    if (!own_rule(routed.rows[i]))
      ggml_backend_tensor_set(weights, routed.weights.data() + i * n_slot, i * n_slot * sizeof(float),
                              n_slot * sizeof(float));
}

void LlamaEngine::perturb(ggml_tensor* output, const Routed& routed) const {
  const auto n_embd = static_cast<size_t>(spec().n_embd);
  require(output->type == GGML_TYPE_F32 && ggml_is_contiguous(output) &&
              static_cast<size_t>(ggml_nelements(output)) == routed.rows.size() * n_embd,
          output->name, " is not a row of F32 for each that was routed");
  std::vector<float> values(static_cast<size_t>(ggml_nelements(output)));
  ggml_backend_tensor_get(output, values.data(), 0, ggml_nbytes(output));
  for (size_t i = 0; i < routed.rows.size(); ++i) {
    const size_t at = rows_[routed.rows[i]].at;
    for (size_t c = 0; c < n_embd; ++c) {
      float& x = values[i * n_embd + c];
      if (!perturbation_.noise.empty()) x *= perturbation_.noise[at * n_embd + c];
      x *= perturbation_.scale;
    }
  }
  ggml_backend_tensor_set(output, values.data(), 0, ggml_nbytes(output));
}

/// Costs, faults and, when tapped, experts of the rows that ran.
void LlamaEngine::take_routing(bool tapped) {
  const auto n_expert = static_cast<size_t>(spec().router.n_expert),
             n_slot = static_cast<size_t>(model_->n_slot());
  cost_.rows += static_cast<int64_t>(rows_.size());
  cost_.steps += 1;
  cost_.head_rows +=
      std::ranges::count_if(rows_, [](const FlatRow& r) { return r.row.output != Output::none; });
  cost_.weight_bytes +=
      static_cast<int64_t>(model_->dense_bytes() + (outputs_.empty() ? 0 : model_->head_bytes()));
  std::vector<char> touched(n_expert);
  for (size_t l = 0; l < routed_.size(); ++l) {
    const Routed& routed = routed_[l];
    std::ranges::fill(touched, 0);
    for (const int id : routed.ids) touched[static_cast<size_t>(id)] = 1;
    count_reads(model_->routers()[l].layer, std::count(touched.begin(), touched.end(), 1),
                static_cast<int64_t>(model_->routers()[l].bytes));
    for (size_t i = 0; i < routed.rows.size(); ++i) {
      const size_t row = routed.rows[i], at = rows_[row].at;
      result_.row_evaluations[at] += routed.n[i];
      cost_.expert_evaluations += routed.n[i];
      cost_.idle_evaluations += static_cast<int64_t>(n_slot) - routed.n[i];
      if (routed.unsound[i]) cells_.spoil(cells_of_[row], model_->routers()[l].layer);
      if (!tapped) continue;
      const auto logits = std::span(routed.logits).subspan(i * n_expert, n_expert);
      const auto chosen = std::span(routed.ids).subspan(i * n_slot, static_cast<size_t>(routed.n[i]));
      result_.routing[at].push_back(routed_row(logits, chosen));
    }
  }
}

void LlamaEngine::take_logits() {
  const auto n_vocab = static_cast<size_t>(spec().n_vocab);
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i].row;
    const size_t at = rows_[i].at;
    note_spoiled(at, row.seq, positions_[i]);
    if (row.output == Output::none) continue;
    const float* logits = llama_get_logits_ith(context_.get(), static_cast<int32_t>(i));
    require(logits != nullptr, "libllama gives no logits of row ", i);
    const std::span<const float> all(logits, n_vocab);
    result_.logits_at[at] = static_cast<int>(result_.logits_data.size() / n_vocab);
    result_.logits_data.insert(result_.logits_data.end(), all.begin(), all.end());
    note_unsound(at, all, positions_[i]);
  }
}

}  // namespace rouse
