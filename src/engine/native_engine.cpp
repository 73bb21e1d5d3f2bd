#include "engine/native_engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <new>
#include <tuple>

#include "base/error.h"

namespace rouse {

/// Graphs of few rows are small and come back often (SCMoE's lazy weak stream has a different length each
/// time).
static constexpr size_t kMaxGraphs = 24;
/// More separate sequences than this attend through one common window.
static constexpr size_t kMaxSpans = 4;

static bool supports_flash_attention(const Model& model, ggml_type kv_type) {
  const auto& a = model.spec().attention;
  const ggml_context_ptr scratch(ggml_init({ggml_tensor_overhead() * 8, nullptr, true}));
  ggml_context* g = scratch.get();
  ggml_tensor* q = ggml_new_tensor_3d(g, GGML_TYPE_F32, a.n_embd_head, 1, a.n_head);
  ggml_tensor* k = ggml_new_tensor_3d(g, kv_type, a.n_embd_head, kKvWindow, a.n_head_kv);
  ggml_tensor* v = ggml_new_tensor_3d(g, kv_type, a.n_embd_head_v, kKvWindow, a.n_head_kv);
  ggml_tensor* mask = ggml_new_tensor_2d(g, GGML_TYPE_F16, kKvWindow, 1);
  ggml_tensor* op = ggml_flash_attn_ext(g, q, k, v, mask, a.scale, 0.0f, 0.0f);
  if (a.sinks) ggml_flash_attn_ext_add_sinks(op, ggml_new_tensor_1d(g, GGML_TYPE_F32, a.n_head));
  for (int layer = 0; layer < model.spec().n_layer; ++layer)
    if (!ggml_backend_dev_supports_op(model.device(layer), op)) return false;
  return true;
}

static bool all_on_cpu(const Model& model) {
  for (int layer = 0; layer < model.spec().n_layer; ++layer)
    if (model.device(layer) != model.devices().cpu()) return false;
  return true;
}

NativeEngine::NativeEngine(std::shared_ptr<const Model> model, const EngineOptions& options)
    : Engine(model->spec(), model->file(), options, {}),
      model_(std::move(model)),
      flash_attention_(options.flash_attention && supports_flash_attention(*model_, options.kv_type)),
      cpu_attention_(options.flash_attention && all_on_cpu(*model_)),
      cache_(*model_, cells_, options.kv_type, !cpu_attention_),
      head_(*model_) {
  require_of(options.kv_type == GGML_TYPE_F16 || options.kv_type == GGML_TYPE_F32, ErrorKind::unsupported,
             "kv_type", "kv_type is ", ggml_type_name(options.kv_type),
             "; rouse's own engine has f16 and f32, libllama's the others");
}

void NativeEngine::check_step(const Step& step, size_t n_row) const {
  const ModelSpec& spec = this->spec();
  for (const RowGroup& group : step.batch)
    require(!group.shift || group.shift->size() == static_cast<size_t>(spec.n_layer),
            "a head shift of another model");
  const size_t n_value = n_row * static_cast<size_t>(spec.n_embd);
  require(step.entry >= -1 && step.entry < spec.n_layer, "block ", step.entry, " is outside 0..",
          spec.n_layer - 1);
  require(step.inputs.size() == (step.entry < 0 ? 0 : n_value), step.inputs.size(), " hidden values for ",
          n_row, " rows of ", spec.n_embd);
}

/// Rows of steps come before prompts, by what their policies and outputs ask of a graph: whichever texts want
/// them, the same mixture of rows has the same shape and finds its graph again. Rows of one sequence keep
/// their order. What is given or read row by row from outside leaves all rows where they are.
std::vector<Engine::FlatRow> NativeEngine::rows_in_order(const Step& step) const {
  std::vector<FlatRow> rows = rows_of(step);
  std::array<int, kMaxSequence> n_of{};  // rows of each sequence
  for (const FlatRow& r : rows) ++n_of[static_cast<size_t>(r.row.seq)];
  if (step.entry >= 0 || !step.perturbation.noise.empty() || !step.taps.ffn_layers.empty()) return rows;
  const auto key = [&](const FlatRow& r) {
    const bool single = n_of[static_cast<size_t>(r.row.seq)] == 1;
    return single ? std::tuple(0, r.policy->shape(), r.row.output) : std::tuple(1, uint64_t{0}, Output::none);
  };
  std::ranges::stable_sort(rows, {}, key);
  return rows;
}

void NativeEngine::run_rows(const Step& step) {
  const std::vector<FlatRow> rows = rows_in_order(step);
  const auto n_batch = static_cast<size_t>(options().n_batch);
  try {
    for (size_t first = 0; first < rows.size(); first += n_batch)
      run_chunk(step, std::span(rows).subspan(first, std::min(n_batch, rows.size() - first)));
  } catch (...) {
    std::erase_if(graphs_, [&](const auto& g) { return g->last_used == tick_; });  // half run, half allocated
    throw;
  }
}

/// One window for each sequence where there are few, else one over all: consecutive rows of a sequence form a
/// span.
std::vector<AttentionSpan> NativeEngine::attention_spans(const StepInput& in) const {
  const int n_row = static_cast<int>(in.sequences.size());
  if (cpu_attention_) return {{0, n_row, 0, 0}};  // each row its own cells
  std::vector<AttentionSpan> spans;
  for (size_t r = 0; r < in.sequences.size(); ++r) {
    if (r == 0 || in.sequences[r] != in.sequences[r - 1]) spans.push_back({static_cast<int>(r), 0, 0, 0});
    spans.back().n_row += 1;
  }
  if (spans.size() > kMaxSpans) spans = {{0, n_row, 0, 0}};
  for (AttentionSpan& span : spans) {
    int low = n_cell(), high = 0;
    for (int r = span.row_begin; r < span.row_begin + span.n_row; ++r) {
      if (r > span.row_begin &&
          in.sequences[static_cast<size_t>(r)] == in.sequences[static_cast<size_t>(r - 1)])
        continue;
      const auto& cells = cells_.cells(in.sequences[static_cast<size_t>(r)]);
      const auto [least, most] = std::minmax_element(cells.begin(), cells.end());
      low = std::min(low, *least);
      high = std::max(high, *most + 1);
    }
    span.kv_begin = low / kKvWindow * kKvWindow;
    span.n_kv = (high - span.kv_begin + kKvWindow - 1) / kKvWindow * kKvWindow;  // n_cell is a multiple too
  }
  return spans;
}

StepGraph& NativeEngine::graph_for(const StepShape& shape, const StepInput& in, bool tap_routing) {
  ++tick_;
  for (auto& graph : graphs_)
    if (graph->shape() == shape && graph->taps_routing() == tap_routing) {
      graph->last_used = tick_;
      return *graph;
    }
  if (graphs_.size() >= kMaxGraphs || shape.n_row > 64) {
    // A long prompt's graph needs much memory: keep at most one of those.
    std::erase_if(graphs_, [&](const auto& g) { return g->shape().n_row > 64; });
    if (graphs_.size() >= kMaxGraphs)
      graphs_.erase(std::min_element(graphs_.begin(), graphs_.end(), [](const auto& a, const auto& b) {
        return a->last_used < b->last_used;
      }));
  }
  ++n_graph_built_;
  graphs_.push_back(
      std::make_unique<StepGraph>(*model_, cache_, shape, in.routes, tap_routing, flash_attention_));
  graphs_.back()->last_used = tick_;
  return *graphs_.back();
}

/// Which rows have a head shift, and which blocks any of them changes.
template <class Rows>
static void add_shifts(const Rows& rows, StepShape& shape, StepInput& in) {
  for (const auto& r : rows) {
    auto found = std::find(in.shifts.begin(), in.shifts.end(), r.shift);
    if (r.shift && found == in.shifts.end()) found = in.shifts.insert(found, r.shift);
    in.shift_of.push_back(r.shift ? static_cast<int32_t>(found - in.shifts.begin()) : -1);
  }
  shape.n_shift = static_cast<int>(in.shifts.size());
  std::replace(in.shift_of.begin(), in.shift_of.end(), -1, static_cast<int32_t>(shape.n_shift));
  for (const HeadShift* shift : in.shifts)
    for (size_t layer = 0; layer < shift->size(); ++layer)
      if (!(*shift)[layer].empty()) shape.shift_layers.push_back(static_cast<int>(layer));
  std::sort(shape.shift_layers.begin(), shape.shift_layers.end());
  shape.shift_layers.erase(std::unique(shape.shift_layers.begin(), shape.shift_layers.end()),
                           shape.shift_layers.end());
}

/// Some of the step's rows, in one graph.
void NativeEngine::run_chunk(const Step& step, std::span<const FlatRow> rows) {
  const Taps& taps = step.taps;
  const auto n_embd = static_cast<size_t>(spec().n_embd);
  const auto own = [&](std::span<const float> values) {  // of these rows, which then are in the batch's order
    return values.empty() ? values : values.subspan(rows[0].at * n_embd, rows.size() * n_embd);
  };
  StepInput in;
  StepShape shape;
  shape.n_row = static_cast<int>(rows.size());
  shape.all_rows_to_end = taps.routing || !taps.ffn_layers.empty();
  shape.ffn_layers = taps.ffn_layers;
  shape.exits = taps.exits;
  shape.heads = taps.heads;
  shape.first_layer = step.entry;
  in.hidden = own(step.inputs);
  in.perturbation = step.perturbation;
  in.perturbation.noise = own(step.perturbation.noise);
  for (const FlatRow& r : rows) {
    in.tokens.push_back(r.row.token);
    in.positions.push_back(length(r.row.seq));
    in.cells.push_back(cells_.append(r.row.seq));
    in.sequences.push_back(r.row.seq);
    in.routes.push_back({r.policy, in.positions.back()});
    shape.policy_shapes.push_back(r.policy->shape());
  }
  add_shifts(rows, shape, in);
  const size_t logits_before = result_.logits_data.size() / static_cast<size_t>(result_.n_vocab);
  const size_t hidden_before = result_.hidden_data.size() / static_cast<size_t>(result_.n_embd);
  for (const Output wanted : {Output::logits, Output::hidden})
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r].row.output != wanted) continue;
      result_.hidden_at[rows[r].at] = static_cast<int>(hidden_before + in.outputs.size());
      if (wanted == Output::logits) {
        result_.logits_at[rows[r].at] = static_cast<int>(logits_before) + shape.n_logits++;
      } else {
        ++shape.n_hidden;
      }
      in.outputs.push_back(static_cast<int32_t>(r));
      shape.output_shapes.push_back(shape.policy_shapes[r]);
    }
  shape.spans = attention_spans(in);

  StepGraph& graph = graph_for(shape, in, taps.routing);
  graph.run(in);

  read(graph, rows.size());
  find_faults(graph, in, rows);
  if (taps.routing) read_routing(graph, rows);
  count(graph, in, rows);
}

