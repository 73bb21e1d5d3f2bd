#include "model/synth/synth.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/known.h"
#include "base/random.h"
#include "base/text.h"
#include "model/model_spec.h"
#include "tensor/cores.h"

namespace rouse {
namespace {

ggml_type parse_type(const std::string& name) {
  std::vector<std::string> known;
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    const bool usable = type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16 ||
                        (ggml_is_quantized(type) && !ggml_quantize_requires_imatrix(type) &&
                         ggml_get_type_traits(type)->from_float_ref);
    if (!usable || ggml_blck_size(type) == 0) continue;
    const bool same = std::ranges::equal(name, std::string_view(ggml_type_name(type)), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) ==
             std::tolower(static_cast<unsigned char>(b));  // q4_k, Q4_K
    });
    if (same) return type;
    known.emplace_back(ggml_type_name(type));
  }
  throw Error(cat("type \"", name, "\" is not known", known_names(name, known)), ErrorKind::usage);
}

/// The type for rows of n elements: where they do not divide into its blocks, what llama.cpp's quantiser
/// takes.
ggml_type fitting(ggml_type type, int64_t n) {
  if (n % ggml_blck_size(type) == 0) return type;
  if (n % 32 != 0) return GGML_TYPE_F16;
  return type == GGML_TYPE_Q4_K ? GGML_TYPE_Q5_0 : type == GGML_TYPE_Q5_K ? GGML_TYPE_Q5_1 : GGML_TYPE_Q8_0;
}

/// The shape that the flags describe: a named one, then what was given.
SynthShape shape_of(const SynthOptions& o) {
  require_usage(o.arch.empty() || o.like.empty(), "arch and like exclude each other");
  const auto named = !o.like.empty() ? model_shapes() : arch_shapes();
  const std::string wanted = !o.like.empty() ? o.like : o.arch.empty() ? "llama" : o.arch;
  const auto found = std::ranges::find_if(named, [&](const NamedShape& n) { return n.name == wanted; });
  std::vector<std::string> names;
  for (const NamedShape& n : named) names.emplace_back(n.name);
  if (found == named.end())
    throw Error(
        cat(o.like.empty() ? "arch" : "like", " \"", wanted, "\" is not known", known_names(wanted, names)),
        ErrorKind::usage);
  SynthShape shape = found->shape;
  for (const ShapeField& field : shape_fields()) {
    const auto given = o.fields.find(field.flag);
    if (given == o.fields.end()) continue;
    const std::string archs = cat(" ", field.archs, " ");
    require_usage(*field.archs == 0 || archs.find(cat(" ", shape.arch, " ")) != std::string::npos, field.flag,
                  " makes no sense for ", shape.arch, "; it is for ", field.archs);
    shape.*field.member = given->second;
  }
  shape.tied = shape.tied || o.tied;
  return shape;
}

/// A block that predicts the token after the next: a layer and what joins it to the others. Nobody here runs
/// it.
std::vector<TensorInfo> nextn_tensors(const ModelSpec& spec, int layer) {
  std::vector<TensorInfo> out = block_tensors(spec, layer);
  const auto add = [&](const char* name, std::vector<int64_t> ne, TensorKind kind = TensorKind::norm) {
    out.push_back({cat("blk.", layer, ".", name), std::move(ne), kind});
  };
  const int64_t n = spec.n_embd;
  add("nextn.eh_proj.weight", {2 * n, n}, TensorKind::matrix);
  for (const char* norm : {"nextn.enorm.weight", "nextn.hnorm.weight", "nextn.shared_head_norm.weight"})
    add(norm, {n});
  if (spec.arch == "bailingmoe2") add("layer_output_norm.weight", {n});
  return out;
}

/// Files of these families have a bias for selection; of DeepSeek's V3 alone.
bool carries_bias(const ModelSpec& spec) {
  return spec.selection_bias && (spec.arch != "deepseek2" || spec.router.gate == Gate::sigmoid);
}

/// Rows of a tensor past this many repeat earlier ones, shuffled: K-quants take minutes a gigabyte.
constexpr int64_t kDrawnRows = 8192;

}  // namespace

Synth::Synth(const SynthOptions& o, const GgufFile& vocab)
    : o_(o), shape_(shape_of(o)), type_(parse_type(o.type)) {
  const gguf_context_ptr keys(gguf_init_empty());
  vocab.copy_keys(keys.get(), "tokenizer.");
  write_shape_keys(keys.get(), shape_,
                   cat("synth-", o.like.empty() ? shape_.arch : o.like, "-", shape_.n_layer, "x",
                       shape_.n_embd, "-seed", o.seed));
  const ModelSpec spec = plan(keys.get(), static_cast<int64_t>(*vocab.array_length("tokenizer.ggml.tokens")));
  std::vector<TensorInfo> tensors = outer_tensors(spec);
  for (int layer = 0; layer < spec.n_layer; ++layer)
    for (TensorInfo& t : block_tensors(spec, layer)) tensors.push_back(std::move(t));
  for (int i = 0; i < spec.n_nextn; ++i)
    for (TensorInfo& t : nextn_tensors(spec, spec.n_layer + i)) tensors.push_back(std::move(t));
  writer_ = std::make_unique<GgufWriter>(tensors.size());
  gguf_set_kv(writer_->keys(), keys.get());
  for (const TensorInfo& t : tensors)
    if (t.required || (t.name == "output.weight" && !shape_.tied) ||
        (t.name.find("exp_probs_b") != std::string::npos && carries_bias(spec)))
      add(t);
}

