/// cli/synth.cpp - random-weight model files of a supported architecture and size, with a real tokenizer.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct SynthOptions {
  std::string arch = "llama", quant = "q4_0", vocab_from, output;
  int n_layer = 4, n_embd = 256, n_head = 8, n_head_kv = 0, n_expert = 8, n_expert_used = 2,
      n_ff_expert = 256, n_ff = 0;
  int n_shared = 0, n_dense = 0, n_ctx = 4096;
  uint64_t seed = 1;
  bool tied = false;
};

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
  throw Error(cat("--quant \"", name, "\" is not known; known: ", join(known, ", ")), Exit::usage);
}

/// The tensors and keys of a file before its weights are drawn.
class Writer {
 public:
  Writer(const SynthOptions& o, const GgufFile& vocab)
      : o_(o), type_(parse_type(o.quant)), gguf_(gguf_init_empty()) {
    context_.reset(
        ggml_init({ggml_tensor_overhead() * static_cast<size_t>(o.n_layer * 16 + 8), nullptr, true}));
    copy_vocabulary(vocab);
    add_keys();
    add_tensors(static_cast<int64_t>(*vocab.array_length("tokenizer.ggml.tokens")));
  }

  uint64_t write(const std::string& path) {
    require(gguf_write_to_file(gguf_.get(), path.c_str(), true), path, ": cannot write");
    std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(path.c_str(), "ab"), std::fclose);
    require(out != nullptr, path, ": cannot write");
    ProgressBar bar("writing");
    uint64_t index = 0, total = 0;
    const auto count = static_cast<double>(gguf_get_n_tensors(gguf_.get()));
    for (ggml_tensor* t = ggml_get_first_tensor(context_.get()); t;
         t = ggml_get_next_tensor(context_.get(), t)) {
      const std::vector<std::byte> data = draw(t, index++);
      require(std::fwrite(data.data(), 1, data.size(), out.get()) == data.size(), path,
              ": cannot write (disk full?)");
      total += data.size();
      bar.update(static_cast<double>(index) / count);
      require(!interrupted, path, ": interrupted, the file is incomplete");
    }
    return total;
  }

 private:
  void copy_vocabulary(const GgufFile& vocab) {
    gguf_context_ptr source(
        gguf_init_from_buffer(vocab.map().bytes().data(), vocab.map().bytes().size(), {true, nullptr}));
    gguf_set_kv(gguf_.get(), source.get());
    for (size_t i = 0; i < vocab.n_key(); ++i)
      if (vocab.key_name(i).rfind("tokenizer.", 0) != 0)
        gguf_remove_key(gguf_.get(), vocab.key_name(i).c_str());
  }

  void add_keys() {
    gguf_context* g = gguf_.get();
    const std::string p = o_.arch + ".";
    const auto u32 = [&](const std::string& key, int value) {
      gguf_set_val_u32(g, (p + key).c_str(), static_cast<uint32_t>(value));
    };
    gguf_set_val_str(g, "general.architecture", o_.arch.c_str());
    gguf_set_val_str(g, "general.name",
                     cat("synth-", o_.arch, "-", o_.n_layer, "x", o_.n_embd, "-seed", o_.seed).c_str());
    u32("block_count", o_.n_layer);
    u32("context_length", o_.n_ctx);
    u32("embedding_length", o_.n_embd);
    u32("feed_forward_length", n_ff());
    u32("attention.head_count", o_.n_head);
    u32("attention.head_count_kv", n_head_kv());
    u32("rope.dimension_count", o_.n_embd / o_.n_head);
    gguf_set_val_f32(g, (p + "rope.freq_base").c_str(), 10000.0f);
    gguf_set_val_f32(g, (p + "attention.layer_norm_rms_epsilon").c_str(), 1e-5f);
    if (o_.n_expert == 0) return;
    u32("expert_count", o_.n_expert);
    u32("expert_used_count", o_.n_expert_used);
    u32("expert_feed_forward_length", o_.n_ff_expert);
    if (o_.arch == "deepseek") {
      u32("expert_shared_count", o_.n_shared);
      u32("leading_dense_block_count", o_.n_dense);
      gguf_set_val_f32(g, (p + "expert_weights_scale").c_str(), 1.0f);
    }
  }

  void add(const std::string& name, std::vector<int64_t> ne, bool plain = false) {
    const bool vector = ne.size() == 1;
    // Rows that do not divide into blocks stay F16, as converters do.
    const ggml_type wanted = vector || plain                      ? GGML_TYPE_F32
                             : ne[0] % ggml_blck_size(type_) == 0 ? type_
                                                                  : GGML_TYPE_F16;
    ggml_tensor* t = ggml_new_tensor(context_.get(), wanted, static_cast<int>(ne.size()), ne.data());
    ggml_set_name(t, name.c_str());
    gguf_add_tensor(gguf_.get(), t);
  }

  void add_tensors(int64_t n_vocab) {
    const int64_t n = o_.n_embd, kv = n / o_.n_head * n_head_kv(), e = o_.n_expert, ff = o_.n_ff_expert,
                  dense = n_ff();
    add("token_embd.weight", {n, n_vocab});
    for (int layer = 0; layer < o_.n_layer; ++layer) {
      const std::string b = cat("blk.", layer, ".");
      add(b + "attn_norm.weight", {n});
      add(b + "attn_q.weight", {n, n});
      add(b + "attn_k.weight", {n, kv});
      add(b + "attn_v.weight", {n, kv});
      add(b + "attn_output.weight", {n, n});
      add(b + "ffn_norm.weight", {n});
      if (e == 0 || layer < o_.n_dense) {
        add(b + "ffn_gate.weight", {n, dense});
        add(b + "ffn_up.weight", {n, dense});
        add(b + "ffn_down.weight", {dense, n});
        continue;
      }
      add(b + "ffn_gate_inp.weight", {n, e}, true);
      add(b + "ffn_gate_exps.weight", {n, ff, e});
      add(b + "ffn_up_exps.weight", {n, ff, e});
      add(b + "ffn_down_exps.weight", {ff, n, e});
      if (o_.n_shared > 0) {
        add(b + "ffn_gate_shexp.weight", {n, ff * o_.n_shared});
        add(b + "ffn_up_shexp.weight", {n, ff * o_.n_shared});
        add(b + "ffn_down_shexp.weight", {ff * o_.n_shared, n});
      }
    }
    add("output_norm.weight", {n});
    if (!o_.tied) add("output.weight", {n, n_vocab});
  }

  /// Norms are 1; matrices are uniform with variance 1 / n_in (routers 4 / n_in, so that they have an
  /// opinion).
  std::vector<std::byte> draw(const ggml_tensor* t, uint64_t index) const {
    std::vector<std::byte> out((ggml_nbytes(t) + GGUF_DEFAULT_ALIGNMENT - 1) / GGUF_DEFAULT_ALIGNMENT *
                               GGUF_DEFAULT_ALIGNMENT);
    const bool norm = ggml_n_dims(t) == 1;
    const bool router = std::string(t->name).find("ffn_gate_inp") != std::string::npos;
    const int64_t n_row = ggml_nrows(t), n = t->ne[0];
    const float half_width = std::sqrt(3.0f / static_cast<float>(n)) * (router ? 2.0f : 1.0f);
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
        if (norm) std::fill(row.begin(), row.end(), 1.0f);
        ggml_quantize_chunk(t->type, row.data(), out.data() + static_cast<size_t>(r) * t->nb[1], 0, 1, n,
                            nullptr);
      }
    };
    ggml_quantize_init(t->type);
    const auto n_thread = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < n_thread; ++i)
      threads.emplace_back(fill, n_row * i / n_thread, n_row * (i + 1) / n_thread);
    for (std::thread& thread : threads) thread.join();
    return out;
  }

  int n_head_kv() const { return o_.n_head_kv ? o_.n_head_kv : o_.n_head; }
  int n_ff() const { return o_.n_ff ? o_.n_ff : o_.n_expert ? o_.n_ff_expert : 4 * o_.n_embd; }

  SynthOptions o_;
  ggml_type type_;
  gguf_context_ptr gguf_;
  ggml_context_ptr context_;
};

