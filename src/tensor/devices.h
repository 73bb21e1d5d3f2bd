/// tensor/devices.h - the compute devices of a run, and which buffer type suits a weight on a device.
#pragma once

#include <ggml-cpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/thread_choice.h"

namespace rouse {

/// How a weight is multiplied; decides which packed layouts fit it.
enum class WeightUse { matrix, experts, other };

/// What can fail for want of memory or of a device.
enum class DeviceCall { schedule, allocate, compute };

/// The CPU, the first GPU that ggml was built for, and without a GPU a BLAS library.
class Devices {
 public:
  /// n_thread 0: as many as help, of the cores that the process may use (tensor/thread_choice.h). The first
  /// GPU, if any, is the accelerator.
  explicit Devices(int n_thread);

  ggml_backend_dev_t cpu() const { return cpu_; }
  /// Null when there is none.
  ggml_backend_dev_t gpu() const { return gpu_; }
  int n_thread() const { return n_thread_; }  ///< at most
  /// A scheduler over all devices for graphs of up to n_node nodes.
  ggml_backend_sched_ptr scheduler(size_t n_node) const;
  /// Places what is too small for a BLAS library on the CPU, and allocates. Throws Error naming `what` when
  /// memory runs out.
  void allocate(ggml_backend_sched_t scheduler, ggml_cgraph* graph, const std::string& what) const;
  /// Runs the graph. Throws Error naming `what` when a backend fails.
  void compute(ggml_backend_sched_t scheduler, ggml_cgraph* graph, const char* what) const;
  /// Called before each of the three above; a test makes one fail by throwing from it.
  std::function<void(DeviceCall)> before_call;

  /// Where a weight on `device` should live: a packed layout (worth 1.3-1.5x on a CPU) if the kernels take
  /// it.
  ggml_backend_buffer_type_t buffer_type(ggml_backend_dev_t device, const ggml_tensor* weight,
                                         WeightUse use) const;
  /// "CPU: Intel(R) Xeon(R) Processor, 2 threads" and one line an accelerator.
  std::string text() const;

 private:
  ggml_backend_dev_t cpu_ = nullptr, gpu_ = nullptr;
  int n_thread_ = 1;
  std::vector<ggml_backend_ptr> backends_;
  std::vector<ggml_backend_t> raw_;  ///< accelerators first, the CPU last
  bool blas_ = false;
  ggml_backend_set_n_threads_t set_threads_ = nullptr;  ///< of the CPU
  std::unique_ptr<ThreadChoice> choice_;                ///< where nobody fixed the number
};

}  // namespace rouse
