#include "calibration/plan_export.h"

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"
#include "gguf/writer.h"
#include "model/model_spec.h"
#include "routing/policy.h"

namespace rouse {

void export_plan(const PlanExport& o, const std::string& path, const std::function<void(double)>& progress,
                 const std::atomic<bool>* stop) {
  const GgufFile file(o.gguf);
  const ModelSpec spec = read_spec(file);
  require_model(spec.selection_bias, o.gguf, ": files of architecture ", spec.arch,
                " have no selection bias (exp_probs_b), so this format cannot hold a plan");
  require_model(file.n_part() == 1, o.gguf, ": is split; merge its parts first");
  RouterSpec router = spec.router;
  router.fingerprint = [&] { return file.fingerprint(); };
  const RoutingPolicy policy(cat("plan:", quote(o.plan), ",experts-only,lambda=", number_text(o.lambda)),
                             router);

  std::vector<const ggml_tensor*> copied;
  for (const ggml_tensor* t : file.tensors())
    if (std::string_view(t->name).find("exp_probs_b") == std::string_view::npos) copied.push_back(t);
  GgufWriter writer(copied.size() + router.layers.size());
  file.copy_keys(writer.keys());
  for (const ggml_tensor* t : copied)
    writer.add(t->name, t->type, std::vector<int64_t>(t->ne, t->ne + ggml_n_dims(t)));
  std::vector<std::vector<float>> biases;
  for (const int layer : router.layers) {
    const std::string name = cat("blk.", layer, ".exp_probs_b.bias");
    const auto bias = policy.choice().bias(layer);
    biases.emplace_back(bias.begin(), bias.end());
    if (const ggml_tensor* own = file.tensor(name)) {
      const auto* values = reinterpret_cast<const float*>(file.data(own).data());
      for (size_t e = 0; e < biases.back().size(); ++e) biases.back()[e] += values[e];
    }
    writer.add(name, GGML_TYPE_F32, {router.n_expert});
  }
  writer.write(path, [&](size_t i) {
    if (stop && *stop) throw Error(cat(path, ": interrupted, nothing was written"), ErrorKind::interrupted);
    if (progress) progress(static_cast<double>(i) / static_cast<double>(writer.tensors().size()));
    return i < copied.size() ? file.data(copied[i]) : std::as_bytes(std::span(biases[i - copied.size()]));
  });
}

}  // namespace rouse
