#include "engine/llama_model.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "engine/llama_probe.h"
#include "model/tensors.h"
#include "tensor/log.h"

namespace rouse {

int node_layer(const char* name) {
  const char* dash = std::strrchr(name, '-');
  if (!dash || std::strchr(name, ' ') || dash[1] < '0' || dash[1] > '9') return -1;
  return std::atoi(dash + 1);
}

LlamaModel::LlamaModel(GgufFile file, std::shared_ptr<const Devices> devices, const Placement& placement,
                       int n_slot, const Model::Progress& progress)
    : file_(std::move(file)), devices_(std::move(devices)) {
  load(placement, n_slot, progress);
  read_spec();
  find_routers(n_slot);
  weigh();
}

/// k as the file's header says it, the same in every block that routes; 0: there is none.
static int trained_slots(const GgufFile& file, const std::string& arch) {
  const std::string key = arch + ".expert_used_count";
  if (!file.array_type(key)) return static_cast<int>(file.integer(key).value_or(0));
  int64_t most = 0;
  for (const int64_t k : file.integers(key)) most = std::max(most, k);
  return static_cast<int>(most);
}

/// Numbers of experts that end the process where libllama meets them.
static void check_experts(const GgufFile& file, const std::string& arch, int64_t n_expert, int trained) {
  const int64_t n_group = file.integer(arch + ".expert_group_count").value_or(0);
  const int64_t n_group_used = file.integer(arch + ".expert_group_used_count").value_or(0);
  require_model(n_expert > 0 ? trained > 0 && trained <= n_expert : n_expert == 0 && trained == 0,
                file.path(), ": ", trained, " experts a row of the ", n_expert, " that a block has");
  require_model(n_group >= 0 && (n_expert > 0 ? n_group < n_expert : n_group == 0), file.path(), ": ",
                n_group, " groups of ", n_expert, " experts");
  require_model(n_group <= 1 || (n_expert % n_group == 0 && n_group_used > 0 && n_group_used < n_group),
                file.path(), ": ", n_group_used, " of ", n_group, " groups of ", n_expert, " experts");
}

/// Where tensors go, in libllama's terms. The patterns and the list must outlive the load.
static std::vector<llama_model_tensor_buft_override> overrides_of(const Placement& placement,
                                                                  const Devices& devices,
                                                                  std::vector<std::string>& patterns) {
  for (const auto& [pattern, device] : placement.overrides) patterns.push_back(pattern);
  for (int layer = 0; layer < placement.n_cpu_moe; ++layer)
    patterns.push_back(cat("blk\\.", layer, "\\.ffn_(up|down|gate|gate_up)_(ch|)exps"));
  std::vector<llama_model_tensor_buft_override> out;
  for (size_t i = 0; i < patterns.size(); ++i) {
    const bool gpu = i < placement.overrides.size() && placement.overrides[i].second == "GPU";
    require_option(!gpu || devices.gpu(), "override_tensor", ": this build or machine has no GPU");
    out.push_back({patterns[i].c_str(), ggml_backend_dev_buffer_type(gpu ? devices.gpu() : devices.cpu())});
  }
  out.push_back({nullptr, nullptr});
  return out;
}

void LlamaModel::load(const Placement& placement, int n_slot, const Model::Progress& progress) {
  const std::string arch = file_.text("general.architecture").value_or("");
  const int trained = trained_slots(file_, arch);
  n_slot_ = n_slot > 0 && trained > 0 ? n_slot : trained;
  const int64_t n_expert = file_.integer(arch + ".expert_count").value_or(0);
  check_experts(file_, arch, n_expert, trained);
  require_of(n_slot_ <= n_expert, ErrorKind::bad_model, "n_slots", file_.path(), ": ", n_slot_,
             " experts a row of the ", n_expert, " that a block has");
  llama_model_kv_override slots[2] = {};
  if (n_slot_ != trained) {
    require_of(
        !file_.array_type(arch + ".expert_used_count"), ErrorKind::unsupported, "n_slots", file_.path(),
        ": its blocks say each by itself how many experts a row runs, so libllama cannot run ", n_slot_);
    slots[0].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    std::snprintf(slots[0].key, sizeof slots[0].key, "%s.expert_used_count", arch.c_str());
    slots[0].val_i64 = n_slot_;
  }
  std::vector<std::string> patterns;
  const auto overrides = overrides_of(placement, *devices_, patterns);
  ggml_backend_dev_t nowhere[1] = {nullptr};
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = placement.n_gpu_layer;
  if (!devices_->gpu() || placement.n_gpu_layer == 0) params.devices = nowhere;
  if (slots[0].key[0]) params.kv_overrides = slots;
  if (overrides.size() > 1) params.tensor_buft_overrides = overrides.data();
  if (progress) {
    params.progress_callback_user_data = const_cast<Model::Progress*>(&progress);
    params.progress_callback = [](float done, void* data) {
      (*static_cast<const Model::Progress*>(data))(static_cast<double>(done));
      return true;
    };
  }
  llama_log_set(log_callback, nullptr);
  const LogCapture log;  // libllama gives its reasons nowhere else
  model_.reset(llama_model_load_from_file(file_.path().c_str(), params));
  require_model(model_ != nullptr, file_.path(), ": libllama cannot run architecture \"", arch,
                "\": ", trim(log.first_error()));
  require_model(llama_model_has_decoder(model_.get()) && !llama_model_has_encoder(model_.get()) &&
                    !llama_model_is_diffusion(model_.get()),
                file_.path(), ": architecture \"", arch, "\" is not a decoder that writes on from a text");
}

void LlamaModel::read_spec() {
  spec_.arch = file_.text("general.architecture").value_or("");
  spec_.name = file_.text("general.name").value_or("");
  spec_.n_layer = llama_model_n_layer(model_.get());
  spec_.n_embd = llama_model_n_embd(model_.get());
  spec_.n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
  spec_.n_ctx_train = llama_model_n_ctx_train(model_.get());
  spec_.tied_head = !file_.tensor("output.weight");
  spec_.router.n_expert_used = n_slot_;
  spec_.router.fingerprint = [this] { return file_.fingerprint(); };
  require_model(spec_.n_vocab > 0, file_.path(), ": it has no vocabulary, which libllama's engine needs");
}

/// Bytes that a token reads, by part.
void LlamaModel::weigh() {
  for (const ggml_tensor* t : file_.tensors()) {
    const std::string name = t->name, part = tensor_part(name);
    if (part == "experts") {
      const int layer = name.starts_with("blk.") ? std::atoi(name.c_str() + 4) : -1;
      for (LlamaRouter& r : routers_)
        if (r.layer == layer && spec_.router.n_expert > 0)
          r.bytes += ggml_nbytes(t) / static_cast<uint64_t>(spec_.router.n_expert);
    } else if (name == (spec_.tied_head ? "token_embd.weight" : "output.weight")) {
      head_bytes_ += ggml_nbytes(t);
    } else if (part != "embeddings") {
      dense_bytes_ += ggml_nbytes(t);
    }
  }
}

void LlamaModel::find_routers(int n_slot) {
  LlamaProbe probe(*this);
  parts_ = probe.parts();
  const int trained = trained_slots(file_, spec_.arch);
  const bool by_block = file_.array_type(spec_.arch + ".expert_used_count").has_value();
  RouterSpec found = spec_.router;
  try {
    routers_ = probe.routers(found);
    if (found.moe() && !by_block && found.n_expert_used != n_slot_)
      throw Error(
          cat("its blocks run ", found.n_expert_used, " experts a row, by its keys it would be ", n_slot_),
          ErrorKind::unsupported);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::unsupported) throw;
    routers_.clear();
    found = {};
    found.why_not = e.what();
  }
  found.fingerprint = spec_.router.fingerprint;
  spec_.router = std::move(found);
  const bool routed = spec_.router.moe();
  if (routed && by_block) n_slot_ = spec_.router.n_expert_used;  // dense blocks may name a number too
  if (routed && !by_block) spec_.router.n_expert_used = trained;
  require_of(routed || n_slot_ == trained, ErrorKind::unsupported, "n_slots", file_.path(), ": ", n_slot_,
             " experts a row instead of ", trained,
             " change a model that rouse cannot route: ", spec_.router.why_not);
  require_of(!by_block || n_slot <= 0 || n_slot == n_slot_, ErrorKind::unsupported, "n_slots", file_.path(),
             ": its blocks say each by itself how many experts a row runs, so libllama cannot run ", n_slot);
}

