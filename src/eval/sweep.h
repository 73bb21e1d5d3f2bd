/// eval/sweep.h - grids of method options.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace rouse {

/// "weak=rank:1..8", "beta=0.1:0.9:0.2", "routing=topk:2|rank:2": an option and the values it takes.
struct Sweep {
  std::string name;
  std::vector<std::string> values;
};
/// Throws Error (usage).
Sweep parse_sweep(const std::string& text);
/// The variants of a method: its own grid ("scmoe weak=rank:1..4 beta=0.3|0.6"), and the sweeps of those
/// options that it reads and does not set itself. Throws Error (usage) where there are too many.
std::vector<std::string> sweep_variants(const std::string& method, std::span<const Sweep> sweeps);
/// Throws Error (usage) naming a sweep that none of the methods takes.
void check_sweeps(std::span<const std::string> methods, std::span<const Sweep> sweeps);

}  // namespace rouse