/// The row of the batch that is the i-th of a layer: the last block runs the rows with an output alone, in
/// their order.
size_t NativeEngine::row_of(const StepGraph& graph, const RouteLayer& layer, const StepInput& in,
                            size_t i) const {
  const bool outputs_only = layer.layer == spec().n_layer - 1 && !graph.shape().all_rows_to_end;
  return outputs_only ? static_cast<size_t>(in.outputs[i]) : i;
}

/// Appends what a graph of n_row rows gave to the result.
void NativeEngine::read(const StepGraph& graph, size_t n_row) {
  const auto grow = [](std::vector<float>& v, size_t n, int64_t width) {
    v.resize(v.size() + n * static_cast<size_t>(width));
    return std::span(v).last(n * static_cast<size_t>(width));
  };
  const auto n_logits = static_cast<size_t>(graph.shape().n_logits),
             n_output = static_cast<size_t>(graph.shape().n_output());
  if (n_logits) graph.read_logits(grow(result_.logits_data, n_logits, result_.n_vocab));
  if (n_output) {
    graph.read_hidden(grow(result_.hidden_data, n_output, result_.n_embd));
    for (size_t i = 0; i < result_.exits.size(); ++i)
      graph.read_exit(i, grow(result_.exits[i], n_output, result_.n_embd));
    for (size_t block = 0; block < result_.heads.size(); ++block)
      graph.read_heads(block, grow(result_.heads[block], n_output, spec().attention.n_embd_out()));
  }
  for (size_t i = 0; i < result_.ffn_inputs.size(); ++i)
    graph.read_ffn_input(i, grow(result_.ffn_inputs[i], n_row, result_.n_embd));
}