int synth(const SynthOptions& o) {
  require_usage(o.arch == "llama" || o.arch == "deepseek", "--arch \"", o.arch,
                "\" is not supported; known: llama, deepseek");
  require_usage(o.n_embd % o.n_head == 0 && o.n_embd / o.n_head % 2 == 0, "--embd ", o.n_embd,
                " over --heads ", o.n_head, " must give heads of even width");
  require_usage(o.n_head_kv == 0 || o.n_head % o.n_head_kv == 0, "--heads ", o.n_head,
                " must be a multiple of --kv-heads ", o.n_head_kv);
  require_usage(o.n_expert == 0 || (o.n_expert_used >= 1 && o.n_expert_used <= o.n_expert),
                "--experts-used is ", o.n_expert_used, ", expected 1 to ", o.n_expert);
  require_usage(o.arch == "deepseek" || (o.n_shared == 0 && o.n_dense == 0),
                "--shared and --dense-layers need --arch deepseek");
  require_usage(o.arch == "llama" || o.n_expert > 0, "--arch deepseek needs experts");
  ModelOptions m;
  m.model = o.vocab_from;
  const GgufFile vocab(model_path(m));
  require_model(vocab.array_length("tokenizer.ggml.tokens").has_value(), vocab.path(), ": has no vocabulary");
  const uint64_t n_byte = Writer(o, vocab).write(o.output);
  std::fprintf(stderr, "%s: %s of %s weights\n", o.output.c_str(), bytes_text(n_byte).c_str(),
               o.quant.c_str());
  return 0;
}

}  // namespace

