#include "tensor/devices.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "base/verbose.h"
#include "tensor/cores.h"
#include "tensor/log.h"

namespace rouse {

/// GCC's OpenMP threads turn at a barrier for milliseconds before they sleep, and take the core from the
/// thread that all are waiting for where another process runs too. It turns a hundred times only
/// once the process has more of those threads than cores; so it gets one more, which sleeps.
static void bound_waiting() {
#if defined(_OPENMP) && !defined(__clang__)
  static std::once_flag once;
  std::call_once(once, [] {
    std::thread([] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      std::atomic<int> n{0};
#pragma omp parallel num_threads(2)
      ++n;
      while (true) pause();
    }).detach();
  });
#endif
}

Devices::Devices(int n_thread) : n_thread_(n_thread > 0 ? n_thread : usable_cores()) {
  if (n_thread_ > 1) bound_waiting();
  ggml_log_set(log_callback, nullptr);
  cpu_ = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  require(cpu_ != nullptr, "ggml has no CPU backend");
  gpu_ = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU);
  if (gpu_) backends_.emplace_back(ggml_backend_dev_init(gpu_, nullptr));
  if (auto* blas = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_ACCEL); blas && !gpu_) {
    backends_.emplace_back(ggml_backend_dev_init(blas, nullptr));
    blas_ = true;
  }
  backends_.emplace_back(ggml_backend_dev_init(cpu_, nullptr));
  for (const auto& backend : backends_) {
    require(backend != nullptr, "a ggml backend could not be started");
    raw_.push_back(backend.get());
  }
  for (ggml_backend_t backend : raw_) {
    auto* registry = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend));
    set_threads_ = reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
    if (set_threads_) set_threads_(backend, n_thread_);
  }
  require(set_threads_ != nullptr, "ggml's CPU backend takes no thread count");
  if (n_thread == 0 && n_thread_ > 1) choice_ = std::make_unique<ThreadChoice>(n_thread_);
}

ggml_backend_sched_ptr Devices::scheduler(size_t n_node) const {
  if (before_call) before_call(DeviceCall::schedule);
  return ggml_backend_sched_ptr(ggml_backend_sched_new(const_cast<ggml_backend_t*>(raw_.data()), nullptr,
                                                       static_cast<int>(raw_.size()), n_node, false, true));
}

/// ggml offers a BLAS library every product of 32 rows that lies in plain memory. It wins on large ones:
/// fewer rows, or a router's few columns, do not pay for the way there.
static bool large(const ggml_tensor* product) {
  return product->ne[0] >= 256 && product->ne[1] >= 128;
}

/// A product that is pinned to the CPU would still move: ggml's scheduler hands every node on to a backend of
/// the same memory that takes it. So while it deals out the nodes, small products carry a hint for which its
/// BLAS backend takes none.
void Devices::allocate(ggml_backend_sched_t scheduler, ggml_cgraph* graph, const std::string& what) const {
  if (before_call) before_call(DeviceCall::allocate);
  constexpr int kHint = 1;  // its place among a product's parameters
  std::vector<ggml_tensor*> small;
  for (int i = 0; blas_ && i < ggml_graph_n_nodes(graph); ++i) {
    ggml_tensor* node = ggml_graph_node(graph, i);
    if (node->op == GGML_OP_MUL_MAT && !large(node) && node->op_params[kHint] == 0) small.push_back(node);
  }
  for (ggml_tensor* product : small) product->op_params[kHint] = GGML_HINT_SRC0_IS_HADAMARD;
  const bool allocated = ggml_backend_sched_alloc_graph(scheduler, graph);
  for (ggml_tensor* product : small) product->op_params[kHint] = 0;
  require(allocated, "not enough memory for ", what);
}

/// Multiplications of the graph's products; nothing where one of them is large, as a BLAS library's results
/// may depend on its threads.
static std::optional<double> small_work(ggml_cgraph* graph) {
  double work = 0;
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    const ggml_tensor* node = ggml_graph_node(graph, i);
    if (node->op != GGML_OP_MUL_MAT && node->op != GGML_OP_MUL_MAT_ID) continue;
    if (node->op == GGML_OP_MUL_MAT && large(node)) return std::nullopt;
    work += static_cast<double>(ggml_nelements(node)) * static_cast<double>(node->src[0]->ne[0]);
  }
  return work;
}

void Devices::compute(ggml_backend_sched_t scheduler, ggml_cgraph* graph, const char* what) const {
  if (before_call) before_call(DeviceCall::compute);
  const std::optional<double> work = choice_ ? small_work(graph) : std::nullopt;
  const int n_thread = work ? choice_->threads(*work) : n_thread_;
  if (choice_) set_threads_(raw_.back(), n_thread);
  const double begin = now_seconds();
  const ggml_status status = ggml_backend_sched_graph_compute(scheduler, graph);
  require(status == GGML_STATUS_SUCCESS, "the backend failed in ", what, ": ", ggml_status_to_string(status));
  const double seconds = now_seconds() - begin;
  if (work) choice_->note(*work, seconds);
  tell([&] {
    const char* why = work ? "by what was measured of such graphs" : choice_ ? "all" : "as given";
    return formatted("%-20s %9.3f ms, %d thread%s (%s)", what, 1000 * seconds, n_thread,
                     n_thread == 1 ? "" : "s", why);
  });
}

/// Whether the device can multiply by `weight` when it lies in a buffer of type `type`. Asked of an empty
/// buffer.
static bool suits(ggml_backend_dev_t device, ggml_backend_buffer_type_t type, const ggml_tensor* weight,
                  WeightUse use) {
  const ggml_context_ptr scratch(ggml_init({ggml_tensor_overhead() * 8, nullptr, true}));
  ggml_context* g = scratch.get();
  ggml_tensor* w = ggml_new_tensor(g, weight->type, ggml_n_dims(weight), weight->ne);
  ggml_tensor* op = nullptr;
  if (use == WeightUse::experts) {
    ggml_tensor* x = ggml_new_tensor_3d(g, GGML_TYPE_F32, w->ne[0], 1, 512);
    ggml_tensor* ids = ggml_new_tensor_2d(g, GGML_TYPE_I32, 1, 512);
    op = ggml_mul_mat_id(g, w, x, ids);
  } else {
    op = ggml_mul_mat(g, w, ggml_new_tensor_4d(g, GGML_TYPE_F32, w->ne[0], 512, w->ne[2], w->ne[3]));
  }
  const ggml_backend_buffer_ptr empty(ggml_backend_buft_alloc_buffer(type, 0));
  w->buffer = empty.get();
  return ggml_backend_dev_supports_op(device, op);
}

ggml_backend_buffer_type_t Devices::buffer_type(ggml_backend_dev_t device, const ggml_tensor* weight,
                                                WeightUse use) const {
  if (use != WeightUse::other) {
    auto* registry = ggml_backend_dev_backend_reg(device);
    auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"));
    if (extra)
      for (ggml_backend_buffer_type_t* type = extra(device); type && *type; ++type)
        if (suits(device, *type, weight, use)) return *type;
  }
  return ggml_backend_dev_buffer_type(device);
}

std::string Devices::text() const {
  std::string out = cat("CPU: ", ggml_backend_dev_description(cpu_), choice_ ? ", up to " : ", ", n_thread_,
                        n_thread_ == 1 ? " thread" : " threads");
  if (gpu_) out += cat("\nGPU: ", ggml_backend_dev_description(gpu_));
  return out;
}

}  // namespace rouse