/// Where routers' scores become choices and logits become scores. A row that was routed by numbers that are
/// not finite marks its cell, as quantised products of later rows may turn its NaNs into plain numbers.
void NativeEngine::find_faults(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows) {
  for (const auto& layer : graph.routing())
    for (size_t i = 0; i < layer->unsound.size(); ++i)
      if (layer->unsound[i])
        cells_.spoil(static_cast<int>(in.cells[row_of(graph, *layer, in, i)]), layer->layer);
  for (size_t r = 0; r < in.positions.size(); ++r) note_spoiled(rows[r].at, in.sequences[r], in.positions[r]);
  for (const int32_t output : in.outputs) {
    const size_t row = rows[static_cast<size_t>(output)].at;
    if (result_.faults.count(row)) continue;
    const int position = in.positions[static_cast<size_t>(output)];
    const auto hidden = result_.hidden(row);
    if (!std::all_of(hidden.begin(), hidden.end(), [](float x) { return std::isfinite(x); }))
      result_.faults[row] = cat("the last block's output at position ", position, " is not finite");
    else if (result_.logits_at[row] >= 0)
      note_unsound(row, result_.logits(row), position);
  }
}

void NativeEngine::count(const StepGraph& graph, const StepInput& in, std::span<const FlatRow> rows) {
  const WeightBytes& bytes = model_->weight_bytes();
  cost_.rows += graph.shape().n_row;
  cost_.steps += 1;
  cost_.head_rows += graph.shape().n_logits;
  cost_.weight_bytes += static_cast<int64_t>(bytes.dense + (graph.shape().n_logits ? bytes.head : 0));
  std::vector<char> touched(static_cast<size_t>(spec().router.n_expert));
  for (const auto& layer : graph.routing()) {
    std::fill(touched.begin(), touched.end(), 0);
    for (size_t i = 0; i < layer->n_pair.size(); ++i)
      result_.row_evaluations[rows[row_of(graph, *layer, in, i)].at] += layer->n_pair[i];
    for (const RoutePiece& piece : layer->pieces) {
      cost_.expert_evaluations += piece.n_pair;
      for (int p = piece.pair_begin; p < piece.pair_begin + piece.n_pair; ++p)
        touched[static_cast<size_t>(layer->ids[static_cast<size_t>(p)])] = 1;
    }
    count_reads(layer->layer, std::count(touched.begin(), touched.end(), 1),
                static_cast<int64_t>(bytes.expert[static_cast<size_t>(layer->layer)]));
  }
}

void NativeEngine::read_routing(const StepGraph& graph, std::span<const FlatRow> rows) {
  const auto n_expert = static_cast<size_t>(spec().router.n_expert);
  for (size_t row = 0; row < static_cast<size_t>(graph.shape().n_row); ++row)
    for (const auto& layer : graph.routing()) {
      const auto logits = std::span(layer->logits).subspan(row * n_expert, n_expert);
      const auto chosen =
          std::span(layer->ids)
              .subspan(static_cast<size_t>(layer->pair_begin[row]), static_cast<size_t>(layer->n_pair[row]));
      result_.routing[rows[row].at].push_back(routed_row(logits, chosen));
    }
}

}  // namespace rouse