uint64_t Synth::write(const std::string& path, const std::function<void(double)>& progress,
                      const std::atomic<bool>* stop) {
  return writer_->write(path, [&](size_t i) {
    if (stop && *stop) throw Error(cat(path, ": interrupted, nothing was written"), ErrorKind::interrupted);
    if (progress) progress(static_cast<double>(i) / static_cast<double>(writer_->tensors().size()));
    draw(writer_->tensors()[i], i);
    return std::span<const std::byte>(data_);
  });
}

/// What a reader will make of the keys: refuses sizes that no reader would take.
ModelSpec Synth::plan(const gguf_context* source, int64_t n_vocab) const {
  gguf_context_ptr keys(gguf_init_empty());
  gguf_set_kv(keys.get(), source);
  ggml_context_ptr shapes(ggml_init({ggml_tensor_overhead(), nullptr, true}));
  ggml_set_name(ggml_new_tensor_2d(shapes.get(), GGML_TYPE_F32, shape_.n_embd, n_vocab), "token_embd.weight");
  try {
    return read_spec(GgufFile("synth", std::move(keys), std::move(shapes)));
  } catch (const Error& e) {
    throw Error(e.what(), ErrorKind::usage);  // flags said it, not a file
  }
}

void Synth::add(const TensorInfo& info) {
  // MXFP4 is made for experts; files that use it keep the rest in Q8_0.
  const bool expert = info.name.find("_exps.weight") != std::string::npos;
  const ggml_type wanted = type_ == GGML_TYPE_MXFP4 && !expert ? GGML_TYPE_Q8_0 : type_;
  writer_->add(info.name, info.kind == TensorKind::matrix ? fitting(wanted, info.ne[0]) : GGML_TYPE_F32,
               info.ne);
  kinds_.push_back(info.kind);
}

/// Norms are 1, biases within 0.1; matrices are uniform with variance 1 / n_in (routers 4 / n_in, so that
/// they have an opinion).
void Synth::draw(const ggml_tensor* t, uint64_t index) {
  std::vector<std::byte>& out = data_;
  out.assign(ggml_nbytes(t), std::byte{0});
  const TensorKind kind = kinds_[index];
  const int64_t n_row = ggml_nrows(t), n = t->ne[0];
  const float half_width = kind == TensorKind::bias ? 0.1f
                                                    : std::sqrt(3.0f / static_cast<float>(n)) *
                                                          (kind == TensorKind::router ? 2.0f : 1.0f);
  const auto fill = [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(n));
    for (int64_t r = begin; r < end; ++r) {
      Random random(o_.seed, index,
                    static_cast<uint64_t>(r));  // a row of its own: any number of threads draws the same
      for (int64_t i = 0; i < n; i += 2) {
        const uint64_t bits = random.next();
        row[static_cast<size_t>(i)] = (static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f) * half_width;
        if (i + 1 < n)
          row[static_cast<size_t>(i + 1)] =
              (static_cast<float>(bits & 0xffffff) * 0x1p-23f - 1.0f) * half_width;
      }
      if (kind == TensorKind::norm) std::fill(row.begin(), row.end(), 1.0f);
      ggml_quantize_chunk(t->type, row.data(), out.data() + static_cast<size_t>(r) * t->nb[1], 0, 1, n,
                          nullptr);
    }
  };
  ggml_quantize_init(t->type);
  const auto n_thread = int64_t{usable_cores()};
  std::vector<std::thread> threads;
  const int64_t n_drawn = std::min(n_row, kDrawnRows);
  for (int64_t i = 0; i < n_thread; ++i)
    threads.emplace_back(fill, n_drawn * i / n_thread, n_drawn * (i + 1) / n_thread);
  for (std::thread& thread : threads) thread.join();
  for (int64_t r = n_drawn; r < n_row; ++r) {
    const uint64_t from = mix64(index ^ mix64(static_cast<uint64_t>(r))) % static_cast<uint64_t>(n_drawn);
    std::memcpy(out.data() + static_cast<size_t>(r) * t->nb[1], out.data() + from * t->nb[1],
                ggml_row_size(t->type, n));
  }
}

}  // namespace rouse
