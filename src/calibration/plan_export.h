/// calibration/plan_export.h - a plan inside a model file, where its format has a place for one.
#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace rouse {

struct PlanExport {
  std::string plan, gguf;  ///< the plan and the model file that it was measured on
  double lambda = 0.1;     ///< weight of the impact
};
/// Writes a copy of the model whose selection bias holds lambda times the plan's impact: unmodified llama.cpp
/// then chooses experts as `plan:FILE,experts-only` does. Budgets cannot be written: the format has one k for
/// all blocks. Throws Error for a model whose format has no selection bias, and (interrupted) when stopped.
void export_plan(const PlanExport& o, const std::string& path,
                 const std::function<void(double)>& progress = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace rouse