void add_synth(CLI::App& app) {
  auto o = std::make_shared<SynthOptions>();
  CLI::App* sub =
      app.add_subcommand("synth", "Write a random-weight model file: for tests, benchmarks, scale studies");
  const auto count = [&](const char* flag, int& value, const char* help, int low = 1) {
    sub->add_option(flag, value, help)->capture_default_str()->check(CLI::Range(low, 1 << 20));
  };
  sub->add_option("--arch", o->arch, "llama (dense or Mixtral) or deepseek")->capture_default_str();
  count("--layers", o->n_layer, "blocks");
  count("--embd", o->n_embd, "width");
  count("--heads", o->n_head, "attention heads");
  count("--kv-heads", o->n_head_kv, "KV heads (0: as many)", 0);
  count("--experts", o->n_expert, "experts a layer (0: dense)", 0);
  count("--experts-used", o->n_expert_used, "experts a token");
  count("--expert-ff", o->n_ff_expert, "width of an expert");
  count("--ff", o->n_ff, "width of a dense feed-forward layer (0: --expert-ff, or 4 x width)", 0);
  count("--shared", o->n_shared, "shared experts (deepseek)", 0);
  count("--dense-layers", o->n_dense, "leading dense layers (deepseek)", 0);
  count("--ctx", o->n_ctx, "declared context");
  sub->add_option("--quant", o->quant, "type of the matrices: f32, f16, q8_0, q4_0, q4_K, ...")
      ->capture_default_str();
  sub->add_option("--seed", o->seed, "seed of the weights")->capture_default_str();
  sub->add_option("--vocab-from", o->vocab_from,
                  "take the vocabulary of this GGUF (the default model's if left out)");
  sub->add_flag("--tied", o->tied, "no head of its own: the embeddings serve");
  sub->add_option("-o,--output", o->output, "file to write")->required();
  sub->callback([o] { std::exit(synth(*o)); });
}

}  // namespace rouse