llama_context_ptr llama_context_of(const LlamaModel& model, int n_ctx, int n_batch, int n_sequence,
                                   ggml_type kv_type, bool flash_attention,
                                   ggml_backend_sched_eval_callback callback, void* data) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(n_ctx);
  params.n_batch = params.n_ubatch = static_cast<uint32_t>(n_batch);
  params.n_seq_max = static_cast<uint32_t>(n_sequence);
  params.n_outputs_max = static_cast<uint32_t>(std::max(n_batch, n_sequence));  // fewer end the process
  params.n_threads = params.n_threads_batch = model.devices().n_thread();
  params.type_k = params.type_v = kv_type;
  // Its flash attention rounds an F32 cache to F16 on the way.
  params.flash_attn_type = flash_attention && kv_type != GGML_TYPE_F32 ? LLAMA_FLASH_ATTN_TYPE_AUTO
                                                                       : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.swa_full = true;  // a window alone could not be shortened
  params.kv_unified = true;
  params.no_perf = true;
  params.cb_eval = callback;
  params.cb_eval_user_data = data;
  const LogCapture log;
  llama_context_ptr context(llama_init_from_model(model.model(), params));
  require_room(context != nullptr, "n_ctx", "libllama cannot make a context of ", n_ctx,
               " cells: ", trim(log.first_error()));
  return context;
}

}  // namespace rouse
